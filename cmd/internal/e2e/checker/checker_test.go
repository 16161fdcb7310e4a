package checker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// run is a small run: alice, bob and their orders in partitions 0 and 1, and news for
// everyone.
type run struct {
	*Checker
	alice, bob *Client
	offsets    map[int32]int64
}

func newRun() *run {
	r := &run{Checker: New("run-1"), offsets: make(map[int32]int64)}
	r.Stream("orders", false)
	r.Stream("news", true)
	r.alice = r.Client("alice#1", "alice", "orders", "news")
	r.bob = r.Client("bob#1", "bob", "orders")
	return r
}

// produce enters an event that Kafka puts at the end of the partition.
func (r *run) produce(stream string, partition int32, e Event) string {
	number, value := r.Produce(stream, e)
	r.Acked(stream, number, partition, r.offsets[partition])
	r.offsets[partition]++
	return string(value)
}

// order produces an event of one user.
func (r *run) order(user string, partition int32) string {
	return r.produce("orders", partition, Event{Users: []string{user}, Key: user})
}

// loses is an unclean election: the partition ends at this offset again.
func (r *run) loses(partition int32, from int64) {
	r.Truncated("orders", partition, from)
	r.offsets[partition] = from
}

// A faultless run, and what each fault in it must be called.
func TestVerdict(t *testing.T) {
	reset := func(reason string, partition, from, to int) string {
		return fmt.Sprintf(`{"reason":%q,"stream":"orders","partitions":[{"partition":%d,"from":%d,"to":%d}]}`, reason, partition, from, to)
	}
	for _, tt := range []struct {
		name string
		play func(r *run)
		want Kind // empty: nothing is wrong
	}{
		{"nothing happened", func(*run) {}, ""},
		{"all arrived", func(r *run) {
			a, b := r.order("alice", 0), r.order("bob", 0)
			r.alice.Event(a)
			r.bob.Event(b)
		}, ""},
		{"partitions interleave as they like", func(r *run) {
			first, second := r.order("alice", 0), r.order("alice", 1)
			r.alice.Event(second)
			r.alice.Event(first)
		}, ""},
		{"an event of several users reaches each", func(r *run) {
			both := r.produce("orders", 0, Event{Users: []string{"alice", "bob"}})
			r.alice.Event(both)
			r.bob.Event(both)
		}, ""},
		{"an event for everyone reaches those who read the stream", func(r *run) {
			r.alice.Event(r.produce("news", 0, Event{}))
		}, ""},
		{"an aborted event reaches nobody", func(r *run) {
			r.produce("orders", 0, Event{Users: []string{"alice"}, Aborted: true})
		}, ""},

		{"an event doesn't arrive", func(r *run) { r.order("alice", 0) }, Lost},
		{"the last of many doesn't arrive", func(r *run) {
			r.alice.Event(r.order("alice", 0))
			r.alice.Event(r.order("alice", 0))
			r.order("alice", 0)
		}, Lost},
		{"one of several users is forgotten", func(r *run) {
			r.alice.Event(r.produce("orders", 0, Event{Users: []string{"alice", "bob"}}))
		}, Lost},
		{"an event for everyone doesn't arrive", func(r *run) { r.produce("news", 0, Event{}) }, Lost},
		{"an event comes again", func(r *run) {
			a := r.order("alice", 0)
			r.alice.Event(a)
			r.alice.Event(a)
		}, Twice},
		{"an event comes again much later", func(r *run) {
			a := r.order("alice", 0)
			r.alice.Event(a)
			r.alice.Event(r.order("alice", 0))
			r.alice.Event(r.order("alice", 1))
			r.alice.Event(a)
		}, Twice},
		{"a partition's order is not kept", func(r *run) {
			first, second := r.order("alice", 0), r.order("alice", 0)
			r.alice.Event(second)
			r.alice.Event(first)
		}, Misordered},
		{"an old topic's event comes after the new one's", func(r *run) {
			first, second := r.order("alice", 0), r.order("alice", 0)
			r.alice.Event(first)
			r.Recreated("orders")
			r.alice.Event(r.order("alice", 0))
			r.alice.Event(second)
		}, Misordered},
		{"another user's event", func(r *run) {
			b := r.order("bob", 0)
			r.bob.Event(b)
			r.alice.Event(b)
		}, Foreign},
		{"an event of a stream it doesn't read", func(r *run) {
			n := r.produce("news", 0, Event{})
			r.alice.Event(n)
			r.bob.Event(n)
		}, Foreign},
		{"an event of another run", func(r *run) {
			r.alice.Event(`{"run":"run-0","stream":"orders","number":0,"customer":"alice"}`)
		}, Foreign},
		{"an event that nobody produced", func(r *run) {
			r.alice.Event(`{"run":"run-1","stream":"orders","number":7,"customer":"alice"}`)
		}, Foreign},
		{"an event cut short", func(r *run) { r.alice.Event(`{"run":"run-1","stre`) }, Foreign},
		{"a refusal", func(r *run) { r.alice.Irregular("503") }, Irregular},
		{"an aborted event is sent", func(r *run) {
			r.alice.Event(r.produce("orders", 0, Event{Users: []string{"alice"}, Aborted: true}))
		}, Foreign},
		{"an event that Kafka never acknowledged", func(r *run) {
			r.Produce("orders", Event{Users: []string{"alice"}})
		}, Unacked},

		{"a reset that had to happen excuses its range", func(r *run) {
			r.order("alice", 0)
			r.order("alice", 0)
			r.alice.Expect("orders", "retention", 0)
			r.alice.Reset(reset("retention", 0, 0, 2))
			r.alice.Event(r.order("alice", 0))
		}, ""},
		{"a reset excuses no more than its range", func(r *run) {
			r.order("alice", 0)
			r.order("alice", 0)
			r.alice.Expect("orders", "retention", 0)
			r.alice.Reset(reset("retention", 0, 0, 1))
		}, Lost},
		{"a reset excuses no other partition", func(r *run) {
			r.order("alice", 1)
			r.alice.Expect("orders", "retention", 0)
			r.alice.Reset(reset("retention", 0, 0, 9))
		}, Lost},
		{"a reset excuses no other client", func(r *run) {
			r.order("bob", 0)
			r.alice.Expect("orders", "retention", 0)
			r.alice.Reset(reset("retention", 0, 0, 9))
		}, Lost},
		{"a re-created topic excuses the rest of the old one", func(r *run) {
			r.alice.Event(r.order("alice", 0))
			r.order("alice", 0)
			r.Recreated("orders")
			r.offsets[0] = 0
			r.alice.Expect("orders", "recreated", 0)
			r.alice.Reset(reset("recreated", 0, 1, 0))
			r.alice.Event(r.order("alice", 0))
		}, ""},
		{"a re-created topic excuses nothing of the new one", func(r *run) {
			r.Recreated("orders")
			r.alice.Expect("orders", "recreated", 0)
			r.alice.Reset(reset("recreated", 0, 0, 0))
			r.order("alice", 0)
		}, Lost},
		{"a reset that didn't have to happen", func(r *run) {
			r.alice.Reset(reset("retention", 0, 0, 0))
		}, Unexpected},
		{"a reset for another reason", func(r *run) {
			r.alice.Reset(`{"reason":"invalid","partitions":[]}`)
		}, Unexpected},
		{"a reset that comes twice", func(r *run) {
			r.alice.Expect("orders", "retention", 0)
			r.alice.Reset(reset("retention", 0, 0, 2))
			r.alice.Reset(reset("retention", 0, 0, 2))
		}, Unexpected},
		{"a reset that doesn't come", func(r *run) { r.alice.Expect("orders", "retention", 0) }, Missing},
		{"a reset that comes to another client", func(r *run) {
			r.alice.Expect("orders", "retention", 0)
			r.bob.Expect("orders", "retention", 0)
			r.bob.Reset(reset("retention", 0, 0, 2))
		}, Missing},

		{"an election's loss is told, and what was written in its place follows", func(r *run) {
			r.alice.Event(r.order("alice", 0))
			r.alice.Event(r.order("alice", 0))
			r.loses(0, 1)
			r.alice.Reset(reset(truncated, 0, 2, 1))
			r.alice.Event(r.order("alice", 0))
		}, ""},
		{"a reset with sealed ids names no offsets", func(r *run) {
			r.alice.Event(r.order("alice", 0))
			r.loses(0, 0)
			r.alice.Reset(`{"reason":"truncated","stream":"orders","partitions":[{"partition":0}]}`)
			r.alice.Event(r.order("alice", 0))
		}, ""},
		{"resets with sealed ids tell of one election after the other", func(r *run) {
			for range 2 {
				r.alice.Event(r.order("alice", 0))
				r.loses(0, 0)
				r.alice.Reset(`{"reason":"truncated","stream":"orders","partitions":[{"partition":0}]}`)
			}
		}, ""},
		{"a loss is told twice with sealed ids", func(r *run) {
			r.alice.Event(r.order("alice", 0))
			r.loses(0, 0)
			for range 2 {
				r.alice.Reset(`{"reason":"truncated","stream":"orders","partitions":[{"partition":0}]}`)
			}
		}, Unexpected},
		{"two elections' losses are told as one", func(r *run) {
			r.alice.Event(r.order("alice", 0))
			lost := r.order("alice", 0)
			r.alice.Event(lost)
			r.loses(0, 1)
			r.order("alice", 0)
			r.order("alice", 0)
			r.loses(0, 0)
			r.alice.Reset(reset(truncated, 0, 2, 0))
			r.alice.Event(r.order("alice", 0))
		}, ""},
		{"who had not come so far is told nothing", func(r *run) {
			r.alice.Event(r.order("alice", 0))
			r.order("alice", 0)
			r.loses(0, 1)
			r.alice.Event(r.order("alice", 0))
		}, ""},
		{"an election's loss is not told, and nothing follows", func(r *run) {
			r.alice.Event(r.order("alice", 0))
			r.loses(0, 0)
		}, Silent},
		{"an election's loss is not told, and more follows", func(r *run) {
			r.alice.Event(r.order("alice", 0))
			r.loses(0, 0)
			r.alice.Event(r.order("alice", 0))
		}, Silent},
		{"the second election's loss is not told", func(r *run) {
			r.alice.Event(r.order("alice", 0))
			r.loses(0, 0)
			r.alice.Reset(reset(truncated, 0, 1, 0))
			r.alice.Event(r.order("alice", 0))
			r.loses(0, 0)
		}, Silent},
		{"the loss of another partition is not told", func(r *run) {
			r.alice.Event(r.order("alice", 0))
			r.alice.Event(r.order("alice", 1))
			r.loses(0, 0)
			r.loses(1, 0)
			r.alice.Reset(reset(truncated, 1, 1, 0))
		}, Silent},
		{"a loss is told twice", func(r *run) {
			r.alice.Event(r.order("alice", 0))
			r.loses(0, 0)
			r.alice.Reset(reset(truncated, 0, 1, 0))
			r.alice.Reset(reset(truncated, 0, 1, 0))
		}, Unexpected},
		{"a loss is told that no election made", func(r *run) {
			r.loses(0, 0)
			r.alice.Reset(reset(truncated, 1, 1, 0))
		}, Unexpected},
		{"what was written in place of the loss doesn't arrive", func(r *run) {
			r.alice.Event(r.order("alice", 0))
			r.loses(0, 0)
			r.alice.Reset(reset(truncated, 0, 1, 0))
			r.order("alice", 0)
		}, Lost},
		{"what was lost comes after what was written in its place", func(r *run) {
			lost := r.order("alice", 0)
			r.loses(0, 0)
			r.alice.Event(r.order("alice", 0))
			r.alice.Event(lost)
		}, Misordered},

		{"compaction removed what was superseded", func(r *run) {
			r.alice.MayMissSuperseded("orders")
			r.order("alice", 0)
			r.alice.Event(r.order("alice", 0))
		}, ""},
		{"compaction keeps the last", func(r *run) {
			r.alice.MayMissSuperseded("orders")
			r.alice.Event(r.order("alice", 0))
			r.order("alice", 0)
		}, Lost},
		{"compaction is no excuse for those who were there", func(r *run) {
			r.alice.MayMissSuperseded("orders")
			r.order("bob", 0)
			r.bob.Event(r.order("bob", 0))
		}, Lost},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRun()
			tt.play(r)
			v := r.Verdict()
			if tt.want == "" {
				if !v.Clean() {
					t.Errorf("found fault with it: %v", v)
				}
				return
			}
			if len(v.Findings[tt.want]) == 0 || len(v.Findings) > 1 {
				t.Errorf("found %v; want something %s and nothing else", v, tt.want)
			}
			if !strings.Contains(v.String(), fmt.Sprintf("%s %d", tt.want, len(v.Findings[tt.want]))) {
				t.Errorf("the verdict doesn't say %s: %v", tt.want, v)
			}
		})
	}
}

func TestNewestIsWhatAClientWaitsFor(t *testing.T) {
	r := newRun()
	r.alice.Event(r.order("alice", 0))
	last := r.order("alice", 0)
	r.order("bob", 0)
	r.produce("orders", 0, Event{Users: []string{"alice"}, Aborted: true})
	newest := r.alice.Newest()
	if len(newest) != 1 {
		t.Fatalf("alice waits for %v, want her newest of partition 0", newest)
	}
	if r.alice.Has(newest[0]) {
		t.Error("she has it before it came")
	}
	r.alice.Event(last)
	if !r.alice.Has(newest[0]) {
		t.Error("she doesn't have it after it came")
	}
	r.loses(0, 1)
	if newest = r.alice.Newest(); len(newest) != 1 || newest[0].Number != 0 {
		t.Errorf("after an election that lost the last she waits for %v", newest)
	}
	r.Recreated("orders")
	if n := len(r.alice.Newest()); n != 0 {
		t.Errorf("she waits for %d events of a topic that is gone", n)
	}
}

func TestVerdictCountsWhatPollsBring(t *testing.T) {
	r := newRun()
	r.bob.ByPolls()
	r.alice.Event(r.order("alice", 0))
	r.bob.Event(r.order("bob", 0))
	if v := r.Verdict(); v.Deliveries != 2 || v.ByPolls != 1 || !strings.Contains(v.String(), "2 deliveries (1 by polls)") {
		t.Errorf("%v", v)
	}
}

func TestAwait(t *testing.T) {
	r := newRun()
	arrived := make(chan error, 1)
	go func() {
		arrived <- r.Await(t.Context(), "bob's order", func() bool { return r.bob.Has(Arrival{"orders", 0}) })
	}()
	r.bob.Event(r.order("bob", 0))
	if err := <-arrived; err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the run is over"))
	err := r.Await(ctx, "alice's order", func() bool { return false })
	if err == nil || !strings.Contains(err.Error(), "alice's order") || !strings.Contains(err.Error(), "the run is over") {
		t.Errorf("Await = %v; want what was waited for, and why it ended", err)
	}
}
