package stream

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"sluice/stream/cursor"
)

// newEpochs is a rig whose brokers say leader epochs: 0 up to here.
func newEpochs(t *testing.T, partitions int, specs ...Spec) *rig {
	k := newKafka(len(specs), partitions)
	for i := range specs {
		for range partitions {
			k.topics[i].epochs = append(k.topics[i].epochs, lineage{{0, 0}})
		}
	}
	return rigOn(t, k, specs...)
}

// fill writes and reads events of alice's up to an offset.
func (r *rig) fill(p, from, to int, what string) {
	for i := from; i < to; i++ {
		r.put(0, p, "alice", fmt.Sprint(what, " ", i))
	}
	r.readAll()
}

func numbered(what string, from, to int) []string {
	var all []string
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprint(what, " ", i))
	}
	return all
}

// Ids say the leader epoch of the last record before each position (KIP-320).
func TestIDsSayLeaderEpochs(t *testing.T) {
	r := newEpochs(t, 3, orders)
	p := r.open(Request{})
	if p.id != "orders@ep0:0.0.0" {
		t.Errorf("at the beginning the id is %s", p.id)
	}
	r.fill(0, 0, 2, "old")
	r.fill(1, 0, 1, "old")
	r.kafka.elect(0, 0, 2)
	r.fill(0, 2, 3, "new")
	p.gets("old 0", "old 1", "old 0", "new 2")
	want := []string{"orders@ep0:0.0.0", "orders@ep0:1-0.0.0", "orders@ep0:2-0.0.0", "orders@ep0:2-0.1.0", "orders@ep0:3-1.1-0.0"}
	if fmt.Sprint(p.ids) != fmt.Sprint(want) {
		t.Errorf("the ids are %q, want %q", p.ids, want)
	}
	for i, id := range p.ids {
		q := r.resume(id).begins(OutcomeResumed)
		if len(q.take()) != len(p.ids)-1-i || q.heartbeat() != p.id {
			t.Errorf("resumed at %s it ends at %s", id, q.id)
		}
	}
}

// The cursor of a state says them too, whether it is of all or of one subject.
func TestStateCursorsSayLeaderEpochs(t *testing.T) {
	r := newEpochs(t, 1, Spec{Name: "orders", State: StateBounds{MaxBytes: 1 << 20}})
	r.kafka.elect(0, 0, 0)
	r.put(0, 0, "alice", "new")
	r.readAll()
	for subject, mark := range map[string]string{"": "", "o-1": "*" + cursor.FilterMark("o-1")} {
		s, err := r.hub.State(t.Context(), StateRequest{Streams: []int{0}, User: "alice", Filter: About(subject)})
		if want := "orders@ep0:1-1" + mark; err != nil || s.Cursor != want {
			t.Errorf("subject %q: the cursor is %s, %v; want %s", subject, s.Cursor, err, want)
		}
	}
}

// A page that was away during an unclean election is told where the log has parted from
// its id, whatever was written since, on whichever gateway it comes back.
func TestAwayDuringAnUncleanElectionIsTold(t *testing.T) {
	for written := range 12 {
		for _, away := range []string{"same gateway", "evicted", "fresh", "before it noticed"} {
			t.Run(fmt.Sprint(written, " ", away), func(t *testing.T) {
				r := newEpochs(t, 1, orders)
				p := r.open(Request{})
				r.fill(0, 0, 8, "old")
				p.gets(numbered("old", 0, 8)...)
				p.sub.Close()
				r.kafka.elect(0, 0, 3)
				for i := range written {
					r.put(0, 0, "alice", fmt.Sprint("new ", i+3))
				}
				switch away {
				case "same gateway":
					r.readAll()
				case "evicted":
					r.readAll()
					r.evict(0)
				case "fresh":
					r = rigOn(t, r.kafka, orders)
					r.readAll()
				}
				q := r.resume(p.id)
				if away == "before it noticed" { // as if it had stayed
					q.begins(OutcomeResumed).gets()
					r.readAll()
					q.gets(append([]string{"reset truncated orders [0 8 3]"}, numbered("new", 3, 3+written)...)...)
				} else {
					q.begins(OutcomeReset, "reset truncated orders [0 8 3]").gets(numbered("new", 3, 3+written)...)
				}
				r.fill(0, 3+written, 12+written, "after")
				q.gets(numbered("after", 3+written, 12+written)...)
				r.resume(q.id).begins(OutcomeResumed).gets() // it has been told
			})
		}
	}
}

// One election may truncate several partitions: each is told of, the others are
// untouched.
func TestPartedInSeveralPartitionsIsToldOfEach(t *testing.T) {
	r := newEpochs(t, 4, orders)
	for p := range 4 {
		r.fill(p, 0, 5, fmt.Sprint(p, " old"))
	}
	id := r.open(Request{}).id
	r.kafka.elect(0, 0, 2)
	r.kafka.elect(0, 1, 5) // clean
	r.kafka.elect(0, 3, 4)
	for p := range 4 {
		for i := range 4 {
			r.put(0, p, "alice", fmt.Sprint(p, " new ", i))
		}
	}
	for _, g := range []*rig{r, rigOn(t, r.kafka, orders)} {
		g.readAll()
		q := g.resume(id).begins(OutcomeReset, "reset truncated orders [0 5 2] [3 5 4]")
		var want []string
		for p := range 4 {
			want = append(want, numbered(fmt.Sprint(p, " new"), 0, 4)...)
		}
		q.getsAll(want...)
	}
}

// An id whose leader epochs this gateway knows is resumed without a question to Kafka.
func TestKnownLeaderEpochsAreNotAskedFor(t *testing.T) {
	r := newEpochs(t, 2, orders)
	r.fill(0, 0, 3, "old")
	id := r.open(Request{}).id
	r.kafka.elect(0, 0, 3)
	r.fill(0, 3, 5, "new")
	r.kafka.answer(errDown)
	r.resume(id).begins(OutcomeResumed).gets("new 3", "new 4")
	r.resume("orders@ep0:5-0.0").begins(OutcomeReset, "reset truncated orders [0 5 3]").gets("new 3", "new 4")
	if _, err := r.try(Request{Cursor: "orders@ep0:5-7.0"}); !isUnavailable(err) { // it doesn't know of this one
		t.Errorf("an epoch that has to be asked for: %v", err)
	}
}

// A position under an epoch that the brokers left don't know is told to be lost where the
// log goes on.
func TestEpochThatNoBrokerKnowsIsTold(t *testing.T) {
	r := newEpochs(t, 1, orders)
	r.fill(0, 0, 3, "old")
	r.kafka.elect(0, 0, 3)
	r.fill(0, 3, 6, "one")
	id := r.open(Request{}).id // 6-1
	r.kafka.mu.Lock()          // a replica that never had epoch 1 leads, in epoch 2, and then another in epoch 3
	r.kafka.topics[0].partitions[0] = r.kafka.topics[0].partitions[0][:2]
	r.kafka.topics[0].epochs[0] = lineage{{0, 0}, {2, 2}}
	r.kafka.mu.Unlock()
	for i := range 8 {
		r.put(0, 0, "alice", fmt.Sprint("two ", i+2))
	}
	for _, g := range []*rig{rigOn(t, r.kafka, orders), r} {
		g.readAll()
		g.resume(id).begins(OutcomeReset, "reset truncated orders [0 6 2]").gets(numbered("two", 2, 10)...)
	}
}

// A client that is ahead of this gateway learns that it has parted when the records come
// that were written instead of those it had. This gateway has lost nothing that it had
// read.
func TestAheadOfAnUncleanElectionIsTold(t *testing.T) {
	for _, filter := range []string{"", "s"} {
		r := newEpochs(t, 2, orders)
		r.fill(0, 0, 2, "old")
		for i := 2; i < 8; i++ { // read by another gateway only
			r.put(0, 0, "alice", "old")
		}
		id := "orders@ep0:8-0.0"
		if filter != "" {
			id = "orders@ep0:8-0.0*" + cursor.FilterMark(filter)
		}
		p := r.open(Request{Cursor: id, Filter: About(filter)}).begins(OutcomeResumed)
		p.gets()
		if p.heartbeat() != id {
			t.Errorf("ahead, the id is %s, want %s", p.id, id)
		}
		r.kafka.elect(0, 0, 3)
		for i := range 9 {
			r.kafka.put(0, 0, Event{Users: [][]byte{[]byte("alice")}, Subject: []byte("s"), Data: fmt.Append(nil, "new ", i+3)})
		}
		r.read(0, 0, 4)
		want := append([]string{"reset truncated orders [0 8 3]"}, numbered("new", 3, 6)...)
		if p.sub.AppendID(nil); p.heartbeat() != id {
			t.Errorf("not told yet, the id is %s", p.id)
		}
		p.gets(want...)
		r.readAll()
		p.gets(numbered("new", 6, 12)...)
	}
}

// A client that comes from after the election to a gateway that is still before it waits.
// It is told nothing when that gateway's log goes back: its position is of the later log.
func TestAheadInALaterEpochIsNotToldOfTheTruncation(t *testing.T) {
	r := newEpochs(t, 1, orders)
	r.fill(0, 0, 5, "old")
	r.kafka.elect(0, 0, 3)
	for i := 3; i < 9; i++ {
		r.put(0, 0, "alice", fmt.Sprint("new ", i))
	}
	if _, err := r.try(Request{Cursor: "orders@ep0:4-1"}); !errors.Is(err, ErrNotWarm) {
		t.Errorf("at an offset that it has of the earlier log: %v", err)
	}
	p := r.resume("orders@ep0:7-1").begins(OutcomeResumed)
	p.gets()
	r.readAll()
	p.gets("new 7", "new 8")
	r.resume("orders@ep0:4-1").begins(OutcomeResumed).gets(numbered("new", 4, 9)...)
}

// A truncation while a pass reads the very partition: what the page is sent from there on
// is the new log's, from where the two parted.
func TestElectionWhileCatchingUpIsTold(t *testing.T) {
	r := newEpochs(t, 2, orders)
	r.fill(0, 0, 20, "old")
	r.fill(1, 0, 5, "other")
	r.evict(0)
	r.kafka.gate = make(chan struct{}, 1)
	p := r.resume("orders@ep0:2-0.5")
	p.pull(1)
	r.kafka.gate <- struct{}{}
	<-r.wakes.channel(p.token)
	if _, got := p.pull(1); len(got) != 1 || got[0] != "old 2" {
		t.Errorf("first it got %q", got)
	}
	r.kafka.elect(0, 0, 5)
	r.kafka.elect(0, 1, 1)
	r.readAll()
	r.fill(0, 5, 30, "new")
	close(r.kafka.gate)
	before := p.id
	p.gets(append(append(numbered("old", 3, 9), "reset truncated orders [0 9 5]", "reset truncated orders [1 5 1]"), numbered("new", 5, 30)...)...)
	for _, id := range append(p.ids[:1:1], before, p.ids[4]) { // each of them lies before the election
		for _, g := range []*rig{r, rigOn(t, r.kafka, orders)} {
			g.readAll()
			q := g.resume(id)
			got := q.take()
			if q.outcome != OutcomeReset || len(got) < 25 || got[len(got)-1] != "new 29" {
				t.Errorf("back at %s: %s %q %q", id, q.outcome, q.resets, got)
			}
		}
	}
}

// Ids without leader epochs, and a Kafka that says none, are judged by offsets as before.
func TestWithoutLeaderEpochsOffsetsDecide(t *testing.T) {
	r := newEpochs(t, 1, orders)
	r.fill(0, 0, 8, "old")
	r.kafka.elect(0, 0, 3)
	r.fill(0, 3, 5, "new")
	r.resume("orders@ep0:8").begins(OutcomeReset, "reset truncated orders [0 8 5]").gets()
	r.resume("orders@ep0:4").begins(OutcomeResumed).gets("new 4")
	r.resume("orders@ep0:0").begins(OutcomeResumed).getsAll("old 0", "old 1", "old 2", "new 3", "new 4")

	r = newRig(t, 1, orders) // brokers that say none
	r.fill(0, 0, 8, "old")
	r.resume("orders@ep0:6-2").begins(OutcomeResumed).gets("old 6", "old 7")
	r.resume("orders@ep0:9-2").begins(OutcomeReset, "reset truncated orders [0 9 8]").gets()
}

// plainHistory is a History that can't be asked for leader epochs.
type plainHistory struct{ History }

// Without a way to ask, what this gateway has read itself decides.
func TestWithoutEpochHistoryTheLogDecides(t *testing.T) {
	r := newEpochs(t, 1, orders)
	r.hub.SetHistory(plainHistory{r.kafka})
	r.fill(0, 0, 3, "old")
	r.hub.SetLeaderEpoch(0, 0, noEpoch, 3) // a hole
	r.kafka.hole(0, 0, 3)
	r.kafka.elect(0, 0, 6)
	r.fill(0, 6, 9, "new")
	r.resume("orders@ep0:3-0").begins(OutcomeResumed).gets("new 6", "new 7", "new 8")
	r.resume("orders@ep0:8-0").begins(OutcomeReset, "reset truncated orders [0 8 3]").gets("new 6", "new 7", "new 8")
	r.resume("orders@ep0:12-0").begins(OutcomeReset, "reset truncated orders [0 12 3]").gets("new 6", "new 7", "new 8")
}

// slowEpochs has something happen while Kafka is asked for leader epochs.
type slowEpochs struct {
	*fakeKafka
	meanwhile func()
}

func (s *slowEpochs) EpochEnds(ctx context.Context, stream int, epochs []int32) ([]EpochEnd, error) {
	if act := s.meanwhile; act != nil {
		s.meanwhile = nil
		act()
	}
	return s.fakeKafka.EpochEnds(ctx, stream, epochs)
}

// The topic is created anew while its leader epochs are asked for: the answer is of the
// other topic.
func TestRecreatedWhileLeaderEpochsAreAskedFor(t *testing.T) {
	r := newEpochs(t, 1, orders)
	r.fill(0, 0, 3, "old")
	r.hub.SetHistory(&slowEpochs{r.kafka, func() {
		r.kafka.recreate(0, 1)
		r.kafka.elect(0, 0, 0)
	}})
	if _, err := r.try(Request{Cursor: "orders@ep0:4-0"}); !errors.Is(err, ErrNotWarm) {
		t.Errorf("before the reader noticed: %v", err)
	}
	r.readAll()
	r.resume("orders@ep0:4-0").begins(OutcomeReset, "reset recreated orders [0 4 0]").gets()
}

// What a jump forward passes over may have begun an epoch: ids say nothing of it until a
// record does.
func TestEpochAfterAJumpForwardIsUnknown(t *testing.T) {
	r := newEpochs(t, 1, orders)
	r.fill(0, 0, 3, "old")
	p := r.open(Request{})
	r.hub.Jump(0, 0, ReasonRetention, 6)
	p.gets("reset retention orders [0 3 6]")
	if p.id != "orders@ep0:6" {
		t.Errorf("the id is %s", p.id)
	}
	r.hub.SetLeaderEpoch(0, 0, 2, 6)
	r.hub.Publish(0, []Event{{Offset: 6, Users: [][]byte{[]byte("alice")}, Data: []byte("new")}})
	p.gets("new")
	if p.id != "orders@ep0:7-2" {
		t.Errorf("the id is %s", p.id)
	}
}

// An epoch that begins beyond what this gateway has read may be lost as well by now:
// Kafka is asked.
func TestEpochBeyondWhatWasReadIsAskedFor(t *testing.T) {
	r := newEpochs(t, 1, orders)
	r.fill(0, 0, 30, "old")
	for i := 30; i < 55; i++ { // read by another gateway only
		r.put(0, 0, "alice", fmt.Sprint("old ", i))
	}
	r.hub.SetLeaderEpoch(0, 0, 1, 51)
	r.kafka.elect(0, 0, 51)
	r.kafka.elect(0, 0, 33)
	for i := 33; i < 41; i++ {
		r.put(0, 0, "alice", fmt.Sprint("new ", i))
	}
	p := r.resume("orders@ep0:55-0").begins(OutcomeReset, "reset truncated orders [0 55 33]")
	if p.id != "orders@ep0:33-0" {
		t.Errorf("the id is %s", p.id)
	}
	r.readAll()
	p.gets(numbered("new", 33, 41)...)
}

// Where retention moves a position on from where it has parted, its leader epoch isn't
// known.
func TestPartedAndPassedByRetentionKeepsNoEpoch(t *testing.T) {
	r := newEpochs(t, 1, orders)
	r.fill(0, 0, 8, "old")
	id := r.open(Request{}).id
	r.kafka.elect(0, 0, 3)
	for i := 3; i < 12; i++ {
		r.put(0, 0, "alice", fmt.Sprint("new ", i))
	}
	r.kafka.retain(0, 0, 5)
	g := rigOn(t, r.kafka, orders) // it begins at 5
	p := g.resume(id).begins(OutcomeReset, "reset truncated orders [0 8 3]", "reset retention orders [0 3 5]")
	if p.id != "orders@ep0:5" && p.id != "orders@ep0:5-1" {
		t.Errorf("the id is %s", p.id)
	}
	g.readAll()
	p.gets(numbered("new", 5, 12)...)
}
