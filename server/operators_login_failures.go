package server

import (
	"net/http"
	"sync"
	"time"

	"sluice/server/limit"
)

// Why a request for operators was refused.
const (
	loginMissing = "missing" // it shows nothing; so does a browser before it asks for the password
	loginWrong   = "wrong"
)

// How many failed logins of a reason go to the log: so many at once, and one in each
// pause after that. The metric counts all.
const (
	loginBurst = 5
	loginPause = 10 * time.Second
)

// adminLogins are the failed logins of operators.
type adminLogins struct {
	mu      sync.Mutex // guards the rest; a leaf
	reasons map[string]*loginLog
}

// loginLog is what of one reason went to the log.
type loginLog struct {
	lines  limit.Bucket
	silent int // that did not, since the last that did
}

// note takes note of a failed login, and reports whether it goes to the log, and how many
// before it did not.
func (a *adminLogins) note(why string, now time.Time) (log bool, silent int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.reasons == nil {
		a.reasons = make(map[string]*loginLog)
	}
	l := a.reasons[why]
	if l == nil {
		l = new(loginLog)
		a.reasons[why] = l
	}
	if !l.lines.Take(limit.Rate{N: loginBurst, Per: loginBurst * loginPause}, now) {
		l.silent++
		return false, 0
	}
	silent, l.silent = l.silent, 0
	return true, silent
}

// notOperator counts a failed login and logs where it came from, and never what it
// showed.
func (s *Server) notOperator(r *http.Request) {
	why := loginWrong
	if r.Header.Get("Authorization") == "" {
		why = loginMissing
	}
	s.cfg.Metrics.AdminRefused(why)
	log, silent := s.adminLogins.note(why, time.Now())
	if !log {
		return
	}
	from := r.RemoteAddr // "@" where it is a Unix socket's
	if ip := s.cfg.Proxies.Client(r); ip.IsValid() {
		from = ip.String()
	}
	s.cfg.Logger.Warn("an admin login failed", "reason", why, "address", from, "unlogged", silent)
}
