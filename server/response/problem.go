// Package response has the answers of a request that gets no stream. These are JSON
// (json.go, and time.go for its times), the problem with the request (problem.go), and
// texts that never change while the gateway runs (document.go).
package response

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sluice/server/auth"
)

// Problem is an RFC 9457 document: why a request got nothing. It says what was wrong with
// the request. It repeats nothing of it, and discloses neither what exists nor what would
// have been accepted.
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`

	Challenge  string        `json:"-"` // WWW-Authenticate, for a 401
	Allow      string        `json:"-"` // Allow, for a 405
	RetryAfter time.Duration `json:"-"` // Retry-After, rounded up to seconds
	Anonymous  bool          `json:"-"` // the request carries no credentials at all
	Wait       string        `json:"-"` // why the caller has only to wait: then it may be answered otherwise
}

// Error implements error.
func (p *Problem) Error() string { return p.Title + ": " + p.Detail }

// ProblemPrefix is what the types of problems begin with.
const ProblemPrefix = "urn:sluice:problem:"

// NewProblem titles a problem by its code, which is also what its type ends in.
func NewProblem(status int, code, title, detail string) *Problem {
	return &Problem{Type: ProblemPrefix + code, Title: title, Status: status, Detail: detail}
}

// Code is what the problem's type ends in.
func (p *Problem) Code() string { return strings.TrimPrefix(p.Type, ProblemPrefix) }

// Cause is the code, or why the caller has to wait.
func (p *Problem) Cause() string { return cmp.Or(p.Wait, p.Code()) }

// BadRequest is the problem with a request that makes no sense.
func BadRequest(code, detail string) *Problem {
	return NewProblem(http.StatusBadRequest, code, "The request can't be understood", detail)
}

// Unidentified turns a failed identity into its problem. An error that is not auth's own
// is the gateway's fault, and its text stays inside.
func Unidentified(err error) *Problem {
	var refused *auth.Error
	if !errors.As(err, &refused) {
		return Internal()
	}
	p := NewProblem(http.StatusUnauthorized, "identity-"+string(refused.Reason), "No identity", refused.Detail)
	p.Challenge = refused.Challenge
	p.Anonymous = refused.Reason == auth.ReasonMissing
	return p
}

// Internal is the problem of a gateway that is at fault.
func Internal() *Problem {
	return NewProblem(http.StatusInternalServerError, "internal", "The gateway failed", "Its log says why.")
}

// Write sends the problem. Answers that say who may see what are for no cache.
func (p *Problem) Write(w http.ResponseWriter) {
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
	if p.Challenge != "" {
		header.Set("WWW-Authenticate", p.Challenge)
	}
	if p.Allow != "" {
		header.Set("Allow", p.Allow)
	}
	if p.RetryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(int((p.RetryAfter+time.Second-1)/time.Second)))
	}
	w.WriteHeader(p.Status)
	w.Write(append(body, '\n')) // a client that is gone has no use for the error
}
