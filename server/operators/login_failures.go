package operators

import (
	"net/http"
	"time"

	"sluice/server/limit"
)

// LoginFailures are the reasons why a request for operators is refused.
var LoginFailures = []string{loginMissing, loginWrong}

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

// loginLines bounds what failed logins of operators write, by reason.
func loginLines() *limit.LogLines {
	return limit.NewLogLines(limit.Rate{N: loginBurst, Per: loginBurst * loginPause})
}

// notOperator counts a failed login and logs where it came from, and never what it
// showed.
func (o *Operators) notOperator(r *http.Request) {
	why := loginWrong
	if r.Header.Get("Authorization") == "" {
		why = loginMissing
	}
	o.Metrics.AdminRefused(why)
	room, unlogged := o.failures.Take(why, time.Now())
	if !room {
		return
	}
	o.Logger.Warn("an admin login failed", "reason", why, "address", o.Proxies.Address(r), "unlogged", unlogged)
}
