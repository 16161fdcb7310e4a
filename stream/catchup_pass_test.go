package stream

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"sluice/stream/cursor"
)

// older has n events of each user in Kafka that memory has no more.
func older(r *rig, n int, users ...string) {
	for i := range n {
		for _, u := range users {
			r.put(0, 0, u, fmt.Sprint(u, " ", i))
		}
	}
	r.readAll()
	r.evict(0)
}

// gated holds every reading of Kafka until the channel is closed or sent to.
func (r *rig) gated() chan<- struct{} {
	gate := make(chan struct{})
	r.kafka.gate = gate
	return gate
}

func TestOnePassServesMany(t *testing.T) {
	r := newRig(t, 1, orders)
	var users []string
	for i := range 100 {
		users = append(users, fmt.Sprint("user", i))
	}
	older(r, 3, users...)
	gate := r.gated()
	first := r.open(Request{User: "user0", Cursor: "orders@ep0:0"})
	var pages []*page
	for _, u := range users {
		pages = append(pages, r.open(Request{User: u, Cursor: "orders@ep0:0"}))
	}
	close(gate)
	for i, p := range append(pages, first) {
		u := users[i%len(users)]
		p.gets(u+" 0", u+" 1", u+" 2")
		if p.hasOwn() {
			t.Errorf("%s is still on its own", u)
		}
	}
	if r.kafka.reads > 2 { // the first one's, and that of all others
		t.Errorf("%d readings", r.kafka.reads)
	}
}

// A pass reads only the partitions that somebody needs.
func TestPassReadsWhatIsNeeded(t *testing.T) {
	r := newRig(t, 2, orders)
	older(r, 3, "alice")
	r.tell(0, 1, "alice", "in memory")
	r.kafka.retain(0, 1, 1) // reading it would find it gone
	r.resume("orders@ep0:1.0").begins(OutcomeResumed).gets("alice 1", "alice 2", "in memory")
}

// Between a pass's end and the next pull the log goes on, so far that it leaves the
// pass's end behind: it reads again.
func TestHandOverWhileTheLogEvicts(t *testing.T) {
	r := newRig(t, 1, orders)
	older(r, 3, "alice")
	p := r.resume("orders@ep0:0")
	var got []string
	for i := range 4 {
		p.untilRead()
		r.put(0, 0, "bob", "bob's")
		r.tell(0, 0, "alice", fmt.Sprint("later ", i))
		r.evict(0)
		_, events := p.pull(1 << 20)
		got = append(got, events...)
	}
	p.untilRead()
	got = append(got, p.take()...)
	if want := []string{"alice 0", "alice 1", "alice 2", "later 0", "later 1", "later 2", "later 3"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	p.neverBack()
	r.tell(0, 0, "alice", "live")
	p.gets("live")
	if p.hasOwn() {
		t.Error("still on its own")
	}
}

// untilRead waits until nothing more is added to the lane of the page's first stream,
// which is cold.
func (p *page) untilRead() {
	for reading := true; reading; runtime.Gosched() {
		p.r.hub.mu.Lock()
		la := p.r.hub.own[p.sub.id].streams[0].catchup.lane
		reading = la == nil || la.open()
		p.r.hub.mu.Unlock()
	}
}

// Published during a pass, once the log keeps it: live meets the pass without a hole and
// without a repeat.
func TestPassMeetsLiveExactly(t *testing.T) {
	r := newRig(t, 2, orders)
	older(r, 10, "alice")
	gate := r.gated()
	p := r.resume("orders@ep0:5.0")
	want := []string{"alice 5", "alice 6", "alice 7", "alice 8", "alice 9"}
	for i := range 5 {
		r.tell(0, i%2, "alice", fmt.Sprint("live ", i))
		want = append(want, fmt.Sprint("live ", i))
	}
	close(gate)
	p.getsAll(want...)
	if p.heartbeat(); p.id != "orders@ep0:13.2" {
		t.Errorf("the id is %s", p.id)
	}
}

// A member that takes too slowly leaves the pass where it is, holds nobody up, and goes
// on from there by the next.
func TestSlowInAPassLeavesIt(t *testing.T) {
	r := newRig(t, 1, orders)
	const n = 40
	big := strings.Repeat("x", maxLaneBytes/10)
	for i := range n {
		r.put(0, 0, "alice", fmt.Sprint(i, big))
		r.put(0, 0, "bob", fmt.Sprint(i))
	}
	r.readAll()
	r.evict(0)
	gate := r.gated()
	slow := r.resume("orders@ep0:0")
	bob := r.open(Request{User: "bob", Cursor: "orders@ep0:0"})
	close(gate)
	if got := bob.take(); len(got) != n {
		t.Errorf("bob got %d of %d beside a slow one", len(got), n)
	}
	slow.untilRead()
	r.hub.mu.Lock()
	found := r.hub.own[slow.sub.id].streams[0].catchup.lane.bytes
	r.hub.mu.Unlock()
	if found > maxLaneBytes || found < maxLaneBytes-2*len(big) {
		t.Errorf("%d bytes were kept for a slow one, nearly %d wanted", found, maxLaneBytes)
	}
	got := slow.take()
	if len(got) != n {
		t.Fatalf("the slow one got %d of %d", len(got), n)
	}
	for i, data := range got {
		if !strings.HasPrefix(data, fmt.Sprint(i, "x")) {
			t.Fatalf("event %d is %.5s", i, data)
		}
	}
	slow.neverBack()
}

// What all together may have waiting is bounded too, and yet each gets on by an event at
// least.
func TestFullPassesStillMakeProgress(t *testing.T) {
	r := newRig(t, 1, orders)
	older(r, 5, "alice")
	r.hub.mu.Lock()
	r.hub.passes.bytes += maxLanesBytes // others have taken all the room
	r.hub.mu.Unlock()
	p := r.resume("orders@ep0:0")
	p.gets("alice 0", "alice 1", "alice 2", "alice 3", "alice 4")
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	if r.hub.passes.bytes != maxLanesBytes {
		t.Errorf("%d bytes are counted as waiting that nobody has", r.hub.passes.bytes-maxLanesBytes)
	}
}

func TestKafkaAwayInCatchUpIsUnavailable(t *testing.T) {
	r := newRig(t, 1, orders)
	older(r, 30, "alice")
	gate := r.gated()
	p := r.resume("orders@ep0:0")
	gate <- struct{}{} // one run is read, for sure once the next is asked for
	gate <- struct{}{}
	r.kafka.answer(errDown)
	close(gate)
	got := p.take()
	if len(got) < 7 || got[len(got)-1] != "unavailable" {
		t.Fatalf("got %q", got)
	}
	p.sub.Close()
	r.kafka.answer(nil)
	if rest := r.resume(p.id).begins(OutcomeResumed).take(); len(got)-1+len(rest) != 30 {
		t.Errorf("got %d before and %d after, 30 together wanted", len(got)-1, len(rest))
	}
}

// Retention passes a position while its pass is waiting.
func TestRetentionInAPass(t *testing.T) {
	r := newRig(t, 1, orders)
	older(r, 20, "alice")
	gate := r.gated()
	p := r.resume("orders@ep0:2")
	q := r.resume("orders@ep0:18")
	r.kafka.retain(0, 0, 17)
	close(gate)
	p.gets("reset retention orders [0 2 17]", "alice 17", "alice 18", "alice 19")
	q.gets("alice 18", "alice 19")
	p.neverBack()
}

// A reset in the middle of a pass says from where on: what was read and wasn't its own is
// not missing.
func TestResetInAPassSaysOnlyWhatIsMissing(t *testing.T) {
	r := newRig(t, 1, orders)
	older(r, 20, "alice")
	gate := r.gated()
	bob := r.open(Request{User: "bob", Cursor: "orders@ep0:0"})
	gate <- struct{}{}
	gate <- struct{}{} // the first run, of 7, has been given
	r.kafka.retain(0, 0, 17)
	close(gate)
	bob.untilRead()
	got := bob.take()
	if len(got) != 1 || got[0] != "reset retention orders [0 7 17]" && got[0] != "reset retention orders [0 14 17]" {
		t.Errorf("got %q", got)
	}
}

func TestFilterInAPass(t *testing.T) {
	r := newRig(t, 1, orders)
	for i := range 6 {
		r.kafka.put(0, 0, Event{Users: [][]byte{[]byte("alice")}, Subject: fmt.Append(nil, i%2), Data: fmt.Append(nil, i)})
	}
	r.readAll()
	r.evict(0)
	p := r.open(Request{Filter: About("1"), Cursor: "orders@ep0:2"})
	p.gets("3", "5")
	if p.heartbeat(); p.id != "orders@ep0:6*"+cursor.FilterMark("1") {
		t.Errorf("the id is %s", p.id)
	}
}

// A page that goes away in a pass leaves nothing behind, and the pass ends with nobody
// left.
func TestClosedInAPass(t *testing.T) {
	r := newRig(t, 1, orders)
	older(r, 50, "alice")
	gate := r.gated()
	p := r.resume("orders@ep0:0")
	gate <- struct{}{}
	gate <- struct{}{}
	p.sub.Close()
	close(gate)
	r.hub.Close() // waits for the pass
	if n := r.hub.passes.bytes; n != 0 || len(r.hub.own) != 0 {
		t.Errorf("%d bytes and %d private are left", n, len(r.hub.own))
	}
}

// Closing the hub ends what is being read, however long Kafka takes.
func TestCloseEndsPasses(t *testing.T) {
	r := newRig(t, 1, orders)
	older(r, 3, "alice")
	r.gated() // for ever
	p := r.resume("orders@ep0:0")
	r.hub.Close()
	r.hub.Close()
	p.gets("closed")
	if _, err := r.try(Request{}); err != ErrClosed {
		t.Errorf("opened a closed hub: %v", err)
	}
}

// No more passes at once than allowed, over all streams.
func TestPassesAtOnceAreBounded(t *testing.T) {
	specs := []Spec{{Name: "a"}, {Name: "b"}, {Name: "c"}, {Name: "d"}}
	r := newRig(t, 1, specs...)
	for i := range specs {
		r.tell(i, 0, "alice", fmt.Sprint(i))
		r.evict(i)
	}
	gate := r.gated()
	p := r.resume("a@ep0:0~b@ep0:0~c@ep0:0~d@ep0:0")
	gate <- struct{}{}
	if n := cap(r.hub.passes.slots); n != 2 || len(r.hub.passes.slots) > n {
		t.Errorf("%d passes at once", n)
	}
	r.kafka.mu.Lock()
	reads := r.kafka.reads
	r.kafka.mu.Unlock()
	if reads > 3 { // two, and one more if the first has ended
		t.Errorf("%d readings were begun", reads)
	}
	close(gate)
	p.getsAll("0", "1", "2", "3")
}
