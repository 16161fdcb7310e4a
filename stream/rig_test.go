package stream

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"sluice/stream/cursor"
	"sluice/stream/ssetest"
)

// rig is one gateway on a fakeKafka, for tests that say every step.
type rig struct {
	*gateway
	t *testing.T
}

var (
	orders = Spec{Name: "orders"}
	stock  = Spec{Name: "stock"}
	news   = Spec{Name: "news", Audience: AudienceEveryone}
)

// newRig has a gateway that reads from the start of topics of some partitions each.
func newRig(t *testing.T, partitions int, specs ...Spec) *rig {
	return rigOn(t, newKafka(len(specs), partitions), specs...)
}

// rigOn is another gateway on k, reading from where Kafka begins.
func rigOn(t *testing.T, k *fakeKafka, specs ...Spec) *rig {
	r := &rig{newGateway(k, specs, func(int64) int64 { return 0 }), t}
	t.Cleanup(r.hub.Close)
	return r
}

// put writes an event for a user to Kafka.
func (r *rig) put(stream, p int, user, data string) int64 {
	return r.kafka.put(stream, p, Event{Users: [][]byte{[]byte(user)}, Data: []byte(data)})
}

// tell writes an event for a user to Kafka and has the gateway read it.
func (r *rig) tell(stream, p int, user, data string) {
	r.t.Helper()
	r.put(stream, p, user, data)
	r.readAll()
}

// evict empties a log: what has been read so far is older than memory.
func (r *rig) evict(stream int) {
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	for r.hub.logs[stream].evict(&r.hub.users) {
	}
}

// age lets time pass for the logs.
func (r *rig) age(d time.Duration) { r.hub.start = r.hub.start.Add(-d) }

// page is a connection that takes what it is sent.
type page struct {
	r       *rig
	sub     Sub
	token   uint32
	outcome Outcome
	resets  []string // said at the beginning
	id      string   // the last it was sent
	ids     []string // all it was sent
}

// open begins a connection for alice, or who the request says.
func (r *rig) open(q Request) *page {
	r.t.Helper()
	p, err := r.try(q)
	if err != nil {
		r.t.Fatalf("Open: %v", err)
	}
	return p
}

func (r *rig) try(q Request) (*page, error) {
	if q.User == "" && !q.AnyUser {
		q.User = "alice"
	}
	if q.Streams == nil {
		for i := range r.hub.Specs() {
			q.Streams = append(q.Streams, i)
		}
	}
	p := &page{r: r}
	p.token = r.wakes.next()
	q.Waker, q.Token = r.waker, p.token
	sub, o, err := r.hub.Open(r.t.Context(), q)
	if err != nil {
		return nil, err
	}
	p.sub, p.outcome = sub, o.Outcome
	for i, reset := range o.Resets {
		if last := i == len(o.Resets)-1; last != (reset.ID != "") || last && reset.ID != o.ID {
			r.t.Errorf("reset %d of %d has the id %q, hello %q", i+1, len(o.Resets), reset.ID, o.ID)
		}
		p.resets = append(p.resets, resetText(r.t, reset.AppendJSON(nil)))
	}
	p.sent(o.ID)
	return p, nil
}

// resume begins a connection at an id.
func (r *rig) resume(id string) *page {
	r.t.Helper()
	return r.open(Request{Cursor: id})
}

func (p *page) sent(id string) {
	p.r.t.Helper()
	position, _ := cursor.SplitNotes(id)
	if _, err := readPlain(position); err != nil {
		p.r.t.Errorf("was sent %q: %v", id, err)
	}
	p.id = id
	p.ids = append(p.ids, id)
}

// take returns the data of all events for the page now, waiting for passes over Kafka. A
// reset reads "reset REASON STREAM [PARTITION FROM TO] …"; an end of the connection
// "lagged", "unavailable", "closed" or "ended".
func (p *page) take() []string {
	p.r.t.Helper()
	var got []string
	for {
		pulled, events := p.pull(1 << 20)
		got = append(got, events...)
		switch pulled {
		case Lagged:
			return append(got, "lagged")
		case Unavailable:
			return append(got, "unavailable")
		case Closed:
			return append(got, "closed")
		case Ended:
			return append(got, "ended")
		case Widened:
			return append(got, "widened")
		case Drained:
			if !p.reading() {
				return got
			}
			<-p.r.wakes.channel(p.token)
		}
	}
}

// pull pulls once.
func (p *page) pull(max int) (Pulled, []string) {
	p.r.t.Helper()
	var b Batch
	pulled := p.sub.Pull(&b, max)
	var got []string
	in := ssetest.NewReader(bytes.NewReader(bytes.Join(b.Bufs, nil)))
	for {
		ev, err := in.Next()
		if err != nil {
			return pulled, got
		}
		p.sent(ev.ID)
		if ev.Name == ResetEvent {
			ev.Data = resetText(p.r.t, []byte(ev.Data))
		}
		got = append(got, ev.Data)
	}
}

// reading reports whether a pass reads for the page.
func (p *page) reading() bool {
	h := p.r.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	q := h.own[p.sub.id]
	return q != nil && slices.ContainsFunc(q.streams, func(o ownStream) bool { return o.catchup != nil })
}

// hasOwn reports whether the page has an ownPosition.
func (p *page) hasOwn() bool {
	p.r.hub.mu.Lock()
	defer p.r.hub.mu.Unlock()
	return p.r.hub.own[p.sub.id] != nil
}

// woken reports whether the page has been woken since the last time it was asked.
func (p *page) woken() bool {
	select {
	case <-p.r.wakes.channel(p.token):
		return true
	default:
		return false
	}
}

// heartbeat has the page told the position reached, as a heartbeat does.
func (p *page) heartbeat() string {
	p.r.t.Helper()
	p.sent(string(p.sub.AppendID(nil)))
	return p.id
}

// gets expects exactly these to be taken, in this order.
func (p *page) gets(want ...string) {
	p.r.t.Helper()
	if got := p.take(); !slices.Equal(got, want) {
		p.r.t.Errorf("got %q, want %q", got, want)
	}
}

// getsAll expects exactly these to be taken, in any order: streams and partitions have
// none between them.
func (p *page) getsAll(want ...string) {
	p.r.t.Helper()
	got := p.take()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		p.r.t.Errorf("got %q, want %q", got, want)
	}
}

// begins expects an outcome and these resets.
func (p *page) begins(outcome Outcome, resets ...string) *page {
	p.r.t.Helper()
	if p.outcome != outcome || !slices.Equal(p.resets, resets) {
		p.r.t.Errorf("began as %s with %q, want %s with %q", p.outcome, p.resets, outcome, resets)
	}
	return p
}

// neverBack expects that no id was below the one before, in any partition.
func (p *page) neverBack() {
	p.r.t.Helper()
	for i := 1; i < len(p.ids); i++ {
		before, _ := readPlain(p.ids[i-1])
		after, _ := readPlain(p.ids[i])
		for _, b := range before {
			for _, a := range after {
				if a.Stream == b.Stream && a.Epoch == b.Epoch && !covers(a.Offsets, b.Offsets) {
					p.r.t.Errorf("after %s came %s", p.ids[i-1], p.ids[i])
				}
			}
		}
	}
}

func resetText(t *testing.T, data []byte) string {
	t.Helper()
	var r struct {
		Reason, Stream string
		Partitions     []struct{ Partition, From, To int64 }
	}
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	text := "reset " + r.Reason
	if r.Stream != "" {
		text += " " + r.Stream
	}
	for _, p := range r.Partitions {
		text += fmt.Sprintf(" [%d %d %d]", p.Partition, p.From, p.To)
	}
	return text
}

var errDown = errors.New("no broker answers")

func isUnavailable(err error) bool { return errors.Is(err, ErrUnavailable) && errors.Is(err, errDown) }

// readPlain reads an id in plain text.
func readPlain(id string) ([]cursor.Segment, error) { return cursor.Positions(cursor.Plain, id) }
