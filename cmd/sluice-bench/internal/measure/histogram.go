package measure

import (
	"math/bits"
	"time"
)

// Histogram counts durations in buckets at most 1/32 (3 %) wide. The zero value
// is empty and ready.
type Histogram struct {
	Counts []uint64      `json:"counts,omitempty"` // by bucket; as long as needed
	N      uint64        `json:"n"`
	Max    time.Duration `json:"max"`
}

// bucket numbers are exact below 64 ns and 32 to each doubling above.
func bucket(d time.Duration) int {
	v := uint64(max(d, 0))
	if v < 64 {
		return int(v)
	}
	shift := bits.Len64(v) - 6
	return shift<<5 + int(v>>shift)
}

// bucketEnd is the first duration beyond bucket i.
func bucketEnd(i int) time.Duration {
	if i < 64 {
		return time.Duration(i + 1)
	}
	shift := i>>5 - 1
	return time.Duration(i-shift<<5+1) << shift
}

// Add counts d.
func (h *Histogram) Add(d time.Duration) {
	i := bucket(d)
	for len(h.Counts) <= i {
		h.Counts = append(h.Counts, 0)
	}
	h.Counts[i]++
	h.N++
	h.Max = max(h.Max, d)
}

// Merge adds what o has counted.
func (h *Histogram) Merge(o Histogram) {
	for len(h.Counts) < len(o.Counts) {
		h.Counts = append(h.Counts, 0)
	}
	for i, n := range o.Counts {
		h.Counts[i] += n
	}
	h.N += o.N
	h.Max = max(h.Max, o.Max)
}

// Quantile is a duration that the share q of all is not above, at most 3 % too
// long; 0 if nothing was counted.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := uint64(q * float64(h.N))
	var seen uint64
	for i, n := range h.Counts {
		if seen += n; n > 0 && seen >= max(rank, 1) {
			return min(bucketEnd(i), h.Max)
		}
	}
	return h.Max
}
