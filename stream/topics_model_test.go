package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sluice/stream/cursor"
)

// TestTopicsModel has clients roam between gateways that find a stream's topics in
// different orders, while topics are created, deleted, created again and get partitions.
// Gateways restart, and refuse a topic that others serve. Each id is held against what is
// in Kafka: nothing is lost, repeated or somebody else's, and what was deleted is told of
// for its topic only.
func TestTopicsModel(t *testing.T) {
	seeds := uint64(20)
	if os.Getenv("SLUICE_TEST_ALL") == "1" {
		seeds = 300
	}
	if testing.Short() {
		seeds = 8
	}
	forSeeds(t, seeds, runTopicsModel)
}

func runTopicsModel(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 11))
	k := newTopicsKafka()
	spec := Spec{Name: "orders", Several: true, ReplayBytes: int64(2000 + rnd.IntN(40000))}
	ids := cursor.Plain
	if seed%3 == 0 {
		ids = sealer(t, "a")
	}
	users := []string{"alice", "bob"}
	name := func() string { return "orders." + string(rune('a'+rnd.IntN(7))) }
	produce := func() {
		names := k.names()
		if len(names) == 0 {
			return
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		tp := k.topics[names[rnd.IntN(len(names))]]
		for range 1 + rnd.IntN(20) {
			p := rnd.IntN(len(tp.partitions))
			o := int64(len(tp.partitions[p]))
			if rnd.IntN(6) == 0 {
				tp.partitions[p] = append(tp.partitions[p], nil)
				continue
			}
			tp.partitions[p] = append(tp.partitions[p], &Event{
				Offset: o, Timestamp: 1 + o, Users: [][]byte{[]byte(users[rnd.IntN(2)])}, Subject: []byte("s" + strconv.Itoa(rnd.IntN(2))),
				Data: fmt.Appendf(nil, "%s/%s/%d#%d %s", tp.name, tp.key, p, o, strings.Repeat("x", rnd.IntN(200))),
			})
		}
	}
	for range 4 {
		k.create(name(), 1+rnd.IntN(3))
		produce()
	}
	gws := make([]*manyGateway, 3)
	for i := range gws {
		gws[i] = newManyGateway(k, spec, ids, rnd, "")
	}
	defer func() {
		for _, g := range gws {
			g.hub.Close()
		}
	}()
	var clients []*manyClient
	for n := range 8 {
		c := &manyClient{n: n, user: users[n%2], kafka: k, ids: ids, dead: map[string]bool{}}
		c.taker = c
		if n%4 == 3 {
			c.subject = "s1"
		}
		clients = append(clients, c)
	}
	for range 1200 {
		c := clients[rnd.IntN(len(clients))]
		switch x := rnd.IntN(100); {
		case x < 20:
			produce()
		case x < 45:
			gws[rnd.IntN(len(gws))].read(name(), rnd.IntN(4), 1+rnd.IntN(30))
		case x < 55:
			gws[rnd.IntN(len(gws))].find(name(), rnd)
		case x < 65:
			c.connect(t, gws[rnd.IntN(len(gws))])
		case x < 92:
			if c.sub != (Sub{}) {
				arrive := 1 << 20
				if rnd.IntN(8) == 0 {
					arrive = rnd.IntN(2000)
				}
				c.pull(t, 1+rnd.IntN(3000), arrive)
			}
		case x < 94:
			c.heartbeat(t)
		case x < 96:
			k.mu.Lock()
			if tp := k.topics[name()]; tp != nil && len(tp.partitions) < 4 {
				tp.partitions = append(tp.partitions, nil)
			}
			k.mu.Unlock()
		case x < 98:
			if len(k.names()) < 6 || rnd.IntN(3) == 0 { // a new one, or one in another's place
				k.create(name(), 1+rnd.IntN(3))
			}
		case x < 99 && rnd.IntN(2) == 0:
			k.remove(name())
		case x == 99:
			i := rnd.IntN(len(gws))
			gws[i].hub.Close()
			for _, c := range clients {
				if c.gw == gws[i] {
					c.disconnect()
				}
			}
			refused := ""
			if rnd.IntN(2) == 0 {
				refused = name()
			}
			gws[i] = newManyGateway(k, spec, ids, rnd, refused)
		}
	}
	for _, g := range gws {
		for i := range 7 {
			g.find("orders."+string(rune('a'+i)), rnd)
		}
		g.readAll(rnd)
	}
	for _, c := range clients {
		c.finish(t, gws[rnd.IntN(len(gws))])
	}
}

// manyClient is a browser that reads a stream of several topics, and the test's account
// of what it was sent.
type manyClient struct {
	connection
	n       int
	user    string
	subject string
	kafka   *topicsKafka
	ids     cursor.Codec
	id      string

	gw *manyGateway

	at   map[string][]int64 // where its last id stands, by key; nil: it has none
	told []string           // names of topics that resets since then spoke of, "" where they named none
	dead map[string]bool    // keys of topics that it knows are gone
}

func (c *manyClient) connect(t *testing.T, gw *manyGateway) {
	c.disconnect()
	sub, o, err := gw.hub.Open(context.Background(), Request{Streams: []int{0}, User: c.user, Filter: About(c.subject), Cursor: c.id, Waker: gw.waker, Token: uint32(c.n)})
	if errors.Is(err, ErrNotWarm) {
		return
	}
	if err != nil {
		t.Fatalf("Open(%q): %v", c.id, err)
	}
	c.gw, c.told = gw, nil
	c.begin(t, sub, o)
}

// finish connects once more, and pulls up to what is in Kafka.
func (c *manyClient) finish(t *testing.T, gw *manyGateway) {
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
			c.heartbeat(t)
			if c.atEnd() {
				return
			}
			if c.sub.CatchupProgress() == CatchupNone {
				t.Fatalf("client %d doesn't come to the end: it is at %v, %q", c.n, c.at, c.id)
			}
			<-wake
		}
	}
}

func (c *manyClient) atEnd() bool {
	c.kafka.mu.Lock()
	defer c.kafka.mu.Unlock()
	for _, t := range c.kafka.topics {
		for p, log := range t.partitions {
			if at(c.at[t.key], p) < int64(len(log)) {
				return false
			}
		}
	}
	return len(c.at) == len(c.kafka.topics)
}

func (c *manyClient) reset(t *testing.T, data string) {
	var r struct {
		Reason     Reason
		Partitions []struct{ Topic string }
	}
	if err := json.Unmarshal([]byte(data), &r); err != nil {
		t.Fatal(err)
	}
	if r.Reason != ReasonRecreated {
		t.Fatalf("client %d: %s", c.n, data)
	}
	for _, p := range r.Partitions {
		c.told = append(c.told, p.Topic)
	}
}

// isTold reports whether a reset spoke of a topic, as far as it can be known.
func (c *manyClient) isTold(name string) bool {
	return slices.Contains(c.told, name) || slices.Contains(c.told, "")
}

// check holds an id, and the event it comes with, against Kafka.
func (c *manyClient) check(t *testing.T, id string, data *string) {
	t.Helper()
	segments, err := cursor.Positions(c.ids, id)
	if err != nil || len(segments) != 1 || segments[0].Epoch != cursor.Several {
		t.Fatalf("client %d was sent id %q: %+v, %v", c.n, id, segments, err)
	}
	c.kafka.mu.Lock()
	defer c.kafka.mu.Unlock()
	now := map[string][]int64{}
	for topic := range segments[0].ByTopic() {
		now[topic.Key] = topic.Offsets
	}
	found := data == nil
	for key, offsets := range now {
		topic := c.kafka.ever[key]
		was, named := c.at[key]
		if c.at == nil || c.dead[key] {
			continue // it begins here; or it knows that the topic is gone, and this gateway doesn't yet
		}
		for p, to := range offsets {
			from := at(was, p)
			if to < from {
				t.Fatalf("client %d: %s went back from %v to %v", c.n, topic.name, was, offsets)
			}
			if !named && topic.gone && data == nil {
				continue // created and deleted while it was away; it is told when this gateway notices
			}
			for o := from; o < to; o++ {
				ev := topic.partitions[p][o]
				switch {
				case ev == nil || string(ev.Users[0]) != c.user || c.subject != "" && string(ev.Subject) != c.subject:
				case data != nil && !found && o == to-1 && string(ev.Data) == *data:
					found = true
				case topic.gone && (!named || c.isTold(topic.name)):
				default:
					t.Fatalf("client %d lost %.40s between %v and %v", c.n, ev.Data, was, offsets)
				}
			}
		}
	}
	for key, was := range c.at {
		if _, named := now[key]; named {
			continue
		}
		topic := c.kafka.ever[key]
		if !topic.gone || !c.isTold(topic.name) && !c.dead[key] {
			t.Fatalf("client %d: %s, at %v, is not in %v any more; gone %v, told %q", c.n, topic.name, was, now, topic.gone, c.told)
		}
		c.dead[key] = true
	}
	if !found {
		t.Fatalf("client %d was sent %.40s, which isn't its event between %v and %v; dead %v, told %q", c.n, *data, c.at, now, c.dead, c.told)
	}
	c.at, c.id, c.told = now, id, nil
}
