package limit

import "time"

// Rate is so many times within a span; no N is no bound.
type Rate struct {
	N   int
	Per time.Duration
}

// Bucket lets N through at once, and then one every Per/N. It is a leaky bucket kept as
// one time (the generic cell rate algorithm of ATM): when it will have emptied, if
// nothing more comes.
type Bucket struct{ empties time.Time }

// IsEmpty reports whether the bucket is as good as a new one.
func (b *Bucket) IsEmpty(now time.Time) bool { return !b.empties.After(now) }

// Take reports whether there is room for one more now, and counts it.
func (b *Bucket) Take(r Rate, now time.Time) bool {
	step := r.Per / time.Duration(r.N)
	from := now
	if b.empties.After(now) {
		from = b.empties
	}
	if from.Sub(now) > r.Per-step {
		return false
	}
	b.empties = from.Add(step)
	return true
}
