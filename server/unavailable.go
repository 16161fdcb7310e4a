package server

import (
	"mime"
	"net/http"
	"strings"

	"sluice/server/cors"
	"sluice/server/limit"
	"sluice/server/response"
)

// mustWait is the problem of a request that has only to wait. What it is answered with,
// refuse decides.
func (s *Server) mustWait(why string) *response.Problem { return s.mustWaitFor(why, 0) }

// mustWaitFor is mustWait for a caller that is to stay away for a time at least.
func (s *Server) mustWaitFor(why string, least tick) *response.Problem {
	retry := s.rules.retry()
	status, limited := limitStatus[why]
	if !limited {
		status = http.StatusServiceUnavailable
	}
	if limited || why == withdrawn.String() {
		retry *= limitPatience
	}
	p := response.NewProblem(status, "unavailable", "Not available now", waiting[why])
	p.RetryAfter, p.Wait = max(retry, least).duration(), why
	return p
}

// unavailable answers a request that has only to wait.
func (s *Server) unavailable(w http.ResponseWriter, r *http.Request, why string) {
	s.refuse(w, r, s.mustWait(why))
}

// refuse answers with a problem, or has the caller come back. A browser's EventSource
// never comes back after any status but 200, whatever Retry-After says. So a client that
// accepts an event stream (see waitsAsStream) is given one: when to come back, why, and
// the end. Everyone else gets the 503.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, p *response.Problem) {
	if p.Wait == "" {
		s.deny(w, r, p)
		return
	}
	s.noteRefused(r, p)
	if !waitsAsStream(r) {
		p.Write(w)
		return
	}
	writeStreamHeader(w, r)
	if r.Method != http.MethodHead {
		w.Write(appendUnavailable(nil, p.Wait, ticks(p.RetryAfter))) // the client comes back in any case
	}
}

// noteRefused counts a refusal that has the caller wait, and logs any on the level debug.
func (s *Server) noteRefused(r *http.Request, p *response.Problem) {
	if p.Wait != "" {
		s.cfg.Metrics.Unavailable(p.Wait)
	}
	s.requests.refused(r, p, p.Cause())
}

// deny answers with a problem, and logs it on the level debug.
func (s *Server) deny(w http.ResponseWriter, r *http.Request, p *response.Problem) {
	s.requests.refused(r, p, p.Code())
	p.Write(w)
}

// waitsAsStream reports whether a caller that has only to wait is told so in an event
// stream, after which an EventSource comes back. That is who accepts one.
//
// A proxy may drop Accept, or put */* there. On the route of streams an EventSource is
// then still known by what a browser says of each request of a page, or by Last-Event-ID.
// What is fetched by a page without naming what it accepts is taken for one.
//
// No EventSource sends anything but GET. A POST that was not carried out must not be
// answered 200.
func waitsAsStream(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	named, anything := acceptOf(r)
	if named || !anything || !strings.HasSuffix(r.URL.Path, "/events") {
		return named
	}
	if r.Header.Get("Last-Event-ID") != "" {
		return true
	}
	mode, dest := r.Header.Get(cors.SecFetchMode), r.Header.Get(cors.SecFetchDest)
	return (mode == "cors" || mode == "same-origin") && (dest == "" || dest == "empty")
}

// acceptOf reads Accept. stream: it names text/event-stream, which a browser's
// EventSource does. anything: it isn't there, or names nothing else than */*.
func acceptOf(r *http.Request) (stream, anything bool) {
	anything = true
	for _, line := range r.Header.Values("Accept") {
		for part := range strings.SplitSeq(line, ",") {
			switch kind, _, err := mime.ParseMediaType(part); {
			case err != nil: // an empty part is none
			case kind == "text/event-stream":
				return true, false
			case kind != "*/*":
				anything = false
			}
		}
	}
	return false, anything
}

// limitPatience is how much longer than others those wait who were beyond a limit, or ask
// for a stream that isn't served. What they wait for takes more than a restart, and their
// asking is part of the load.
const limitPatience = 10

// identity is why a caller waits whose identity can't be told now.
const identity = "identity"

var waiting = map[string]string{
	"draining":   "This gateway is shutting down.",
	"warming":    "This gateway is still reading what happened before.",
	"kafka":      "The missed events have to come from Kafka, which does not answer.",
	"withdrawn":  "A stream that you ask for is not served at the moment. Others may be.",
	identity:     "The gateway can't identify you at the moment.",
	overloaded:   "This gateway has no descriptor left to hold a connection by.",
	limit.Probes: "This gateway has reached its limit of probes.",

	limit.Connections:   "This gateway has reached its limit of streams.",
	limit.Connects:      "Too many streams begin on this gateway at the moment.",
	limit.PerUser:       "You have reached your limit of open streams.",
	limit.PerIP:         "Your address has reached its limit of open streams.",
	limit.PerIPRequests: "Your address asks too often.",
	limit.StateBytes:    "Clients have not yet taken as many bytes of states as this gateway may hold.",
	limit.PerIPConnects: "Your address begins streams too often.",

	limit.PerIPProbes: "Your address has reached its limit of probes.",

	limit.PerUserCatchups: "You ask too often for events older than this gateway's memory.",
	limit.PerIPCatchups:   "Your address asks too often for events older than this gateway's memory.",

	limit.PublishRate:  "You publish too often.",
	limit.PublishBytes: "This gateway publishes as much as it may at a time, or as it may for you.",
	limit.PublishKeys:  "This gateway remembers as many idempotency keys as it may, or as it may for you.",
}

// limitStatus is what a caller that takes no event stream is answered.
var limitStatus = map[string]int{
	limit.Connections:   http.StatusServiceUnavailable,
	limit.Connects:      http.StatusServiceUnavailable,
	limit.PerUser:       http.StatusTooManyRequests,
	limit.PerIP:         http.StatusTooManyRequests,
	limit.PerIPConnects: http.StatusTooManyRequests,
	limit.PerIPRequests: http.StatusTooManyRequests,
	limit.StateBytes:    http.StatusServiceUnavailable,

	limit.PerIPProbes: http.StatusTooManyRequests,

	limit.PerUserCatchups: http.StatusTooManyRequests,
	limit.PerIPCatchups:   http.StatusTooManyRequests,

	limit.PublishRate:  http.StatusTooManyRequests,
	limit.PublishBytes: http.StatusServiceUnavailable,
	limit.PublishKeys:  http.StatusServiceUnavailable,
}
