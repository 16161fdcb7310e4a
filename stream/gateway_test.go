package stream

import (
	"slices"
	"sync"

	"sluice/stream/cursor"
)

// gateway is a hub with its own reader, which takes partitions in a different order.
type gateway struct {
	hub   *Hub
	kafka *fakeKafka
	pos   [][]int64
	wakes *wakes
	waker WakerID

	newestOnly bool // of the leader epochs before where it begins, it is told the newest only
}

type wakes struct {
	mu    sync.Mutex
	ch    map[uint32]chan struct{}
	given uint32
}

func (w *wakes) Wake(token uint32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ch[token] == nil {
		w.ch[token] = make(chan struct{}, 1)
	}
	select {
	case w.ch[token] <- struct{}{}:
	default:
	}
}

// next returns a token that nobody has.
func (w *wakes) next() uint32 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.given++
	return 1_000_000 + w.given
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
	return newGatewayOf(k, specs, nil, back)
}

// newGatewayOf is newGateway with ids written in some way.
func newGatewayOf(k *fakeKafka, specs []Spec, ids cursor.Codec, back func(end int64) int64) *gateway {
	return beginGateway(&gateway{kafka: k}, specs, ids, back)
}

// beginGateway begins a gateway that knows its Kafka.
func beginGateway(g *gateway, specs []Spec, ids cursor.Codec, back func(end int64) int64) *gateway {
	k := g.kafka
	g.wakes = &wakes{ch: map[uint32]chan struct{}{}}
	g.hub = NewHub(Config{Streams: specs, History: k, IDs: ids})
	g.waker = g.hub.AddWaker(g.wakes)
	for i := range k.topics {
		t := &k.topics[i]
		start := make([]int64, len(t.partitions))
		for p := range start {
			start[p] = max(t.start[p], back(int64(len(t.partitions[p]))))
		}
		g.hub.Begin(i, t.epochText(), start)
		for p := range start {
			epochs := t.lineage(p)
			if g.newestOnly {
				epochs = epochs.before(start[p])
				epochs = epochs[max(0, len(epochs)-1):]
			}
			g.tell(i, p, epochs)
		}
		g.hub.SetWarm(i)
		g.pos = append(g.pos, start)
	}
	return g
}

// tell says the leader epochs of a partition.
func (g *gateway) tell(stream, p int, epochs lineage) {
	for _, e := range epochs {
		g.hub.SetLeaderEpoch(stream, int32(p), e.epoch, e.start)
	}
}

// unaware reports whether brokers know a newer leader epoch of a partition than the
// gateway does.
func (g *gateway) unaware(stream, p int) bool {
	g.hub.mu.Lock()
	defer g.hub.mu.Unlock()
	return g.hub.logs[stream].lineage.of(p).newest() < g.kafka.topics[stream].lineage(p).newest()
}

// parted returns where a partition's log has parted from what the gateway has read of it,
// as Kafka tells a consumer; its position where it hasn't.
func (g *gateway) parted(stream, p int) int64 {
	t, next := &g.kafka.topics[stream], g.pos[stream][p]
	g.hub.mu.Lock()
	epoch := g.hub.logs[stream].lineage.of(p).at(next)
	g.hub.mu.Unlock()
	if epoch == noEpoch {
		return next
	}
	if end := t.ends(p, epoch); end.Epoch != noEpoch {
		return min(next, end.End)
	}
	return next
}

// read takes up to n records of a partition; it reports whether there were any.
func (g *gateway) read(stream, p, n int) bool {
	g.kafka.mu.Lock()
	t := &g.kafka.topics[stream]
	if epoch, _ := g.hub.Positions(stream); epoch != t.epochText() {
		start := slices.Clone(t.start)
		epochs := make([]lineage, len(start))
		copy(epochs, t.epochs)
		g.pos[stream] = slices.Clone(start)
		g.kafka.mu.Unlock()
		g.hub.Begin(stream, t.epochText(), start)
		for p := range start {
			g.tell(stream, p, epochs[p])
		}
		return true
	}
	for len(g.pos[stream]) < len(t.partitions) {
		g.pos[stream] = append(g.pos[stream], 0)
		g.hub.AddPartitions(stream, []int64{0})
	}
	next, epochs := g.pos[stream][p], t.lineage(p)
	// What an election took is told first: it may have taken more than retention has.
	if end := min(g.parted(stream, p), int64(len(t.partitions[p]))); next > end {
		g.pos[stream][p] = end
		g.kafka.mu.Unlock()
		g.hub.Jump(stream, int32(p), ReasonTruncated, end)
		g.tell(stream, p, epochs)
		return true
	}
	if next < t.start[p] {
		g.pos[stream][p] = t.start[p]
		g.kafka.mu.Unlock()
		g.hub.Jump(stream, int32(p), ReasonRetention, g.pos[stream][p])
		for _, e := range epochs { // up to the jump they were known
			g.hub.SetLeaderEpoch(stream, int32(p), e.epoch, max(e.start, next))
		}
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
	g.tell(stream, p, epochs)
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
