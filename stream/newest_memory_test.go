package stream

import (
	"fmt"
	"slices"
	"testing"
)

// Others have the lock while somebody looks for what is rare, and what they do to the log
// meanwhile is no matter.
func TestALongSearchIsTakenInSteps(t *testing.T) {
	for name, spec := range map[string]Spec{"everyone's": news, "one hot user's": orders} {
		t.Run(name, func(t *testing.T) {
			const all, each = 3 * replayRun, 100
			r := newRig(t, 2, spec)
			put := func(i int) {
				subject := "common"
				if i%each == 0 {
					subject = "rare"
				}
				r.kafka.put(0, i%2, Event{Users: [][]byte{[]byte("alice")}, Subject: []byte(subject), Data: fmt.Append(nil, i)})
			}
			for i := range all {
				if put(i); i%64 == 63 { // the partitions side by side
					r.readAll()
				}
			}
			h, l := r.hub, r.hub.logs[0]
			c := memorySearch{memory: h.memory(0), r: Request{User: "alice", Filter: About("rare")}, pick: &newestPick{n: 1000}}
			steps := 0
			more := func() bool {
				h.mu.Lock()
				defer h.mu.Unlock()
				if steps == 0 {
					c.begin(h)
				}
				steps++
				return c.step(h)
			}
			for more() {
				put(0) // rare, and too late
				r.readAll()
				h.mu.Lock()
				for range all / 5 {
					l.evict(&h.users)
				}
				h.mu.Unlock()
			}
			if steps < 2 {
				t.Fatal("all in one step")
			}
			h.mu.Lock()
			c.end(h)
			h.mu.Unlock()
			got := map[int32][]int64{}
			for _, m := range c.pick.events {
				if m.offset >= c.floor[m.partition] { // one that was evicted since counts as well
					got[m.partition] = append(got[m.partition], m.offset)
				}
			}
			if len(c.pick.events) == 0 || c.floor[0] == 0 {
				t.Fatal("nothing was left, or nothing evicted: the test shows nothing")
			}
			var want []int64 // all rare ones are in partition 0
			for i := 0; i < all; i += each {
				if offset := int64(i / 2); offset >= c.floor[0] {
					want = append(want, offset)
				}
			}
			slices.Sort(got[0])
			if !slices.Equal(got[0], want) || len(got[1]) > 0 {
				t.Errorf("got %v, want %v from %d on", got, want, c.floor[0])
			}
		})
	}
}
