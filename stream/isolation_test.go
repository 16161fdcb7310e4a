package stream

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

// alike are ids that something careless would take for one another: by prefix, case,
// white space, normal form, look, number, encoding, or where a C string ends.
var alike = []string{
	"alice", "alic", "alice2", "alicealice", "Alice", "ALICE", "alice ", " alice", "alice\t", "alice\x00", "alice\x00bob",
	"alice.", "alice/", "alice%20", "alice@", "alice~", "al\u0131ce", "аlice", "\u200balice", "alice\ufe0f",
	"ren\u00e9", "rene\u0301", "ﬁ", "fi", "Å", "A\u030a", "\u212b", "ß", "ss", "SS", "ı", "İ", "i", "I", "K", "\u212a",
	"1", "01", "1.0", "+1", "1e0", "１", "10000000", "1e7", "\xff", "\xfe", "\xc3\xa9", "\xe9", "\ufffd", "null", "true", "[]", `"alice"`,
	strings.Repeat("a", 1024), strings.Repeat("a", 1023) + "b",
}

// TestIsolation makes users, streams, filters, events and reconnects at random, cursors
// of others among them. It compares each delivery with a plain model: an event reaches
// the users it names and those who follow it, in order, once, and no one else. It runs
// once as it is and once with every user's hash the same.
func TestIsolation(t *testing.T) {
	want := 100_000
	if os.Getenv("SLUICE_TEST_FULL") == "1" {
		want = 1_000_000
	}
	for name, hash := range map[string]func([]byte) uint64{"as it is": nil, "one hash for all": func([]byte) uint64 { return 42 }} {
		t.Run(name, func(t *testing.T) {
			w := newIsolated(t, 1, hash)
			for w.delivered < want/2 && !t.Failed() {
				w.step()
			}
			w.drainAll()
			t.Logf("%d deliveries of %d events to %d connections", w.delivered, w.events, w.opened)
		})
	}
}

// isolated is a hub and the model of it.
type isolated struct {
	t     *testing.T
	rand  *rand.Rand
	hub   *Hub
	waker WakerID
	next  [3][2]int64 // offsets, by stream and partition
	past  []record    // every event there was
	subs  []*listener

	events, delivered, opened int
}

// record is an event in the model's words.
type record struct {
	stream  int
	users   []string
	subject string
	text    string
}

// listener is a connection, and what the model says it has still to get.
type listener struct {
	sub     Sub
	request Request
	seen    int         // of isolated.past
	owed    [3][]string // by stream: across streams there is no order
}

func newIsolated(t *testing.T, seed uint64, hash func([]byte) uint64) *isolated {
	w := &isolated{t: t, rand: rand.New(rand.NewPCG(seed, 2))}
	w.hub = NewHub(Config{IDs: sealer(t, "a"), Streams: []Spec{
		{Name: "orders", ReplayBytes: 1 << 30}, {Name: "returns", ReplayBytes: 1 << 30}, {Name: "news", ReplayBytes: 1 << 30, Audience: AudienceEveryone},
	}})
	t.Cleanup(w.hub.Close)
	if hash != nil {
		w.hub.users.hash = hash
	}
	for i := range 3 {
		w.hub.Begin(i, "e", []int64{0, 0})
		w.hub.SetWarm(i)
	}
	w.waker = w.hub.AddWaker(noWaker{})
	return w
}

func (w *isolated) pick(from []string) string { return from[w.rand.IntN(len(from))] }

func (w *isolated) subject() string {
	return w.pick([]string{"", "o-1", "o-10", "O-1", "o-1 ", "alice"})
}

func (w *isolated) step() {
	switch n := w.rand.IntN(100); {
	case n < 60:
		w.publish()
	case n < 80 && len(w.subs) > 0:
		w.drain(w.subs[w.rand.IntN(len(w.subs))])
	case n < 90 || len(w.subs) < 100:
		w.connect()
	default:
		w.leave()
	}
}

// publish publishes a few events at once, to one user or several, or to everyone.
func (w *isolated) publish() {
	stream := w.rand.IntN(3)
	if stream == 2 && w.rand.IntN(4) > 0 { // those for everyone would drown the others
		stream = w.rand.IntN(2)
	}
	var batch []Event
	for range 1 + w.rand.IntN(3) {
		r := record{stream: stream, subject: w.subject(), text: fmt.Sprintf("%d event %d", stream, w.events)}
		if stream != 2 {
			for range 1 + w.rand.IntN(4) {
				if u := w.pick(alike); !slices.Contains(r.users, u) {
					r.users = append(r.users, u)
				}
			}
		}
		w.events++
		p := w.rand.IntN(2)
		ev := Event{Partition: int32(p), Offset: w.next[stream][p], Subject: []byte(r.subject), Data: []byte(r.text)}
		for _, u := range r.users {
			ev.Users = append(ev.Users, []byte(u))
		}
		w.next[stream][p]++
		batch = append(batch, ev)
		w.past = append(w.past, r)
	}
	w.hub.Publish(stream, batch)
}

// gets is the whole of the rule.
func (r record) gets(q Request) bool {
	return slices.Contains(q.Streams, r.stream) &&
		(len(q.Filter.Subjects()) == 0 || slices.Contains(q.Filter.Subjects(), r.subject)) &&
		(r.stream == 2 || q.AnyUser || slices.Contains(r.users, q.User))
}

// connect opens a connection: live, or at a cursor that some client was given.
func (w *isolated) connect() {
	l := &listener{request: Request{Waker: w.waker, User: w.pick(alike), Streams: [][]int{{0}, {1}, {2}, {0, 1}, {0, 2}, {0, 1, 2}}[w.rand.IntN(6)]}}
	about := []string{"o-1", "o-10", "O-1", "o-1 ", "alice"}
	switch w.rand.IntN(6) {
	case 0:
		l.request.Filter = About(w.pick(about))
	case 1:
		l.request.Filter, l.request.User, l.request.AnyUser = About("o-1"), "", true
	case 2:
		l.request.Filter = About(w.pick(about), w.pick(about), w.pick(about))
	}
	l.seen = len(w.past)
	if len(w.subs) > 0 && w.rand.IntN(2) == 0 {
		other := w.subs[w.rand.IntN(len(w.subs))]
		// What a cursor doesn't name begins live, and another filter's is refused: those
		// begin live altogether.
		if slices.Equal(other.request.Streams, l.request.Streams) && other.request.Filter.mark(other.request.AnyUser) == l.request.Filter.mark(l.request.AnyUser) {
			w.drain(other)
			l.request.Cursor, l.seen = string(other.sub.AppendID(nil)), other.seen
		}
	}
	w.open(l)
	w.subs = append(w.subs, l)
}

func (w *isolated) open(l *listener) {
	var o Opening
	var err error
	if l.sub, o, err = w.hub.Open(w.t.Context(), l.request); err != nil {
		w.t.Fatal(err)
	}
	if len(o.Resets) > 0 {
		w.t.Errorf("%+v begins with %+v", l.request, o.Resets)
	}
	w.opened++
}

// leave closes a connection; half of them come back where they were, the batch they were
// in half read.
func (w *isolated) leave() {
	i := w.rand.IntN(len(w.subs))
	l := w.subs[i]
	if w.rand.IntN(2) == 0 {
		w.drain(l)
		l.request.Cursor = string(l.sub.AppendID(nil))
		l.sub.Close()
		for range w.rand.IntN(5) {
			w.publish()
		}
		w.open(l)
		return
	}
	l.sub.Close()
	w.subs = slices.Delete(w.subs, i, i+1)
}

// drain takes all there is for one, and compares it with what the model owes it.
func (w *isolated) drain(l *listener) {
	for _, r := range w.past[l.seen:] {
		if r.gets(l.request) {
			l.owed[r.stream] = append(l.owed[r.stream], r.text)
		}
	}
	l.seen = len(w.past)
	var b Batch
	for p := More; p == More; {
		b.Reset()
		p = l.sub.Pull(&b, 1+w.rand.IntN(2000))
		for line := range bytes.Lines(bytes.Join(b.Bufs, nil)) {
			text, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("data: "))
			if !ok {
				continue
			}
			w.delivered++
			owed := &l.owed[text[0]-'0']
			if len(*owed) == 0 || (*owed)[0] != string(text) {
				w.t.Fatalf("%+v was sent %q, and is owed %q", l.request, text, *owed)
			}
			*owed = (*owed)[1:]
		}
		if p != More && p != Drained {
			w.t.Fatalf("%+v: %v", l.request, p)
		}
	}
	for _, owed := range l.owed {
		if len(owed) > 0 {
			w.t.Fatalf("%+v was never sent %q", l.request, owed)
		}
	}
}

func (w *isolated) drainAll() {
	for _, l := range w.subs {
		w.drain(l)
	}
}
