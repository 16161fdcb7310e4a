package operators

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// A flood of failed logins fills no log, hides none of the other reason, and is counted
// whole.
func TestAFloodOfFailedAdminLoginsDoesNotFillTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logins := loginLines()
		logged := map[string]int{}
		silent := 0
		for range 100_000 { // for 100 s
			log, before := logins.Take(loginMissing, time.Now())
			if log {
				logged[loginMissing]++
				silent += before
			}
			<-time.After(time.Millisecond)
		}
		if log, _ := logins.Take(loginWrong, time.Now()); !log {
			t.Error("a wrong login is hidden by missing ones")
		}
		if n := logged[loginMissing]; n < loginBurst || n > loginBurst+10 || silent < 80_000 {
			t.Errorf("%s logged, %d said to be unlogged", fmt.Sprint(logged), silent)
		}
	})
}
