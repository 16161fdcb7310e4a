package tail

import (
	"math/rand/v2"
	"time"
)

const (
	firstWait = time.Second      // until the server names its own with `retry:`
	maxWait   = 30 * time.Second // where doubling ends, unless the server asks for more
	maxRetry  = 24 * time.Hour   // of what a server asks for; beyond it is no time at all
)

// backoff says how long to wait before the next connection.
type backoff struct {
	retry    time.Duration // what the server asked for
	failures int           // since the last time it was reached
}

// ask notes what the server asked for; -1: it didn't.
func (b *backoff) ask(retry time.Duration) {
	if retry >= 0 {
		b.retry = min(retry, maxRetry)
	}
}

// next counts one more wait, of at least atLeast. The first after a connection is what
// the server asked for; each further one twice the last. Up to half as much again is
// added at random, never taken away: a server that spread its `retry:` did so for a
// reason.
func (b *backoff) next(atLeast time.Duration) time.Duration {
	wait := b.retry
	for range b.failures {
		wait = min(2*wait, max(maxWait, b.retry))
	}
	b.failures = min(b.failures+1, 32)
	wait = max(wait, atLeast)
	return wait + rand.N(wait/2+1)
}
