package server

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"sluice/server/auth"
)

// problem is an RFC 9457 document: why a request got no stream. It says what
// was wrong with the request. It repeats nothing of it, and discloses neither
// what exists nor what would have been accepted.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`

	challenge  string        // WWW-Authenticate, for a 401
	allow      string        // Allow, for a 405
	retryAfter time.Duration // Retry-After, rounded up to seconds
	anonymous  bool          // the request carries no credentials at all
	wait       string        // why the caller has only to wait; see Server.unavailable
	atLeast    tick          // how long it is to wait, at least
}

func (p *problem) Error() string { return p.Title + ": " + p.Detail }

// problemPrefix is what the types of problems begin with.
const problemPrefix = "urn:sluice:problem:"

// newProblem titles a problem by its code, which is also what its type ends in.
func newProblem(status int, code, title, detail string) *problem {
	return &problem{Type: problemPrefix + code, Title: title, Status: status, Detail: detail}
}

func badRequest(code, detail string) *problem {
	return newProblem(http.StatusBadRequest, code, "The request can't be understood", detail)
}

// unidentified turns a failed identity into its problem. An error that is not auth's own
// is the gateway's fault, and its text stays inside.
func unidentified(err error) *problem {
	var refused *auth.Error
	if !errors.As(err, &refused) {
		return internal()
	}
	p := newProblem(http.StatusUnauthorized, "identity-"+string(refused.Reason), "No identity", refused.Detail)
	p.challenge = refused.Challenge
	p.anonymous = refused.Reason == auth.ReasonMissing
	return p
}

func internal() *problem {
	return newProblem(http.StatusInternalServerError, "internal", "The gateway failed", "Its log says why.")
}

// write sends p. Answers that say who may see what are for no cache.
func (p *problem) write(w http.ResponseWriter) {
	body, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and a number
	}
	header := w.Header()
	header.Set("Content-Type", "application/problem+json")
	header.Set("Cache-Control", "private, no-store")
	header.Add("Vary", "Authorization, Cookie")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Length", strconv.Itoa(len(body)+1))
	if p.challenge != "" {
		header.Set("WWW-Authenticate", p.challenge)
	}
	if p.allow != "" {
		header.Set("Allow", p.allow)
	}
	if p.retryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(int((p.retryAfter+time.Second-1)/time.Second)))
	}
	w.WriteHeader(p.Status)
	w.Write(append(body, '\n')) // a client that is gone has no use for the error
}
