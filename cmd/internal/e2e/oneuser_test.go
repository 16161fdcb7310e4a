package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/cmd/internal/e2e/checker"
	"sluice/cmd/internal/e2e/gateway"
)

// oneUser is a small run: one gateway, and one user's pages, of which one reads a stream,
// one polls, and one polls and waits. Each stream has the name of its topic, with two
// partitions and the user as key.
type oneUser struct {
	t        *testing.T
	ctx      context.Context
	kafka    kafkaClients
	books    *checker.Checker
	gateway  *gateway.Gateway
	user     string
	readers  []*reader
	producer *producer
	seconds  int
}

const oneUserPartitions = 2

// newOneUser starts the gateway and the pages. Kafka has the topics already.
func newOneUser(ctx context.Context, t *testing.T, kafka kafkaClients, config string, streams ...string) *oneUser {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute) // an end that only a failure reaches
	t.Cleanup(cancel)
	r := &oneUser{t: t, ctx: ctx, kafka: kafka, books: checker.New(fmt.Sprintf("run-%d", time.Now().UnixNano())), user: "alice"}
	for _, name := range streams {
		r.books.Stream(name, false)
	}
	r.gateway = readyGateway(ctx, t, config)
	r.producer = newProducer(t, kafka, r.books, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	random := rand.New(rand.NewPCG(1, 1))
	for _, page := range []*reader{
		newReader(ctx, r.books, r.gateway.URL(), "stream", r.user, streams, nil),
		newPoller(ctx, r.books, r.gateway.URL(), "polls", r.user, "", random, streams, nil),
		newPoller(ctx, r.books, r.gateway.URL(), "polls that wait", r.user, "25s", random, streams, nil),
	} {
		t.Cleanup(page.Close)
		r.readers = append(r.readers, page)
		r.must(r.books.Await(ctx, page.page.Name()+" to be greeted", func() bool { return page.hellos.Load() > 0 }))
	}
	return r
}

func (r *oneUser) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatalf("%v\nby then: %v", err, r.books.Verdict())
	}
}

// send writes events to a stream, to one partition after the other, and waits until Kafka
// has them. at gives their timestamps, which are a second apart; nil leaves them to the
// clock.
func (r *oneUser) send(stream string, n int, at func(time.Time) time.Time) {
	r.t.Helper()
	for i := range n {
		e := checker.Event{Users: []string{r.user}}
		if at != nil {
			e.Time = at(time.Now()).Add(time.Duration(r.seconds) * time.Second)
			r.seconds++
		}
		r.producer.send(r.ctx, stream, r.user, int32(i%oneUserPartitions), e)
	}
	r.must(r.producer.flush(r.ctx))
}

// settle waits until every page has everything.
func (r *oneUser) settle() {
	r.t.Helper()
	for _, page := range r.readers {
		for _, a := range page.page.Newest() {
			r.must(r.books.Await(r.ctx, fmt.Sprintf("%v at %s", a, page.page.Name()), func() bool { return page.page.Has(a) }))
		}
	}
}

// away does something while no page is there, and waits until they have everything.
func (r *oneUser) away(meanwhile func()) {
	r.t.Helper()
	for _, page := range r.readers {
		page.Leave()
	}
	meanwhile()
	for _, page := range r.readers {
		page.Return()
	}
	r.settle()
}

// restart ends the gateway and starts it again.
func (r *oneUser) restart() {
	r.t.Helper()
	r.gateway.Terminate()
	r.gateway.Start()
	r.must(r.gateway.AwaitReady(r.ctx))
}

// judge ends the run: every page had every event once, in order, and no reset.
func (r *oneUser) judge() {
	r.t.Helper()
	verdict := r.books.Verdict()
	r.t.Logf("%v", verdict)
	if !verdict.Clean() {
		r.t.Error("promises were broken")
	}
}
