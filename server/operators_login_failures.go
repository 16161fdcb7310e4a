package server

import (
	"net/http"
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

// adminLoginLines bounds what failed logins of operators write, by reason.
func adminLoginLines() *limit.LogLines {
	return limit.NewLogLines(limit.Rate{N: loginBurst, Per: loginBurst * loginPause})
}

// notOperator counts a failed login and logs where it came from, and never what it
// showed.
func (s *Server) notOperator(r *http.Request) {
	why := loginWrong
	if r.Header.Get("Authorization") == "" {
		why = loginMissing
	}
	s.cfg.Metrics.AdminRefused(why)
	room, unlogged := s.adminLogins.Take(why, time.Now())
	if !room {
		return
	}
	s.cfg.Logger.Warn("an admin login failed", "reason", why, "address", s.addressOf(r), "unlogged", unlogged)
}

// addressOf is where a request came from, for the log: the client's address, or the
// peer's if there is none ("@" where that is a Unix socket's).
func (s *Server) addressOf(r *http.Request) string {
	if ip := s.cfg.Proxies.Client(r); ip.IsValid() {
		return ip.String()
	}
	return r.RemoteAddr
}
