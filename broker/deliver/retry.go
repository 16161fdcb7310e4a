package deliver

import (
	"math/rand/v2"
	"time"
)

// Retry says when a record is tried again, and when it is given up.
type Retry struct {
	Min      time.Duration // before the second attempt
	Max      time.Duration // between two attempts at most
	Attempts int           // before it is given up
	MaxAge   time.Duration // since its first attempt, before it is given up
}

// maxRetryAfter bounds what a target may ask for: a slip of its unit must not stop a key
// for days.
const maxRetryAfter = time.Hour

// wait is how long a record waits after so many failed attempts: Min, doubled each time
// up to Max, of which a random half is left out. So keys that failed together don't come
// back together. A target that asks for longer gets it.
func (r Retry) wait(attempts int, after time.Duration) time.Duration {
	wait := r.Min
	for i := 1; i < attempts && wait < r.Max; i++ {
		wait *= 2
	}
	wait = min(wait, r.Max)
	wait = wait/2 + rand.N(wait/2+1)
	return max(wait, min(after, maxRetryAfter))
}

// exhausted reports whether a record has had its attempts.
func (r Retry) exhausted(attempts int, first, now time.Time) bool {
	return attempts >= r.Attempts || now.Sub(first) >= r.MaxAge
}
