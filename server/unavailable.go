package server

import "net/http"

// unavailable answers a request that has only to wait. A browser's EventSource never
// comes back after any status but 200, whatever Retry-After says. So a client that
// accepts an event stream (see waitsAsStream) is given one: when to come back, why, and
// the end. Everyone else gets the 503.
func (s *Server) unavailable(w http.ResponseWriter, r *http.Request, why string) {
	s.unavailableFor(w, r, why, 0)
}

// unavailableFor is unavailable for one who knows that it takes a time at least.
func (s *Server) unavailableFor(w http.ResponseWriter, r *http.Request, why string, least tick) {
	retry := s.terms.retry()
	status, limit := limitStatus[why]
	if limit || why == withdrawn.String() {
		retry *= limitPatience
	}
	retry = max(retry, least)
	if !limit {
		status = http.StatusServiceUnavailable
	}
	s.cfg.Metrics.unavailable(why)
	if waitsAsStream(r) {
		writeStreamHeader(w, r)
		if r.Method != http.MethodHead {
			w.Write(appendUnavailable(nil, why, retry)) // the client comes back in any case
		}
		return
	}
	p := newProblem(status, "unavailable", "Not available now", waiting[why])
	p.retryAfter = retry.duration()
	p.write(w)
}

// mustWait is the problem of a request that has only to wait. What it is answered with,
// refuse decides.
func (s *Server) mustWait(why string) *problem {
	p := newProblem(http.StatusServiceUnavailable, "unavailable", "Not available now", waiting[why])
	p.retryAfter, p.wait = s.terms.retry().duration(), why
	return p
}

// refuse answers with a problem, or has the caller come back.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, p *problem) {
	if p.wait != "" {
		s.unavailable(w, r, p.wait)
		return
	}
	p.write(w)
}

// limitPatience is how much longer than others those wait who were beyond a limit, or ask
// for a stream that isn't served. What they wait for takes more than a restart, and their
// asking is part of the load.
const limitPatience = 10

// identity is why a caller waits whose identity can't be told now.
const identity = "identity"

var waiting = map[string]string{
	"draining":  "This gateway is going away.",
	"warming":   "This gateway is still reading what happened before.",
	"kafka":     "What was missed has to come from Kafka, which does not answer.",
	"withdrawn": "A stream that you ask for is not served at the moment. Others may be.",
	identity:    "Who is asking can't be told at the moment.",
	overloaded:  "This gateway has no descriptor left to hold a connection by.",
	manyProbes:  "This gateway answers as many probes as it does at a time.",

	limitConnections:   "This gateway has as many streams as it takes.",
	limitConnects:      "Too many streams begin on this gateway at the moment.",
	limitPerUser:       "You have as many streams open as you may have.",
	limitPerIP:         "Your address has as many streams open as it may have.",
	limitPerIPRequests: "Your address asks too often.",
	limitStateBytes:    "More of states waits for clients to take it than this gateway holds.",
	limitPerIPConnects: "Your address begins streams too often.",

	limitPerIPProbes: "Your address has as many probes answered as it may have at a time.",

	limitPerUserCatchups: "You ask too often for what is older than this gateway remembers.",
	limitPerIPCatchups:   "Your address asks too often for what is older than this gateway remembers.",
}
