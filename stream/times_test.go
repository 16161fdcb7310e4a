package stream

import (
	"fmt"
	"testing"
	"time"
)

// A position is no older than when this gateway had read no further, whatever timestamps
// say, and no younger than that after a while.
func TestAgeGoesByWhenItWasRead(t *testing.T) {
	r := newRig(t, 1, orders)
	const seconds = 1_700_000_000 // a timestamp in seconds by mistake
	next := int64(0)
	write := func(n int) {
		r.kafka.hole(0, 0, n)
		next = r.kafka.put(0, 0, Event{Timestamp: seconds, Users: [][]byte{[]byte("alice")}, Data: []byte("x")}) + 1
		r.readAll()
	}
	var positions []int64
	for range 40 { // 40 hours
		write(youngDistance)
		positions = append(positions, next)
		r.evict(0)
		r.age(time.Hour)
	}
	for i, pos := range positions[:len(positions)-1] {
		p := r.resume(fmt.Sprint("orders@ep0:", pos))
		switch age := len(positions) - i; {
		case age <= 24:
			p.begins(OutcomeResumed)
		case age > 26:
			p.begins(OutcomeReset, fmt.Sprintf("reset bounds orders [0 %d %d]", pos, next))
		}
	}
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	if n := len(r.hub.logs[0].reads); n > readMoments+2 {
		t.Errorf("%d moments are remembered", n)
	}
}
