package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/kafkatest"
	"sluice/cmd/internal/e2e/checker"
	"sluice/cmd/internal/e2e/gateway"
)

// The streams of a run; each one's topic has its name. They differ in how an event finds
// its user, and in where a client that comes back finds what it missed.
const (
	orders   = "orders"   // by key, kept in memory for long
	payments = "payments" // random keys, users in the value; gone from memory at once, so read from Kafka
	news     = "news"     // for everyone
	archive  = "archive"  // for everyone; retention will take records away
	profiles = "profiles" // compacted
	volatile = "volatile" // its topic will be deleted and created again
	history  = "history"  // by key; timestamps are those of what happened, or wrong, and gone from memory at once
	appended = "appended" // the same, with timestamps by Kafka's clock
)

var allStreams = []string{orders, payments, news, archive, profiles, volatile, history, appended}

// config is a gateway's, but for its addresses.
func config(kafka *kafkatest.Cluster) string {
	return fmt.Sprintf(`
heartbeat: 1s
compress: 600B
kafka: {brokers: [%q]}
auth: none
limits: {per_user: 0} # clients come back before a paused gateway knows that they went
streams:
  orders:   {topic: orders, user: key, replay: 10m}
  payments: {topic: payments, user: value:customer, event: value:type, replay: 1ms}
  news:     {topic: news, audience: everyone}
  archive:  {topic: archive, audience: everyone}
  profiles: {topic: profiles, user: value:customer, subject: key}
  volatile: {topic: volatile, user: key}
  history:  {topic: history, user: key, replay: 1ms}
  appended: {topic: appended, user: key, replay: 1ms}
`, kafka.Plaintext())
}

// world is a run: a Kafka, two gateways, clients, and a load that never pauses.
type world struct {
	t        *testing.T
	ctx      context.Context // ends with the run's deadline
	random   *rand.Rand      // the test's goroutine's
	users    []string
	books    *checker.Checker
	kafka    *kafkatest.Cluster
	gateways [2]*gateway.Gateway
	readers  []*reader // all of them
	roamers  []*reader // those that go from gateway to gateway all the time
	load     *producer // to partitions by key
	exact    *producer // to partitions by choice

	partitions map[string]int32 // by stream
}

func newWorld(ctx context.Context, t *testing.T, random *rand.Rand, users int) *world {
	w := &world{
		t: t, ctx: ctx, random: random, books: checker.New(fmt.Sprintf("run-%d", time.Now().UnixNano())),
		partitions: map[string]int32{orders: 6, payments: 6, news: 1, archive: 3, profiles: 2, volatile: 3, history: 2, appended: 2},
	}
	w.kafka = kafkatest.Start(t)
	for _, name := range allStreams {
		w.books.Stream(name, name == news || name == archive)
		w.createTopic(name)
	}
	for i := range w.gateways {
		w.gateways[i] = newGateway(t, config(w.kafka)+fmt.Sprintf("hold: %t\n", i == 0)) // each way of carrying streams; clients go from one to the other
		w.gateways[i].Start()
	}
	w.awaitReady()
	w.load = newProducer(t, w.kafka, w.books)
	w.exact = newProducer(t, w.kafka, w.books, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for i := range users {
		user := fmt.Sprintf("user-%d", i)
		w.users = append(w.users, user)
		w.addReader(user+"#1", user, nil)
		if i%3 == 0 {
			w.addReader(user+"#2", user, []string{payments, profiles, volatile})
		}
		switch i % 10 {
		case 0:
			w.addRoamer(user+"#3", user, []string{payments})
		case 5:
			w.addRoamer(user+"#3", user, nil)
		}
		switch i % 5 {
		case 1:
			w.addPoller(user+"#polls", user, "", i%2 == 0)
		case 3:
			w.addPoller(user+"#waits", user, "25s", i%2 == 0)
		case 4:
			w.letRoam(w.add(newMixer(w.ctx, w.books, w.gateways[w.nextHome()].URL(), user+"#mixed", user, w.random, allStreams)))
		}
	}
	for _, r := range w.readers {
		w.await(r.page.Name()+" to be greeted", func() bool { return r.hellos.Load() > 0 })
	}
	return w
}

func (w *world) addReader(name, user string, only []string) *reader {
	return w.add(newReader(w.ctx, w.books, w.gateways[w.nextHome()].URL(), name, user, allStreams, only))
}

func (w *world) nextHome() int { return len(w.readers) % len(w.gateways) }

func (w *world) add(r *reader) *reader {
	r.home = w.nextHome()
	w.readers = append(w.readers, r)
	w.t.Cleanup(r.Close)
	return r
}

func (w *world) addRoamer(name, user string, only []string) { w.letRoam(w.addReader(name, user, only)) }

func (w *world) addPoller(name, user, wait string, roams bool) {
	r := w.add(newPoller(w.ctx, w.books, w.gateways[w.nextHome()].URL(), name, user, wait, w.random, allStreams, nil))
	if roams {
		w.letRoam(r)
	}
}

func (w *world) letRoam(r *reader) {
	r.home = roams
	w.roamers = append(w.roamers, r)
}

func (w *world) createTopic(name string) {
	var settings []string
	switch name {
	case profiles:
		// Compaction that hardly waits for anything; the active segment is left out, so it
		// rolls fast.
		settings = []string{"cleanup.policy=compact", "min.cleanable.dirty.ratio=0.001", "max.compaction.lag.ms=100", "segment.ms=100"}
	case history:
		settings = eventTime
	case appended:
		settings = []string{"message.timestamp.type=LogAppendTime"}
	}
	w.kafka.CreateTopic(w.t, name, w.partitions[name], settings...)
}

// await waits for a condition. When the run's time is over before that, it ends the test
// with what the books say by then.
func (w *world) await(what string, condition func() bool) {
	w.t.Helper()
	w.must(w.books.Await(w.ctx, what, condition))
}

// must ends the test if there is an error.
func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("%v\nby then: %v", err, w.books.Verdict())
	}
}

func (w *world) awaitReady() {
	w.t.Helper()
	for _, g := range w.gateways {
		w.must(g.AwaitReady(w.ctx))
	}
}

// awaitMore waits until Kafka has acknowledged so many more events.
func (w *world) awaitMore(events int) {
	w.t.Helper()
	enough := w.books.AckedEvents() + events
	w.await(fmt.Sprintf("%d events in all", enough), func() bool { return w.books.AckedEvents() >= enough })
}

// settle waits until these readers have everything that Kafka has acknowledged by now.
func (w *world) settle(readers []*reader) {
	w.t.Helper()
	for _, r := range readers {
		for _, a := range r.page.Newest() {
			w.await(fmt.Sprintf("%v at %s", a, r.page.Name()), func() bool { return r.page.Has(a) })
		}
	}
}

// sendExact writes events to each partition of a stream and waits until Kafka has them.
func (w *world) sendExact(stream string, each int) {
	w.t.Helper()
	for p := range w.partitions[stream] {
		for range each {
			var e checker.Event
			key := "everyone"
			if stream != news && stream != archive {
				key = w.user()
				e.Users = []string{key}
			}
			w.exact.send(w.ctx, stream, key, p, e)
		}
	}
	w.must(w.exact.flush(w.ctx))
}

func (w *world) user() string { return w.users[w.random.IntN(len(w.users))] }

// some returns a random part of the readers, one in n, but never none.
func (w *world) some(readers []*reader, n int) []*reader {
	picked := make([]*reader, 0, len(readers)/n+1)
	for _, i := range w.random.Perm(len(readers))[:len(readers)/n+1] {
		picked = append(picked, readers[i])
	}
	return picked
}

// where returns the readers for which the condition holds.
func (w *world) where(condition func(*reader) bool) (found []*reader) {
	for _, r := range w.readers {
		if condition(r) {
			found = append(found, r)
		}
	}
	return found
}

// without returns the readers that are not among the others.
func (w *world) without(others []*reader) []*reader {
	out := make(map[*reader]bool)
	for _, r := range others {
		out[r] = true
	}
	return w.where(func(r *reader) bool { return !out[r] })
}
