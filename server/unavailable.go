package server

import (
	"mime"
	"net/http"
	"strings"
)

// unavailable answers a request that has only to wait. A browser's EventSource never comes back
// after any status but 200, whatever Retry-After says, so what accepts an event stream is
// given one: when to come back, why, and the end. Everyone else gets the 503.
func (s *Server) unavailable(w http.ResponseWriter, r *http.Request, why string) {
	retry := s.terms.retry()
	s.cfg.Metrics.unavailable(why)
	if acceptsStream(r) {
		writeStreamHeader(w, r)
		if r.Method != http.MethodHead {
			w.Write(appendUnavailable(nil, why, retry)) // the client comes back in any case
		}
		return
	}
	p := newProblem(http.StatusServiceUnavailable, "unavailable", "Not available now", waiting[why])
	p.retryAfter = retry.duration()
	p.write(w)
}

var waiting = map[string]string{
	"draining": "This gateway is going away.",
	"warming":  "This gateway is still reading what happened before.",
	"kafka":    "What was missed has to come from Kafka, which does not answer.",
}

// acceptsStream reports whether Accept names text/event-stream. A browser's EventSource does; */* does not.
func acceptsStream(r *http.Request) bool {
	for _, line := range r.Header.Values("Accept") {
		for part := range strings.SplitSeq(line, ",") {
			if kind, _, err := mime.ParseMediaType(part); err == nil && kind == "text/event-stream" {
				return true
			}
		}
	}
	return false
}
