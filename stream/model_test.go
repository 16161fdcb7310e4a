package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/stream/ssetest"
)

// fakeKafka is a model of what Kafka promises: partitions of records with holes, retention, and topics created anew.
// It is the test's, not a mock of ours: the hub under test is real, and so are its bytes.
type fakeKafka struct {
	mu     sync.Mutex
	topics []fakeTopic
}

type fakeTopic struct {
	epoch      int
	partitions [][]*Event // by offset; nil: no event there
	start      []int64
}

func (t *fakeTopic) epochText() string { return fmt.Sprintf("ep%d", t.epoch) }

func (k *fakeKafka) Bounds(_ context.Context, stream int) (Bounds, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	t := &k.topics[stream]
	b := Bounds{Epoch: t.epochText(), Start: append([]int64(nil), t.start...)}
	for _, p := range t.partitions {
		b.End = append(b.End, int64(len(p)))
	}
	return b, nil
}

func (k *fakeKafka) OffsetsAt(_ context.Context, stream int, ms int64) ([]int64, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	t := &k.topics[stream]
	var at []int64
	for p, recs := range t.partitions {
		o := t.start[p]
		for o < int64(len(recs)) && (recs[o] == nil || recs[o].Timestamp < ms) {
			o++
		}
		at = append(at, o)
	}
	return at, nil
}

func (k *fakeKafka) Read(ctx context.Context, stream int, epoch string, from, to []int64, emit func(int32, []Event, int64) error) error {
	for p := range to {
		for next := at(from, p); next < to[p]; {
			k.mu.Lock()
			t := &k.topics[stream]
			if t.epochText() != epoch {
				k.mu.Unlock()
				return ErrRecreated
			}
			if next < t.start[p] {
				k.mu.Unlock()
				return &GoneError{Partition: int32(p), Start: t.start[p]}
			}
			var run []Event
			end := min(next+7, to[p])
			for ; next < end; next++ {
				if ev := t.partitions[p][next]; ev != nil {
					run = append(run, *ev)
				}
			}
			k.mu.Unlock()
			if err := emit(int32(p), run, next); err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	}
	return nil
}

// gateway is a hub with its own reader, which takes partitions in an order of its own.
type gateway struct {
	hub   *Hub
	kafka *fakeKafka
	pos   [][]int64
	wakes *wakes
	waker WakerID
}

type wakes struct {
	mu sync.Mutex
	ch map[uint32]chan struct{}
}

func (w *wakes) Wake(token uint32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case w.ch[token] <- struct{}{}:
	default:
	}
}

func (w *wakes) channel(token uint32) chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ch[token] == nil {
		w.ch[token] = make(chan struct{}, 1)
	}
	return w.ch[token]
}

func newGateway(k *fakeKafka, specs []Spec, back func(end int64) int64) *gateway {
	g := &gateway{kafka: k, wakes: &wakes{ch: map[uint32]chan struct{}{}}}
	g.hub = NewHub(Config{Streams: specs, History: k})
	g.waker = g.hub.AddWaker(g.wakes)
	for i := range k.topics {
		t := &k.topics[i]
		start := make([]int64, len(t.partitions))
		for p := range start {
			start[p] = max(t.start[p], back(int64(len(t.partitions[p]))))
		}
		g.hub.Begin(i, t.epochText(), start)
		g.hub.SetWarm(i)
		g.pos = append(g.pos, start)
	}
	return g
}

// read takes up to n records of a partition; it reports whether there were any.
func (g *gateway) read(stream, p, n int) bool {
	g.kafka.mu.Lock()
	t := &g.kafka.topics[stream]
	if epoch, _ := g.hub.Positions(stream); epoch != t.epochText() {
		start := append([]int64(nil), t.start...)
		g.pos[stream] = append([]int64(nil), start...)
		g.kafka.mu.Unlock()
		g.hub.Begin(stream, t.epochText(), start)
		return true
	}
	for len(g.pos[stream]) < len(t.partitions) {
		g.pos[stream] = append(g.pos[stream], 0)
		g.hub.AddPartitions(stream, []int64{0})
	}
	next := g.pos[stream][p]
	if next < t.start[p] {
		g.pos[stream][p] = t.start[p]
		g.kafka.mu.Unlock()
		g.hub.Jump(stream, int32(p), ReasonRetention, g.pos[stream][p])
		return true
	}
	var run []Event
	end := min(next+int64(n), int64(len(t.partitions[p])))
	for o := next; o < end; o++ {
		if ev := t.partitions[p][o]; ev != nil {
			run = append(run, *ev)
		}
	}
	g.kafka.mu.Unlock()
	g.pos[stream][p] = end
	g.hub.Publish(stream, run)
	g.hub.Advance(stream, int32(p), end)
	return end > next
}

func (g *gateway) readAll() {
	for i := range g.kafka.topics {
		for p := 0; ; p++ {
			g.kafka.mu.Lock()
			n := len(g.kafka.topics[i].partitions)
			g.kafka.mu.Unlock()
			if p >= n {
				break
			}
			for g.read(i, p, 100) {
			}
		}
	}
}

// client is a browser: it knows its URL and the last id it was sent, nothing else.
type client struct {
	n       int
	user    string
	streams []int
	subject string
	id      string
	got     map[string]int // "stream/epoch/partition/offset" → times
	last    map[string]int64
	skipped []Reset // as said in resets

	gw    *gateway
	sub   Sub
	batch Batch
	wire  *bytes.Buffer // what has arrived and not been parsed
}

func (c *client) connect(t *testing.T, gw *gateway) {
	c.disconnect()
	sub, o, err := gw.hub.Open(context.Background(), Request{
		Streams: c.streams, User: c.user, Subject: c.subject, Cursor: c.id, From: From{Kind: FromEarliest},
		Waker: gw.waker, Token: uint32(c.n),
	})
	if errors.Is(err, ErrNotWarm) {
		return // a gateway that is behind asks to come back
	}
	if err != nil {
		t.Fatalf("Open(%q): %v", c.id, err)
	}
	c.gw, c.sub, c.wire = gw, sub, &bytes.Buffer{}
	var b []byte
	for _, r := range o.Resets {
		b = AppendFrame(b, r.ID, ResetEvent, r.AppendJSON(nil))
	}
	c.arrive(t, AppendFrame(b, o.ID, "sluice.hello", []byte("{}")), len(b)+1<<20)
}

func (c *client) disconnect() {
	c.sub.Close()
	c.sub = Sub{}
}

// pull takes a batch and lets only the first arrive bytes of it through; it reports whether all came.
func (c *client) pull(t *testing.T, max, arrive int) Pulled {
	c.batch.Reset()
	p := c.sub.Pull(&c.batch, max)
	c.arrive(t, bytes.Join(c.batch.Bufs, nil), arrive)
	if p == Lagged || p == Closed || c.batch.Bytes > arrive {
		c.disconnect()
	}
	return p
}

func (c *client) arrive(t *testing.T, b []byte, n int) {
	r := ssetest.NewReader(bytes.NewReader(b[:min(n, len(b))]))
	for {
		ev, err := r.Next()
		if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if ev.ID != "" {
			c.check(t, ev.ID)
			c.id = ev.ID
		}
		switch ev.Name {
		case "sluice.hello":
		case ResetEvent:
			c.skipped = append(c.skipped, Reset{Reason: Reason(field(ev.Data, "reason")), Stream: field(ev.Data, "stream")})
		default:
			c.got[ev.Data]++
			key, off, _ := strings.Cut(ev.Data, "#")
			o, _ := strconv.ParseInt(strings.SplitN(off, " ", 2)[0], 10, 64)
			if last, ok := c.last[key]; ok && o <= last {
				t.Fatalf("client %d: %s after offset %d of it", c.n, ev.Data, last)
			}
			c.last[key] = o
		}
	}
}

// check holds ids to rule 2: no partition goes back while the epoch stays and no reset says so.
func (c *client) check(t *testing.T, id string) {
	segs, err := parseCursor(id)
	if err != nil {
		t.Fatalf("client %d was sent id %q: %v", c.n, id, err)
	}
	if c.id == "" {
		return
	}
	before, _ := parseCursor(c.id)
	for _, b := range before {
		for _, s := range segs {
			if s.stream == b.stream && s.epoch == b.epoch && !covers(s.offsets, b.offsets) {
				t.Fatalf("client %d: id went back from %q to %q", c.n, c.id, id)
			}
		}
	}
}

func field(data, name string) string {
	_, rest, _ := strings.Cut(data, `"`+name+`":"`)
	v, _, _ := strings.Cut(rest, `"`)
	return v
}

// TestModel makes producers, retention, gateways and clients act at random, and compares what every client
// got in the end with what Kafka had for it: rules 1 to 11 of ARCHITECTURE.md together.
func TestModel(t *testing.T) {
	seeds := 30
	if os.Getenv("SLUICE_TEST_FULL") != "" {
		seeds = 600
	}
	if testing.Short() {
		seeds = 3
	}
	first := uint64(1)
	if s := os.Getenv("SLUICE_TEST_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		first, seeds = n, 1
	}
	for seed := first; seed < first+uint64(seeds); seed++ {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) { runModel(t, seed) })
	}
}

func runModel(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 7))
	now := time.Now().UnixMilli()
	k := &fakeKafka{}
	specs := []Spec{
		{Name: "orders", ReplayBytes: int64(2000 + rnd.IntN(60000))},
		{Name: "news", Audience: AudienceEveryone, ReplayBytes: int64(2000 + rnd.IntN(20000))},
		{Name: "parcels", ReplayBytes: 1 << 20},
	}
	for range specs {
		n := 1 + rnd.IntN(4)
		k.topics = append(k.topics, fakeTopic{partitions: make([][]*Event, n), start: make([]int64, n)})
	}
	users := []string{"alice", "bob", "carol", "alice2", "Alice", "алиса"}
	produce := func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		i := rnd.IntN(len(k.topics))
		tp := &k.topics[i]
		for range 1 + rnd.IntN(20) {
			p := rnd.IntN(len(tp.partitions))
			o := len(tp.partitions[p])
			if rnd.IntN(6) == 0 {
				tp.partitions[p] = append(tp.partitions[p], nil)
				continue
			}
			ev := &Event{Partition: int32(p), Offset: int64(o), Timestamp: now + int64(o)}
			for range 1 + rnd.IntN(2) {
				if u := []byte(users[rnd.IntN(len(users))]); len(ev.Users) == 0 || string(ev.Users[0]) != string(u) {
					ev.Users = append(ev.Users, u)
				}
			}
			ev.Subject = []byte("s" + strconv.Itoa(rnd.IntN(3)))
			ev.Data = fmt.Appendf(nil, "%d/%s/%d#%d %s", i, tp.epochText(), p, o, strings.Repeat("x", rnd.IntN(200)))
			tp.partitions[p] = append(tp.partitions[p], ev)
		}
	}
	for range 50 {
		produce()
	}
	gws := []*gateway{newGateway(k, specs, func(end int64) int64 { return end / 2 }), newGateway(k, specs, func(end int64) int64 { return end })}
	defer func() {
		for _, g := range gws {
			g.hub.Close()
		}
	}()
	var clients []*client
	for n := range 12 {
		c := &client{n: n, user: users[n%len(users)], got: map[string]int{}, last: map[string]int64{}}
		for i := range specs {
			if rnd.IntN(2) == 0 || i == n%len(specs) {
				c.streams = append(c.streams, i)
			}
		}
		if rnd.IntN(4) == 0 {
			c.subject = "s1"
		}
		clients = append(clients, c)
	}
	disturb := seed%3 == 0 // retention and re-creation lose events for the slow, and say so
	for range 1500 {
		switch x := rnd.IntN(100); {
		case x < 20:
			produce()
		case x < 45:
			i := rnd.IntN(len(specs))
			gw := gws[rnd.IntN(len(gws))]
			gw.read(i, rnd.IntN(len(gw.pos[i])), 1+rnd.IntN(30))
		case x < 55:
			clients[rnd.IntN(len(clients))].connect(t, gws[rnd.IntN(len(gws))])
		case x < 94:
			if c := clients[rnd.IntN(len(clients))]; c.sub != (Sub{}) {
				arrive := 1 << 20
				if rnd.IntN(8) == 0 {
					arrive = rnd.IntN(2000)
				}
				c.pull(t, 1+rnd.IntN(3000), arrive)
			}
		case x < 96:
			clients[rnd.IntN(len(clients))].disconnect()
		case x < 97: // restart
			i := rnd.IntN(len(gws))
			gws[i].hub.Close()
			for _, c := range clients {
				if c.gw == gws[i] {
					c.disconnect()
				}
			}
			k.mu.Lock()
			gws[i] = newGateway(k, specs, func(end int64) int64 { return max(0, end-int64(rnd.IntN(200))) })
			k.mu.Unlock()
		case x < 98:
			k.mu.Lock()
			tp := &k.topics[rnd.IntN(len(k.topics))]
			if len(tp.partitions) < 6 {
				tp.partitions = append(tp.partitions, nil)
				tp.start = append(tp.start, 0)
			}
			k.mu.Unlock()
		case disturb && x == 98:
			k.mu.Lock()
			tp := &k.topics[rnd.IntN(len(k.topics))]
			p := rnd.IntN(len(tp.start))
			tp.start[p] += rnd.Int64N(int64(len(tp.partitions[p])) - tp.start[p] + 1)
			k.mu.Unlock()
		case disturb && x == 99 && rnd.IntN(4) == 0:
			k.mu.Lock()
			i := rnd.IntN(len(k.topics))
			n := 1 + rnd.IntN(3)
			k.topics[i] = fakeTopic{epoch: k.topics[i].epoch + 1, partitions: make([][]*Event, n), start: make([]int64, n)}
			k.mu.Unlock()
			for _, g := range gws {
				if rnd.IntN(2) == 0 {
					g.read(i, 0, 0)
				}
			}
		}
	}
	for _, g := range gws {
		g.readAll()
	}
	for _, c := range clients {
		finish(t, c, gws[rnd.IntN(len(gws))])
		judge(t, k, c, disturb)
	}
	for _, g := range gws {
		checkEmpty(t, g.hub, clients)
	}
}

// finish connects c once more and pulls until it has reached the head.
func finish(t *testing.T, c *client, gw *gateway) {
	c.connect(t, gw)
	wake := gw.wakes.channel(uint32(c.n))
	for {
		if c.sub == (Sub{}) {
			c.connect(t, gw)
		}
		switch c.pull(t, 4000, 1<<20) {
		case Unavailable:
			c.disconnect()
		case Drained:
			c.check(t, string(c.sub.AppendID(nil)))
			if atHead(c) {
				return
			}
			<-wake
		}
	}
}

func atHead(c *client) bool {
	segs, _ := parseCursor(string(c.sub.AppendID(nil)))
	for _, s := range segs {
		i, _ := c.gw.hub.Lookup(s.stream)
		if _, head := c.gw.hub.Positions(i); !covers(s.offsets, head) {
			return false
		}
	}
	return true
}

// judge compares what c got with what Kafka had for it.
func judge(t *testing.T, k *fakeKafka, c *client, disturb bool) {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	want := map[string]bool{}
	for _, i := range c.streams {
		for p, recs := range k.topics[i].partitions {
			for o, ev := range recs {
				if ev == nil || i != 1 && !has(ev.Users, c.user) || c.subject != "" && c.subject != string(ev.Subject) {
					continue
				}
				want[string(ev.Data)] = true
				if c.got[string(ev.Data)] == 0 && !(disturb && int64(o) < k.topics[i].start[p] || disturb && said(c, i)) {
					t.Errorf("client %d (%s %v %q) lost %.30s; resets said: %v", c.n, c.user, c.streams, c.subject, ev.Data, c.skipped)
				}
			}
		}
	}
	for data, n := range c.got {
		if n > 1 {
			t.Errorf("client %d got %.30s %d times", c.n, data, n)
		}
		if current := strings.Contains(data, fmt.Sprintf("/ep%d/", k.topics[int(data[0]-'0')].epoch)); current && !want[data] {
			t.Errorf("client %d (%s) got another's %.30s", c.n, c.user, data)
		}
	}
	if !disturb && len(c.skipped) > 0 {
		t.Errorf("client %d: resets without a reason: %v", c.n, c.skipped)
	}
}

func said(c *client, stream int) bool {
	for _, r := range c.skipped {
		if r.Stream == []string{"orders", "news", "parcels"}[stream] {
			return true
		}
	}
	return false
}

func has(users [][]byte, user string) bool {
	for _, u := range users {
		if string(u) == user {
			return true
		}
	}
	return false
}

// checkEmpty closes all subscriptions and evicts all, and expects nothing to be left.
func checkEmpty(t *testing.T, h *Hub, clients []*client) {
	t.Helper()
	for _, c := range clients {
		c.disconnect()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range h.logs {
		for l.evict(&h.users) {
		}
		if l.bytes != 0 || l.bodies.size != 0 || len(l.jumps) != 0 || !covers(l.base, l.head) {
			t.Errorf("%s: %d bytes, %d of bodies, %d jumps left", l.spec.Name, l.bytes, l.bodies.size, len(l.jumps))
		}
	}
	if len(h.users.index) != 0 || h.subs.open != 0 || len(h.private) != 0 || h.passes.bytes != 0 {
		t.Errorf("left: %d users, %d subscribers, %d private, %d bytes found", len(h.users.index), h.subs.open, len(h.private), h.passes.bytes)
	}
}
