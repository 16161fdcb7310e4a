package stream

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	"sluice/stream/cursor"
)

// topicsKafka is a model of a Kafka whose topics come and go.
type topicsKafka struct {
	mu      sync.Mutex // guards the rest
	created int
	topics  map[string]*manyTopic // that are there, by name
	ever    map[string]*manyTopic // by key
}

// manyTopic is one topic of several.
type manyTopic struct {
	name, key  string
	partitions [][]*Event
	gone       bool
}

// manyEpoch is the leader epoch of all records.
const manyEpoch = 7

func newTopicsKafka() *topicsKafka {
	return &topicsKafka{topics: map[string]*manyTopic{}, ever: map[string]*manyTopic{}}
}

// create makes a topic, in place of one that has the name.
func (k *topicsKafka) create(name string, partitions int) *manyTopic {
	k.remove(name)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.created++
	t := &manyTopic{name: name, key: cursor.TopicKey(name, fmt.Sprintf("%06d", k.created*7919%1_000_000)), partitions: make([][]*Event, partitions)}
	k.topics[name], k.ever[t.key] = t, t
	return t
}

func (k *topicsKafka) remove(name string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if t := k.topics[name]; t != nil {
		t.gone = true
		delete(k.topics, name)
	}
}

// names are those of the topics that are there.
func (k *topicsKafka) names() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var names []string
	for name := range k.topics {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// manyGateway is a gateway with one stream of several topics. It finds them in an order
// that is its own.
type manyGateway struct {
	hub   *Hub
	kafka *topicsKafka
	waker WakerID
	wakes *wakes
	next  map[string][]int64 // by key
	after bool               // it has been found: what it finds now is new
}

func newManyGateway(k *topicsKafka, spec Spec, ids cursor.Codec, rnd *rand.Rand, refused string) *manyGateway {
	g := &manyGateway{kafka: k, wakes: &wakes{ch: map[uint32]chan struct{}{}}, next: map[string][]int64{}}
	g.hub = NewHub(Config{Streams: []Spec{spec}, History: g, IDs: ids})
	g.waker = g.hub.AddWaker(g.wakes)
	g.hub.Begin(0, cursor.Several, nil)
	names := k.names()
	rnd.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for _, name := range names {
		if name != refused {
			g.find(name, rnd)
		}
	}
	g.hub.SetWarm(0)
	g.after = true
	return g
}

// find takes up a topic, what it has more, or that it is another one.
func (g *manyGateway) find(name string, rnd *rand.Rand) {
	g.kafka.mu.Lock()
	defer g.kafka.mu.Unlock()
	t := g.kafka.topics[name]
	for key := range g.next {
		if was := g.kafka.ever[key]; was.name == name && was.gone {
			delete(g.next, key)
			g.hub.RemoveTopic(0, key)
		}
	}
	if t == nil {
		return
	}
	known := len(g.next[t.key])
	start := make([]int64, len(t.partitions)-known)
	for p := range start {
		if !g.after { // somewhere in what is there
			start[p] = rnd.Int64N(int64(len(t.partitions[p])) + 1)
		}
	}
	switch {
	case known == 0:
		g.hub.AddTopic(0, t.name, t.key, start)
	case len(start) > 0:
		g.hub.GrowTopic(0, t.key, start)
	}
	g.next[t.key] = append(g.next[t.key], start...)
	for p := range g.next[t.key] {
		number, _ := g.hub.StreamPartition(0, t.name, int32(p))
		g.hub.SetLeaderEpoch(0, number, manyEpoch, 0)
	}
}

// read takes up to n records of a topic's partition.
func (g *manyGateway) read(name string, p, n int) {
	g.kafka.mu.Lock()
	t := g.kafka.topics[name]
	if t == nil || p >= len(g.next[t.key]) {
		g.kafka.mu.Unlock()
		return
	}
	next := g.next[t.key][p]
	records := t.partitions[p][next:min(int(next)+n, len(t.partitions[p]))]
	g.kafka.mu.Unlock()
	number, _ := g.hub.StreamPartition(0, name, int32(p))
	for _, ev := range records {
		if next++; ev == nil {
			g.hub.Advance(0, number, next)
			continue
		}
		one := *ev
		one.Partition = number
		g.hub.Publish(0, []Event{one})
	}
	g.next[t.key][p] = next
}

// readAll reads all records.
func (g *manyGateway) readAll(rnd *rand.Rand) {
	for _, name := range g.kafka.names() {
		g.find(name, rnd)
		g.kafka.mu.Lock()
		n := len(g.kafka.topics[name].partitions)
		g.kafka.mu.Unlock()
		for p := range n {
			g.read(name, p, 1<<20)
		}
	}
}

// layoutNow is which partitions the hub has.
func (g *manyGateway) layoutNow() *layout {
	g.hub.mu.Lock()
	defer g.hub.mu.Unlock()
	return g.hub.logs[0].layout
}

// each calls f for each of the hub's partitions, with its topic's partition.
func (g *manyGateway) each(f func(p int, t *manyTopic, number int)) {
	y := g.layoutNow()
	g.kafka.mu.Lock()
	defer g.kafka.mu.Unlock()
	for p, topic := range y.of {
		f(p, g.kafka.ever[y.topics[topic].key], int(y.number[p]))
	}
}

func (g *manyGateway) Bounds(context.Context, int) (Bounds, error) {
	b := Bounds{Epoch: cursor.Several}
	g.each(func(_ int, t *manyTopic, number int) {
		start, end := int64(0), int64(len(t.partitions[number]))
		if t.gone {
			start, end = Gone, Gone
		}
		b.Start, b.End = append(b.Start, start), append(b.End, end)
	})
	g.kafka.mu.Lock()
	defer g.kafka.mu.Unlock()
	for _, t := range g.kafka.topics {
		b.Topics = append(b.Topics, t.key)
	}
	return b, nil
}

func (g *manyGateway) OffsetsAt(context.Context, int, int64) ([]int64, error) {
	b, err := g.Bounds(context.Background(), 0)
	return b.Start, err
}

func (g *manyGateway) EpochEnds(_ context.Context, _ int, epochs []int32) ([]EpochEnd, error) {
	ends := make([]EpochEnd, len(epochs))
	g.each(func(p int, t *manyTopic, number int) {
		if p < len(ends) {
			ends[p] = EpochEnd{Epoch: manyEpoch, End: int64(len(t.partitions[number]))}
		}
	})
	return ends, nil
}

func (g *manyGateway) Read(ctx context.Context, _ int, _ string, from, to []int64, emit func(HistoryRun) error) error {
	y := g.layoutNow()
	for p := range to {
		for next := at(from, p); next < to[p]; {
			if err := ctx.Err(); err != nil {
				return err
			}
			g.kafka.mu.Lock()
			t := g.kafka.ever[y.topics[y.of[p]].key]
			if t.gone {
				g.kafka.mu.Unlock()
				return &GoneError{Partition: int32(p), Start: Gone}
			}
			var run []Event
			end := min(next+7, to[p])
			for ; next < end; next++ {
				if ev := t.partitions[y.number[p]][next]; ev != nil {
					one := *ev
					one.Partition = int32(p)
					run = append(run, one)
				}
			}
			g.kafka.mu.Unlock()
			if err := emit(HistoryRun{int32(p), run, next, manyEpoch}); err != nil {
				return err
			}
		}
	}
	return nil
}
