package stream

import (
	"fmt"
	"slices"
	"testing"

	"sluice/stream/cursor"
)

// olderEpochs is a gateway that begins behind 40 records. They were written under four
// leader epochs. It knows the newest only.
func olderEpochs(t *testing.T) *rig {
	k := newKafka(1, 1)
	k.topics[0].epochs = []lineage{{{0, 0}}}
	for i := range 40 {
		if i > 0 && i%10 == 0 {
			k.elect(0, 0, int64(i))
		}
		k.put(0, 0, Event{Users: [][]byte{[]byte("alice")}, Subject: []byte("s"), Data: fmt.Append(nil, "old ", i)})
	}
	g := beginGateway(&gateway{kafka: k, newestOnly: true}, []Spec{orders}, nil, func(end int64) int64 { return end })
	t.Cleanup(g.hub.Close)
	return &rig{g, t}
}

// Brokers say the leader epochs of what is read from Kafka. So do ids, where the log
// knows the newest only.
func TestIDsOfACatchUpSayLeaderEpochsThatTheLogDoesNotKnow(t *testing.T) {
	for _, subject := range []string{"", "s"} {
		r := olderEpochs(t)
		mark := ""
		if subject != "" {
			mark = "*" + cursor.FilterMark(subject)
		}
		p := r.open(Request{Cursor: "orders@ep0:2-0" + mark, Filter: About(subject)}).begins(OutcomeResumed)
		p.gets(numbered("old", 2, 40)...)
		want := []string{"orders@ep0:2-0" + mark}
		for i := 2; i < 40; i++ {
			want = append(want, fmt.Sprintf("orders@ep0:%d-%d%s", i+1, i/10, mark))
		}
		if !slices.Equal(p.ids, want) {
			t.Errorf("the ids are %q, want %q", p.ids, want)
		}
		if q := r.open(Request{Cursor: p.ids[10], Filter: About(subject)}).begins(OutcomeResumed); q.id != p.ids[10] {
			t.Errorf("resumed at %s it begins at %s", p.ids[10], q.id)
		}
	}
}

// A lane that is full ends where the leader epoch is known.
func TestFullLaneEndsAtAKnownLeaderEpoch(t *testing.T) {
	r := olderEpochs(t)
	h := r.hub
	h.mu.Lock()
	p := &catchupPass{hub: h, reached: []int64{10}, leaders: []int32{0}}
	same, other := &lane{pass: p}, &lane{pass: p}
	same.close(0, 13, 0)
	other.close(0, 13, 1)
	h.mu.Unlock()
	if same.ends[0] != 13 || same.leaders()[0] != 0 {
		t.Errorf("in the same epoch it ends at %d, of epoch %d", same.ends[0], same.leaders()[0])
	}
	if other.ends[0] != 10 || other.leaders()[0] != 0 {
		t.Errorf("in another epoch it ends at %d, of epoch %d", other.ends[0], other.leaders()[0])
	}
}

// An epoch that the log has yet to learn of is not claimed. The log is about to learn
// what that election took back. Then it tells the page.
func TestCatchUpClaimsNoEpochThatTheLogHasNotReached(t *testing.T) {
	r := olderEpochs(t)
	r.kafka.gate = make(chan struct{}, 2)
	p := r.resume("orders@ep0:2-0")
	p.pull(1)
	for _, want := range [][]string{numbered("old", 2, 9), {"old 9"}} {
		r.kafka.gate <- struct{}{}
		<-r.wakes.channel(p.token)
		if _, got := p.pull(1 << 20); !slices.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	r.kafka.elect(0, 0, 7) // in epoch 4
	for i := 7; i < 45; i++ {
		r.put(0, 0, "alice", fmt.Sprint("new ", i))
	}
	r.kafka.gate <- struct{}{}
	<-r.wakes.channel(p.token)
	if _, got := p.pull(1 << 20); len(got) == 0 || p.id != "orders@ep0:17" {
		t.Errorf("got %q, and the id is %s", got, p.id)
	}
	r.readAll()
	close(r.kafka.gate)
	p.gets(append([]string{"reset truncated orders [0 17 7]"}, numbered("new", 7, 45)...)...)
}

// A page comes to the head with a leader epoch that the log doesn't know. It keeps it.
func TestIDAtTheHeadKeepsAnEpochThatTheLogDoesNotKnow(t *testing.T) {
	r := newRig(t, 1, orders)
	r.fill(0, 0, 8, "old")
	p := r.resume("orders@ep0:8-0").begins(OutcomeResumed)
	p.gets()
	if id := p.heartbeat(); id != "orders@ep0:8-0" {
		t.Errorf("the id is %s", id)
	}
	r.hub.SetLeaderEpoch(0, 0, 2, 8)
	r.fill(0, 8, 9, "new")
	p.gets("new 8")
	if p.id != "orders@ep0:9-2" || p.hasOwn() {
		t.Errorf("the id is %s; by itself: %t", p.id, p.hasOwn())
	}
}

// One that is ahead in a partition catches up over another. A pass, which has read both,
// looked from its position on. Told that it was taken back, it reads again from there.
func TestAheadOfAnUncleanElectionWhileCatchingUp(t *testing.T) {
	r := newEpochs(t, 2, orders)
	r.fill(0, 0, 5, "old")
	r.fill(1, 0, 5, "old")
	for range 3 { // read by another gateway only
		r.put(0, 1, "alice", "ahead")
	}
	r.evict(0)
	read := r.occupyPasses()
	p := r.resume("orders@ep0:2-0.8").begins(OutcomeResumed)
	r.kafka.elect(0, 1, 6)
	r.fill(1, 6, 10, "new")
	r.evict(0)
	r.open(Request{User: "bob", Cursor: "orders@ep0:5-0.1"}).begins(OutcomeResumed) // needs all of partition 1
	read()
	p.getsAll(slices.Concat([]string{"reset truncated orders [1 8 6]"}, numbered("old", 2, 5), numbered("new", 6, 10))...)
}

// The gateway learns of an election that concerns one that is ahead, after a jump in
// another partition, and before a second. It is told of all three, wherever it is served
// from by then.
func TestAheadOfAnUncleanElectionBetweenJumps(t *testing.T) {
	for _, evicted := range []int{0, 1, 2} { // before so many of the jumps
		for _, twice := range []bool{false, true} {
			t.Run(fmt.Sprint(evicted, twice), func(t *testing.T) {
				r := newEpochs(t, 2, orders)
				r.fill(0, 0, 2, "old")
				r.fill(1, 0, 5, "other")
				for range 6 { // read by another gateway only
					r.put(0, 0, "alice", "ahead")
				}
				p := r.resume("orders@ep0:8-0.5").begins(OutcomeResumed)
				p.gets()
				want := append([]string{"reset truncated orders [1 5 3]", "reset truncated orders [0 8 3]"}, numbered("new", 3, 12)...)
				r.kafka.elect(0, 1, 3)
				r.read(0, 1, 1)
				if evicted > 0 {
					r.evict(0)
				}
				r.kafka.elect(0, 0, 3)
				r.fill(0, 3, 12, "new")
				if twice {
					r.kafka.elect(0, 1, 1)
					r.read(0, 1, 1)
					want = append(want, "reset truncated orders [1 3 1]")
				}
				if evicted > 1 {
					r.evict(0)
				}
				p.getsAll(want...)
				if p.hasOwn() {
					t.Errorf("it still has an own position: %s", p.heartbeat())
				}
			})
		}
	}
}
