package measure

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestHistogramQuantilesAreAtMostThreePercentTooLong(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	var one, other Histogram
	var all []time.Duration
	for range 10_000 {
		d := time.Duration(rnd.Int64N(1 << rnd.IntN(40)))
		all = append(all, d)
		if rnd.IntN(2) == 0 {
			one.Add(d)
		} else {
			other.Add(d)
		}
	}
	one.Merge(other)
	slices.Sort(all)
	for _, q := range []float64{0, 0.1, 0.5, 0.9, 0.99, 0.999, 1} {
		want := all[max(int(q*float64(len(all))), 1)-1]
		if got := one.Quantile(q); got < want || float64(got) > float64(want)*33/32+1 {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if one.Max != all[len(all)-1] || one.N != uint64(len(all)) {
		t.Errorf("max %v of %d, want %v of %d", one.Max, one.N, all[len(all)-1], len(all))
	}
}

func TestBucketsMeetWithoutGap(t *testing.T) {
	for d := time.Duration(0); d < 1<<14; d++ {
		if i := bucket(d); d >= bucketEnd(i) || i > 0 && d < bucketEnd(i-1) {
			t.Fatalf("%d is in bucket %d, which ends at %d and begins at %d", d, i, bucketEnd(i), bucketEnd(i-1))
		}
	}
}
