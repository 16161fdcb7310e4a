package deliver

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// StatusOutcome says what an HTTP status means. Most refusals may be the fault of a
// deployment, a proxy or a key that is being rotated, so they are tried again. Those that
// are about the message itself are final.
func StatusOutcome(status int, quoted string, after time.Duration) Outcome {
	if status >= 200 && status < 300 {
		return Outcome{}
	}
	o := Outcome{Verdict: Failed, Cause: "status_" + strconv.Itoa(status), Err: fmt.Errorf("the target answered %d", status)}
	if quoted != "" {
		o.Err = fmt.Errorf("%w: %s", o.Err, quoted)
	}
	switch {
	case status == http.StatusGone:
		o.Verdict = Gone
	case isFinal(status):
		o.Verdict = Refused
	case status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout:
		o.Down, o.After = true, after
	case status < 400:
		o.Err = fmt.Errorf("the target answered %d: redirects are not followed; write the address that it leads to", status)
	}
	return o
}

// isFinal reports whether a status is about the message, so that another attempt would
// have the same answer.
func isFinal(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusProxyAuthRequired, http.StatusRequestTimeout,
		http.StatusConflict, http.StatusMisdirectedRequest, http.StatusLocked, http.StatusFailedDependency, http.StatusTooEarly,
		http.StatusTooManyRequests, http.StatusGone:
		return false
	}
	return status >= 400 && status < 500
}
