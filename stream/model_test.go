package stream

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sluice/stream/cursor"
)

// TestModel makes producers, retention, elections, gateways and clients act at random. It
// holds every id that any client is sent against the one sentence of ARCHITECTURE.md, and
// against all that was ever in Kafka: rules 1 to 12 together. Nothing may be lost without
// a reset that names its partition.
func TestModel(t *testing.T) {
	seeds := uint64(10)
	if os.Getenv("SLUICE_TEST_ALL") == "1" {
		seeds = 100
	}
	if os.Getenv("SLUICE_TEST_FULL") != "" {
		seeds = 1000
	}
	if testing.Short() {
		seeds = 3
	}
	forSeeds(t, seeds, runModel)
}

// forSeeds runs a model with the seeds from 1 on, or with SLUICE_TEST_SEED alone.
func forSeeds(t *testing.T, seeds uint64, run func(t *testing.T, seed uint64)) {
	first := uint64(1)
	if s := os.Getenv("SLUICE_TEST_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		first, seeds = n, 1
	}
	for seed := first; seed < first+seeds; seed++ {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			run(t, seed)
		})
	}
}

func runModel(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 7))
	now := time.Now().UnixMilli()
	k := &fakeKafka{}
	elections := seed%3 != 1 // then brokers say leader epochs
	disturb := seed%3 != 0   // retention and re-creation lose events for the slow, and say so
	w := &world{kafka: k, ids: cursor.Plain}
	if seed%2 == 0 {
		w.ids = sealer(t, "a")
	}
	back := func(share int64) func(end int64) int64 { return func(end int64) int64 { return end / share } }
	epochs := func(tp *fakeTopic) {
		for elections && len(tp.epochs) < len(tp.partitions) {
			tp.epochs = append(tp.epochs, lineage{{0, 0}})
		}
	}
	specs := []Spec{
		{Name: "orders", ReplayBytes: int64(2000 + rnd.IntN(60000))},
		{Name: "news", Audience: AudienceEveryone, ReplayBytes: int64(2000 + rnd.IntN(20000))},
		{Name: "parcels", ReplayBytes: 1 << 20},
	}
	w.specs = specs
	for i := range specs {
		n := 1 + rnd.IntN(4)
		k.topics = append(k.topics, fakeTopic{partitions: make([][]*Event, n), start: make([]int64, n)})
		epochs(&k.topics[i])
		w.was = append(w.was, map[string]*fakeTopic{})
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
			ev.Name = []string{"", "paid", "sent"}[rnd.IntN(3)]
			ev.Data = fmt.Appendf(nil, "%d/%s/%d#%d-%d %s", i, tp.epochText(), p, o, tp.lineage(p).newest(), strings.Repeat("x", rnd.IntN(200)))
			if u := []byte(users[rnd.IntN(len(users))]); rnd.IntN(5) == 0 && !named(ev.Users, u) { // had it until now
				ev.Former, ev.FormerSubject, ev.FormerData = [][]byte{u}, []byte("s"+strconv.Itoa(rnd.IntN(3))), fmt.Appendf(nil, "-%s", ev.Data)
				ev.Hidden = rnd.IntN(3) == 0
			}
			tp.partitions[p] = append(tp.partitions[p], ev)
		}
	}
	for range 50 {
		produce()
	}
	begin := func(back func(end int64) int64) *gateway {
		return beginGateway(&gateway{kafka: k, newestOnly: seed%5 == 0}, specs, w.ids, back)
	}
	gws := []*gateway{begin(back(2)), begin(back(1))}
	defer func() {
		for _, g := range gws {
			g.hub.Close()
		}
	}()
	var clients []*client
	for n := range 12 {
		c := &client{n: n, user: users[n%len(users)], world: w, at: map[string]cursor.Segment{}}
		c.taker = c
		for i := range specs {
			if rnd.IntN(2) == 0 || i == n%len(specs) {
				c.streams = append(c.streams, i)
			}
		}
		if rnd.IntN(2) == 0 {
			c.subjects, c.names = anyFilter(rnd)
			if len(c.subjects) == 1 && rnd.IntN(2) == 0 { // by a ticket, say
				c.user, c.anyUser = "", true
			}
		}
		clients = append(clients, c)
	}
	for range 1500 {
		switch x := rnd.IntN(100); {
		case x < 20:
			produce()
		case x < 45:
			i := rnd.IntN(len(specs))
			gw := gws[rnd.IntN(len(gws))]
			gw.read(i, rnd.IntN(len(gw.pos[i])), 1+rnd.IntN(30))
		case x < 55:
			c := clients[rnd.IntN(len(clients))]
			if rnd.IntN(2) == 0 { // sluice.closing says the position as well
				c.heartbeat(t)
			}
			streams := c.streams
			if n := len(streams); n > 1 && rnd.IntN(3) == 0 { // another page, which reads some of them
				streams = slices.Delete(slices.Clone(streams), 0, 1+rnd.IntN(n-1))
			}
			c.connect(t, gws[rnd.IntN(len(gws))], streams)
		case x < 59:
			c := clients[rnd.IntN(len(clients))]
			subjects, names := anyFilter(rnd)
			if c.anyUser { // one follows one subject
				subjects = append(subjects, c.subjects...)[:1]
			}
			c.follow(t, subjects, names)
		case x < 94:
			if c := clients[rnd.IntN(len(clients))]; c.sub != (Sub{}) {
				arrive := 1 << 20
				if rnd.IntN(8) == 0 {
					arrive = rnd.IntN(2000)
				}
				c.pull(t, 1+rnd.IntN(3000), arrive)
			}
		case x < 96:
			c := clients[rnd.IntN(len(clients))]
			c.heartbeat(t)
			if rnd.IntN(2) == 0 {
				c.disconnect()
			}
		case x < 97: // restart
			i := rnd.IntN(len(gws))
			gws[i].hub.Close()
			for _, c := range clients {
				if c.gw == gws[i] {
					c.disconnect()
				}
			}
			k.mu.Lock()
			gws[i] = begin(func(end int64) int64 { return max(0, end-int64(rnd.IntN(200))) })
			k.mu.Unlock()
		case x < 98:
			k.mu.Lock()
			tp := &k.topics[rnd.IntN(len(k.topics))]
			if len(tp.partitions) < 6 {
				tp.partitions = append(tp.partitions, nil)
				tp.start = append(tp.start, 0)
				epochs(tp)
			}
			k.mu.Unlock()
		case elections && x == 98 && rnd.IntN(2) == 0: // of several partitions at once, clean or not
			k.mu.Lock()
			tp := &k.topics[rnd.IntN(len(k.topics))]
			for p := range tp.partitions {
				if end := int64(len(tp.partitions[p])); rnd.IntN(2) == 0 {
					tp.elect(p, max(tp.start[p], end-int64(rnd.IntN(40))))
				}
			}
			k.mu.Unlock()
			if rnd.IntN(2) == 0 { // the log grows before anybody notices
				produce()
				produce()
			}
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
			was := k.topics[i]
			w.was[i][was.epochText()] = &was
			k.topics[i] = fakeTopic{epoch: k.topics[i].epoch + 1, partitions: make([][]*Event, n), start: make([]int64, n)}
			epochs(&k.topics[i])
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
	}
	for _, g := range gws {
		checkEmpty(t, g.hub, clients)
	}
}

// anyFilter draws a filter, in any order and with repeats.
func anyFilter(rnd *rand.Rand) (subjects, names []string) {
	for range rnd.IntN(4) {
		subjects = append(subjects, "s"+strconv.Itoa(rnd.IntN(4)))
	}
	for range max(0, rnd.IntN(5)-2) {
		names = append(names, []string{"paid", "sent", "message", "delete"}[rnd.IntN(4)])
	}
	return subjects, names
}

// finish connects c once more and pulls until it has reached the head.
func finish(t *testing.T, c *client, gw *gateway) {
	c.connect(t, gw, c.streams)
	wake := gw.wakes.channel(uint32(c.n))
	for {
		if c.sub == (Sub{}) {
			c.connect(t, gw, c.streams)
		}
		switch c.pull(t, 4000, 1<<20) {
		case Unavailable:
			c.disconnect()
		case Drained:
			c.heartbeat(t)
			if atHead(c) {
				return
			}
			<-wake
		}
	}
}

func atHead(c *client) bool {
	for name, at := range c.at {
		i, _ := c.gw.hub.Lookup(name)
		if _, head := c.gw.hub.Positions(i); !covers(at.Offsets, head) {
			return false
		}
	}
	return true
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
		if l.bytes != 0 || l.bodies.Allocated() != 0 || len(l.jumps) != 0 || !covers(l.base, l.head) {
			t.Errorf("%s: %d bytes, %d of bodies, %d jumps left", l.spec.Name, l.bytes, l.bodies.Allocated(), len(l.jumps))
		}
	}
	for _, v := range h.views {
		if len(v.members) != 0 || v.plain != 0 {
			t.Errorf("%d members left of streams %v, of which %d are woken by each event", len(v.members), v.streams, v.plain)
		}
	}
	if n := len(h.anyUser); n != 0 {
		t.Errorf("%d subjects are followed still", n)
	}
	if len(h.users.index) != 0 || h.subs.open != 0 || len(h.own) != 0 || len(h.apart) != 0 || h.passes.bytes != 0 {
		t.Errorf("left: %d users, %d subscribers, %d private, %d bytes found", len(h.users.index), h.subs.open, len(h.own), h.passes.bytes)
	}
}
