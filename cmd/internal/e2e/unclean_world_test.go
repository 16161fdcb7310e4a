package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/kafkatest"
	"sluice/cmd/internal/e2e/checker"
	"sluice/cmd/internal/e2e/gateway"
)

// uncleanWorld is a run: a Kafka of three brokers, gateways of plain ids and of sealed
// ones, pages, and no load but what the test sends.
type uncleanWorld struct {
	t        *testing.T
	ctx      context.Context // ends with the run's deadline
	random   *rand.Rand
	kafka    *kafkatest.Replicated
	books    *checker.Checker
	users    []string
	keys     string                      // file of the sealed ids' keys
	gateways map[bool][]*gateway.Gateway // by whether ids are sealed; the newest is the fresh one
	pages    map[*reader]*uncleanPage
}

// uncleanPage is where a page is.
type uncleanPage struct {
	visitor
	at   *gateway.Gateway
	away bool
}

func newUncleanWorld(ctx context.Context, t *testing.T, random *rand.Rand, part []visitor) *uncleanWorld {
	w := &uncleanWorld{
		t: t, ctx: ctx, random: random, books: checker.New(fmt.Sprintf("run-%d", time.Now().UnixNano())),
		keys: filepath.Join(t.TempDir(), "ids.keys"), gateways: make(map[bool][]*gateway.Gateway), pages: make(map[*reader]*uncleanPage),
	}
	if _, err := gateway.Binary(); err != nil {
		t.Fatal(err)
	}
	w.kafka = kafkatest.StartReplicated(t)
	for _, name := range uncleanStreams {
		w.books.Stream(name, name == news)
		w.kafka.CreateTopic(t, name, uncleanReplicas, "unclean.leader.election.enable=true", "min.insync.replicas=1")
	}
	if err := os.WriteFile(w.keys, []byte("k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		w.addGateways()
	}
	for i := range 5 {
		w.users = append(w.users, fmt.Sprintf("user-%d", i))
	}
	for i, v := range part {
		at := w.gateways[v.sealed][i%2]
		name, user := fmt.Sprintf("page %d (%v)", i, v), w.users[i%len(w.users)]
		var r *reader
		if v.polls {
			r = newPoller(ctx, w.books, at.URL(), name, user, v.wait, random, uncleanStreams, nil)
		} else {
			r = newReader(ctx, w.books, at.URL(), name, user, uncleanStreams, nil)
		}
		t.Cleanup(r.Close)
		w.pages[r] = &uncleanPage{visitor: v, at: at}
	}
	for r := range w.pages {
		w.await(r.page.Name()+" to be greeted", func() bool { return r.hellos.Load() > 0 })
	}
	return w
}

// addGateways starts a gateway of plain ids and one of sealed ones.
func (w *uncleanWorld) addGateways() {
	w.t.Helper()
	for _, sealed := range []bool{false, true} {
		ids := "ids: plain"
		if sealed {
			ids = fmt.Sprintf("ids: sealed\nids_keys_file: %q", w.keys)
		}
		brokers, err := json.Marshal(w.kafka.Brokers())
		w.must(err)
		g := readyGateway(w.ctx, w.t, fmt.Sprintf(`
heartbeat: 1s
kafka: {brokers: %s}
auth: none
limits: {per_user: 0}
hold: %t
%s
streams:
  orders:   {topic: orders, user: key, subject: key}
  payments: {topic: payments, user: key, replay: 1ms}
  news:     {topic: news, audience: everyone}
`, brokers, len(w.gateways[sealed])%2 == 0, ids))
		w.gateways[sealed] = append(w.gateways[sealed], g)
	}
}

func (w *uncleanWorld) await(what string, condition func() bool) {
	w.t.Helper()
	w.must(w.books.Await(w.ctx, what, condition))
}

func (w *uncleanWorld) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("%v\nby then: %v", err, w.books.Verdict())
	}
}

// elect lets the leader of most partitions crash with records that the follower lacks,
// which then leads.
func (w *uncleanWorld) elect(leader, follower int32, isLast bool) {
	w.send(1 + w.random.IntN(5))
	w.settle()
	w.leave(before)

	w.kafka.Kill(follower)
	w.eachTopic("without the follower", func(p kadm.PartitionDetail) bool { return !slices.Contains(p.ISR, follower) })
	kept := w.ends()
	w.send(2 + w.random.IntN(5))
	w.settle()
	w.leave(after)

	w.kafka.Kill(leader)
	w.kafka.Start(follower)
	lost := func(partition int32) bool { return !slices.Contains(uncleanReplicas[partition], 1) }
	w.eachTopic("led by the follower", func(p kadm.PartitionDetail) bool { return !lost(p.Partition) || p.Leader == follower })
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for !w.endAt(kept, lost) {
		select {
		case <-again.C:
		case <-w.ctx.Done():
			w.t.Fatalf("the new leader's logs end at %v, want %v", w.ends(), kept)
		}
	}
	for topic, ends := range kept {
		for partition, end := range ends {
			if lost(partition) {
				w.books.Truncated(topic, partition, end)
			}
		}
	}
	w.addGateways()
	w.send(1)
	w.settle()
	w.comeBack(early)
	w.settle()

	w.send(8 + w.random.IntN(8))
	w.settle()
	w.comeBack(late)
	if isLast {
		w.comeBack(last)
	}
	w.send(1)
	w.settle()

	w.kafka.Start(leader)
	w.eachTopic("in sync", func(p kadm.PartitionDetail) bool { return len(p.ISR) == len(p.Replicas) })
}

// eachTopic waits until the partitions of every topic are as the condition has it.
func (w *uncleanWorld) eachTopic(what string, condition func(kadm.PartitionDetail) bool) {
	w.t.Helper()
	for _, topic := range uncleanStreams {
		w.kafka.Await(w.t, topic, what, condition)
	}
}

// ends are the ends of all partitions, by topic.
func (w *uncleanWorld) ends() map[string]map[int32]int64 {
	w.t.Helper()
	listed, err := w.kafka.Admin().ListEndOffsets(w.ctx, uncleanStreams...)
	w.must(err)
	found := make(map[string]map[int32]int64)
	listed.Each(func(o kadm.ListedOffset) {
		if found[o.Topic] == nil {
			found[o.Topic] = make(map[int32]int64)
		}
		found[o.Topic][o.Partition] = o.Offset
		if o.Err != nil {
			found[o.Topic][o.Partition] = -1
		}
	})
	return found
}

// endAt reports whether those partitions that lost records end where they should.
func (w *uncleanWorld) endAt(want map[string]map[int32]int64, lost func(int32) bool) bool {
	w.t.Helper()
	ends := w.ends()
	for topic, partitions := range want {
		for partition, end := range partitions {
			if lost(partition) && ends[topic][partition] != end {
				return false
			}
		}
	}
	return true
}

// send writes so many events to each partition for every user, and waits until Kafka has
// them.
func (w *uncleanWorld) send(each int) {
	w.t.Helper()
	// Another producer each time: what one knows of a partition's past is not true any more
	// after an election.
	p := newProducer(w.t, w.kafka, w.books, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	defer p.client.Close()
	for range each {
		for _, i := range w.random.Perm(len(w.users) * len(uncleanStreams) * len(uncleanReplicas)) {
			user, i := w.users[i%len(w.users)], i/len(w.users)
			stream, partition := uncleanStreams[i%len(uncleanStreams)], int32(i/len(uncleanStreams))
			p.send(w.ctx, stream, user, partition, checker.Event{Users: []string{user}})
		}
	}
	w.must(p.flush(w.ctx))
}

// settle waits until the pages that are there have everything.
func (w *uncleanWorld) settle() {
	w.t.Helper()
	for r, page := range w.pages {
		if page.away {
			continue
		}
		for _, a := range r.page.Newest() {
			w.await(fmt.Sprintf("%v at %s", a, r.page.Name()), func() bool { return r.page.Has(a) })
		}
	}
}

func (w *uncleanWorld) leave(when leaving) {
	for r, page := range w.pages {
		if page.leaves == when && !page.away {
			page.away = true
			r.Leave()
		}
	}
}

// comeBack has pages return, and waits until they have everything.
func (w *uncleanWorld) comeBack(when returning) {
	w.t.Helper()
	for r, page := range w.pages {
		if page.returns != when || !page.away {
			continue
		}
		page.away = false
		gateways := w.gateways[page.sealed]
		elsewhere := slices.DeleteFunc(slices.Clone(gateways[:len(gateways)-1]), func(g *gateway.Gateway) bool { return g == page.at })
		switch page.to {
		case other:
			page.at = elsewhere[w.random.IntN(len(elsewhere))]
		case fresh:
			page.at = gateways[len(gateways)-1]
		}
		r.Go(page.at.URL())
		r.Return()
	}
	w.settle()
}

// compareWithKafka reads all topics and compares them with the books: what Kafka
// acknowledged and no election lost is there, where the books have it, and nothing else.
func (w *uncleanWorld) compareWithKafka() {
	w.t.Helper()
	for _, stream := range uncleanStreams {
		want := w.books.Records(stream)
		start := make(map[int32]kgo.Offset)
		for partition := range uncleanReplicas {
			start[int32(partition)] = kgo.NewOffset().AtStart()
		}
		client := w.kafka.Client(w.t, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{stream: start}))
		byOffset := make(map[checker.Record]bool)
		for len(byOffset) < len(want) {
			fetches := client.PollFetches(w.ctx)
			w.must(fetches.Err())
			for _, r := range fetches.Records() {
				var p checker.Payload
				w.must(json.Unmarshal(r.Value, &p))
				byOffset[checker.Record{Partition: r.Partition, Offset: r.Offset, Number: p.Number}] = true
			}
		}
		for _, r := range want {
			if !byOffset[r] {
				w.t.Errorf("Kafka doesn't have %s %+v", stream, r)
			}
		}
		client.Close()
	}
}

// compareBeginnings opens the streams anew, at a gateway whose memory held what was lost
// and at one that never saw it: neither sends it to those who begin.
func (w *uncleanWorld) compareBeginnings() {
	w.t.Helper()
	for _, g := range []*gateway.Gateway{w.gateways[false][0], w.gateways[true][1], w.gateways[false][len(w.gateways[false])-1]} {
		beginsEverywhere(w.ctx, w.t, w.kafka, g, orders, w.users[0])
	}
}

// compareStates asks each gateway for the orders' state. All show the same, whatever they
// saw of what was lost, and only what Kafka still has.
func (w *uncleanWorld) compareStates() {
	w.t.Helper()
	left := make(map[int]bool)
	for _, r := range w.books.Records(orders) {
		left[r.Number] = true
	}
	for _, user := range w.users {
		shown := make(map[string]int) // by the state's events, how many gateways show them
		for _, g := range slices.Concat(w.gateways[false], w.gateways[true]) {
			events := stateEvents(w.ctx, w.t, g, "stream=orders&user="+user)
			for _, e := range events {
				var p checker.Payload
				if err := json.Unmarshal(e.Data, &p); err != nil || !left[p.Number] {
					w.t.Errorf("%s's state has %s, which Kafka doesn't have any more (%v)", user, e.Data, err)
				}
			}
			text, err := json.Marshal(events)
			w.must(err)
			shown[string(text)]++
		}
		if len(shown) != 1 {
			w.t.Errorf("the gateways show %s different states: %v", user, shown)
		}
		if _, empty := shown["null"]; empty {
			w.t.Errorf("%s has no state", user)
		}
	}
}
