package server

import (
	"math"
	"math/rand/v2"
	"time"
)

// tick is a moment, or a span, in milliseconds of the server's monotonic clock. A
// number instead of a time.Time keeps sessions small and free of pointers, and
// a step of the wall clock moves no heartbeat.
type tick int64

// never is after every moment.
const never tick = math.MaxInt64

// ticks rounds up: nothing is due before its time.
func ticks(d time.Duration) tick {
	whole := tick(d / time.Millisecond)
	if d%time.Millisecond > 0 {
		whole++
	}
	return whole
}

func (t tick) duration() time.Duration { return time.Duration(t) * time.Millisecond }

// between returns a random tick of [lo, hi].
func between(lo, hi tick) tick {
	if hi <= lo {
		return lo
	}
	return lo + tick(rand.Int64N(int64(hi-lo)+1))
}
