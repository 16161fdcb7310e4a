package describe

import (
	"net/http"
	"strconv"
	"strings"

	"sluice/server/response"
)

// problemExample is a problem as a viewer shows it. Its title is that of real ones, and
// the detail, which differs from request to request, is left out.
func problemExample(status int, code string) response.Problem {
	return *response.NewProblem(status, code, problemTitle(status, code), "")
}

func problemTitle(status int, code string) string {
	switch {
	case status == http.StatusBadRequest:
		return response.BadRequest(code, "").Title
	case strings.HasPrefix(code, "identity-"):
		return "No identity"
	case status == http.StatusForbidden && code == "stream":
		return "You may not read this stream"
	}
	title, ok := problemTitles[code]
	if !ok {
		panic("describe: no title of the problem " + strconv.Quote(code)) // a mistake in a table
	}
	return title
}

// problemTitles are by the codes of problems.
var problemTitles = map[string]string{
	"cross-origin":    "Not for pages of another site",
	"decisions-off":   "Decisions are not remembered",
	"delivery":        "There is no such delivery",
	"idempotency-key": "The key belongs to another message",
	"internal":        "The gateway failed",
	"media-type":      "This can't be published",
	"not-announced":   "Not in force everywhere",
	"not-found":       "There is nothing here",
	"not-written":     "Not written",
	"operator":        "Only for operators",
	"portal-key":      "There is no such key",
	"portal-limit":    "Too many keys or tickets",
	"portal-login":    "Only for those who are signed in",
	"portal-role":     "Only for developers",
	"portal-ticket":   "There is no such ticket",
	"role":            "You may not publish",
	"schema":          "The message doesn't fit its schema",
	"scope":           "The key is not for this",
	"slow-body":       "The body came too slowly",
	"state":           "No state",
	"stream":          "There is no such stream",
	"subscriber":      "There is no such connection",
	"too-large":       "The body is too large",
	"unavailable":     "Not available now",
	"unconfirmed":     "Not confirmed",
	"websocket":       "This is for WebSockets",
}
