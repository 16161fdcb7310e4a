package tail

import (
	"math"
	"testing"
	"time"
)

// Never sooner than the server asked, never more than half as long again.
func TestBackoff(t *testing.T) {
	for _, tt := range []struct {
		name     string
		retry    time.Duration
		failures int
		atLeast  time.Duration
		want     time.Duration
	}{
		{"what the server asked for", 2 * time.Second, 0, 0, 2 * time.Second},
		{"doubles", 2 * time.Second, 3, 0, 16 * time.Second},
		{"up to a limit", 2 * time.Second, 32, 0, maxWait},
		{"beyond the limit if the server says so", time.Minute, 32, 0, time.Minute},
		{"Retry-After", time.Second, 1, 10 * time.Second, 10 * time.Second},
		{"at once", 0, 5, 0, 0},
	} {
		for range 100 {
			b := backoff{retry: tt.retry, failures: tt.failures}
			if got := b.next(tt.atLeast); got < tt.want || got > tt.want+tt.want/2 {
				t.Errorf("%s: %v; want %v to half as much again", tt.name, got, tt.want)
			}
		}
	}
}

// A server may ask for longer than a Duration can be doubled.
func TestBackoffOfAnEndlessRetry(t *testing.T) {
	b := backoff{failures: 5}
	b.ask(math.MaxInt64)
	b.ask(-1)
	if got := b.next(0); got < maxRetry || got > maxRetry+maxRetry/2 {
		t.Errorf("%v; want a day to half as much again", got)
	}
}
