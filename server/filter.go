package server

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"sluice/server/auth"
	"sluice/server/describe"
	"sluice/server/openapi"
	"sluice/server/response"
	"sluice/stream"
)

const (
	maxSubject = 1024 // bytes of one subject
	maxEvent   = 200  // bytes of one event's name; no event has a longer one
)

// filterOf reads what a request narrows its streams to. any says that it follows the
// subject of a ticket, whatever user its events belong to.
func filterOf(query url.Values, who auth.Principal) (f stream.Filter, anyUser bool, refused *response.Problem) {
	return narrow(stream.NewFilter(query["subject"], strings.Split(strings.Join(query["event"], ","), ",")), who)
}

// narrow is a filter that somebody asks for, as far as they may. A ticket's is narrowed
// to its subject.
func narrow(f stream.Filter, who auth.Principal) (_ stream.Filter, anyUser bool, refused *response.Problem) {
	if refused = checkNames("subject", f.Subjects(), maxSubject); refused == nil {
		refused = checkNames("event", f.Events(), maxEvent)
	}
	if refused != nil || who.Subject == "" {
		return f, false, refused
	}
	if slices.ContainsFunc(f.Subjects(), func(s string) bool { return s != who.Subject }) {
		return f, false, response.NewProblem(http.StatusForbidden, "subject", "You may not read this subject", "The subject parameter names one that your ticket is not for.")
	}
	return stream.NewFilter([]string{who.Subject}, f.Events()), who.User == "", nil
}

// checkNames refuses too many names, and names that nothing can have.
func checkNames(parameter string, names []string, longest int) *response.Problem {
	if len(names) > stream.MaxFilter {
		return response.BadRequest(parameter, fmt.Sprintf("The %s parameter has %d values. It may have at most %d.", parameter, len(names), stream.MaxFilter))
	}
	if slices.ContainsFunc(names, func(name string) bool { return len(name) > longest || !utf8.ValidString(name) }) {
		return response.BadRequest(parameter, fmt.Sprintf("The %s parameter is too long, or not UTF-8.", parameter))
	}
	return nil
}

// What filterOf reads.
var (
	subjectParameter = describe.Query("subject", fmt.Sprintf("Only what is about this subject, of at most %d bytes of UTF-8. The parameter may be repeated, for up to %d subjects.", maxSubject, stream.MaxFilter),
		openapi.List(openapi.String(""), ""))
	eventParameter = describe.List(describe.Query("event", fmt.Sprintf("Only events of these names, up to %d. `message` stands for events without a name. It narrows events and polls, but no state and no snapshot. The gateway's own events always come.", stream.MaxFilter),
		openapi.List(openapi.String(""), "")))
)
