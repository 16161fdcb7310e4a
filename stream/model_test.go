package stream

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

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
			if rnd.IntN(2) == 0 { // by a ticket, say
				c.user, c.anyUser = "", true
			}
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
			c := clients[rnd.IntN(len(clients))]
			if rnd.IntN(2) == 0 { // sluice.closing says the position as well
				c.heartbeat(t)
			}
			c.connect(t, gws[rnd.IntN(len(gws))])
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
				if ev == nil || i != 1 && !c.anyUser && !has(ev.Users, c.user) || c.subject != "" && c.subject != string(ev.Subject) {
					continue
				}
				want[string(ev.Data)] = true
				if c.got[string(ev.Data)] == 0 && !(disturb && int64(o) < k.topics[i].start[p] || disturb && wasTold(c, i)) {
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

func wasTold(c *client, stream int) bool {
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
