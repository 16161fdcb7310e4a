package e2e

import (
	"fmt"
	"math/rand/v2"
	"time"

	"sluice/cmd/internal/e2e/checker"
)

// loadTick is how often the load goes out: a rate needs a clock, nothing waits for this
// one.
const loadTick = 20 * time.Millisecond

// While the load goes out, clients come and go all the time, whatever else breaks.
const (
	dropEvery = 25 // events: a client loses its connection
	roamEvery = 10 // events: a roamer goes to a gateway at random, the same or the other, down or up
)

// load is a stream of events of a size and a rate. It takes no notice of any fault.
type load struct {
	over chan struct{} // closed by the test: end once the size is reached
	done chan error
}

// startLoad starts to produce so many events, rate a second; more if the faults take
// longer.
func (w *world) startLoad(events, rate int) *load {
	l := &load{over: make(chan struct{}), done: make(chan error, 1)}
	random := rand.New(rand.NewPCG(w.random.Uint64(), w.random.Uint64()))
	go func() {
		tick := time.NewTicker(loadTick)
		defer tick.Stop()
		sent := 0
		for {
			for range max(1, rate*int(loadTick)/int(time.Second)) {
				w.sendRandom(random)
				sent++
				if sent%dropEvery == 0 {
					w.readers[random.IntN(len(w.readers))].Drop()
				}
				if sent%roamEvery == 0 {
					w.roamers[random.IntN(len(w.roamers))].Go(w.gateways[random.IntN(len(w.gateways))].URL())
				}
			}
			if sent >= events {
				select {
				case <-l.over:
					l.done <- w.load.flush(w.ctx)
					return
				default:
				}
			}
			select {
			case <-tick.C:
			case <-w.ctx.Done():
				l.done <- w.ctx.Err()
				return
			}
		}
	}()
	return l
}

// finish lets the load end, and waits until Kafka has all of it.
func (l *load) finish() error {
	close(l.over)
	return <-l.done
}

// sendRandom sends one event: mostly somebody's order or payment, now and then what has a
// timestamp of another time, a payment with two sides, or news.
func (w *world) sendRandom(random *rand.Rand) {
	user := w.users[random.IntN(len(w.users))]
	switch n := random.IntN(100); {
	case n < 50:
		w.load.send(w.ctx, orders, user, anywhere, checker.Event{Users: []string{user}})
	case n < 88:
		w.load.send(w.ctx, payments, fmt.Sprint(random.Uint64()), anywhere, checker.Event{Users: []string{user}})
	case n < 92:
		w.load.send(w.ctx, history, user, anywhere, checker.Event{Users: []string{user}, Time: eventTimes[random.IntN(len(eventTimes))].at(time.Now())})
	case n < 94:
		w.load.send(w.ctx, appended, user, anywhere, checker.Event{Users: []string{user}, Time: time.Now().AddDate(0, 0, -3)})
	case n < 98:
		parties := []string{user, w.users[random.IntN(len(w.users))]}
		w.load.send(w.ctx, payments, fmt.Sprint(random.Uint64()), anywhere, checker.Event{Users: parties})
	default:
		w.load.send(w.ctx, news, "everyone", anywhere, checker.Event{})
	}
}
