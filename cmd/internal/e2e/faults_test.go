package e2e

import (
	"fmt"
	"net/http"
)

// fault is one thing that goes wrong. It returns when its readers have what they should.
type fault struct {
	name    string
	strikes func(*world)
	again   bool // it may happen any number of times
}

// faults are the kinds, each of which every run has to survive at least once.
var faults = []fault{
	{"clients dropped at random", (*world).dropClients, true},
	{"gateway killed and restarted", (*world).killGateway, true},
	{"gateway terminated and restarted", (*world).terminateGateway, true},
	{"Kafka killed and restarted", (*world).killKafka, false},
	{"clients roam between gateways of which one is paused", (*world).roam, true},
	{"partitions added", (*world).addPartitions, true},
	{"transactions aborted and committed", (*world).abortTransaction, true},
	{"transaction left open by its producer", (*world).abandonTransaction, false},
	{"compaction leaves holes", (*world).compact, false},
	{"topic deleted and re-created", (*world).recreateTopic, true},
	{"retention passes a cursor", (*world).passRetention, true},
}

func (w *world) dropClients() {
	for _, r := range w.some(w.readers, 3) {
		r.Drop()
	}
	w.awaitMore(20)
	w.settle(w.readers)
}

func (w *world) killGateway() {
	g := w.gateways[w.random.IntN(len(w.gateways))]
	g.Kill()
	w.awaitMore(20)
	g.Start()
	w.must(g.AwaitReady(w.ctx))
	w.settle(w.readers)
}

func (w *world) terminateGateway() {
	g := w.gateways[w.random.IntN(len(w.gateways))]
	g.Terminate()
	w.awaitMore(20)
	g.Start()
	w.must(g.AwaitReady(w.ctx))
	w.settle(w.readers)
}

// killKafka: the gateways stay ready, serving from memory, for no balancer should take
// them all out.
func (w *world) killKafka() {
	w.kafka.Kill()
	for i, g := range w.gateways {
		if status, body := g.Readiness(w.ctx); status != http.StatusOK {
			w.t.Errorf("gateway %d is not ready (%d) as soon as Kafka is away: %s", i, status, body)
		}
	}
	w.kafka.Start()
	w.awaitMore(20)
	w.settle(w.readers)
}

// roam takes the readers of one gateway, which is paused, to the other and back. They
// come back with positions that the paused gateway has not reached, and their requests
// wait in its socket, to be the first thing it sees.
func (w *world) roam() {
	paused := w.random.IntN(len(w.gateways))
	there, here := w.gateways[paused], w.gateways[1-paused]
	movers := w.where(func(r *reader) bool { return r.home == paused })

	there.Pause()
	for _, r := range movers {
		r.Go(here.URL())
	}
	w.awaitMore(50)
	w.settle(movers)
	for _, r := range movers {
		asked := r.asked.Load()
		r.Go(there.URL())
		w.await(r.page.Name()+" to ask the paused gateway", func() bool { return r.asked.Load() > asked })
	}
	w.awaitMore(50)
	there.Continue()
	w.settle(w.readers)
}

// restart ends both gateways, does something while there is none, and starts them again.
func (w *world) restart(meanwhile func()) {
	for _, g := range w.gateways {
		g.Terminate()
	}
	meanwhile()
	for _, g := range w.gateways {
		g.Start()
	}
	w.awaitReady()
}

// leave takes some of the readers of a stream away, and returns them and those who stay.
func (w *world) leave(stream string) (away, present []*reader) {
	away = w.some(w.where(func(r *reader) bool { return r.page.Reads(stream) && r.home != roams }), 4)
	for _, r := range away {
		r.Leave()
	}
	return away, w.without(away)
}

// comeBack lets them return and waits until they have what they should.
func (w *world) comeBack(away []*reader) {
	for _, r := range away {
		r.Return()
	}
	w.settle(w.readers)
}

// awaitResets waits until each reader has been told of as many resets as were expected.
func (w *world) awaitResets(readers []*reader, stream, reason string, before map[*reader]int) {
	for _, r := range readers {
		due := before[r] + int(w.partitions[stream])
		w.await(fmt.Sprintf("%d partitions' reset %s of %s at %s", due, reason, stream, r.page.Name()),
			func() bool { return r.page.Resets(stream, reason) >= due })
	}
}

// expectResets says that each reader has to be sent a reset of each partition of the
// stream. It returns how many they have been sent before.
func (w *world) expectResets(readers []*reader, stream, reason string) (before map[*reader]int) {
	before = make(map[*reader]int)
	for _, r := range readers {
		before[r] = r.page.Resets(stream, reason)
		for p := range w.partitions[stream] {
			r.page.Expect(stream, reason, p)
		}
	}
	return before
}
