package e2e

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/cmd/internal/e2e/checker"
)

// addPartitions gives two streams a partition more. The load's keys find it by
// themselves.
func (w *world) addPartitions() {
	for _, stream := range []string{orders, payments} {
		added := w.partitions[stream]
		w.partitions[stream]++
		answers, err := w.kafka.Admin().UpdatePartitions(w.ctx, int(w.partitions[stream]), stream)
		w.must(err)
		w.must(answers.Error())
		w.await(fmt.Sprintf("an event in partition %d of %s", added, stream), func() bool {
			return w.books.AckedIn(stream, added) > 0
		})
	}
	w.settle(w.readers)
}

// transaction begins a transaction with an event for a few users in each partition. Its
// id is that of one producer, of which there is one at a time.
func (w *world) transaction(aborted bool) *producer {
	p := newProducer(w.t, w.kafka, w.books, kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.TransactionalID("e2e"), kgo.TransactionTimeout(5*time.Minute))
	w.must(p.client.BeginTransaction())
	for _, stream := range []string{orders, payments} {
		for partition := range w.partitions[stream] {
			for range 3 {
				user := w.user()
				p.send(w.ctx, stream, user, partition, checker.Event{Users: []string{user}, Aborted: aborted})
			}
		}
	}
	w.must(p.flush(w.ctx))
	return p
}

func (w *world) abortTransaction() {
	w.must(w.transaction(true).client.EndTransaction(w.ctx, kgo.TryAbort))
	w.must(w.transaction(false).client.EndTransaction(w.ctx, kgo.TryCommit))
	w.settle(w.readers)
}

// abandonTransaction leaves a transaction open, as a producer does that crashes. While it
// is, nothing after it may be read, and a gateway that starts must become ready all the
// same. The producer's next life ends it.
func (w *world) abandonTransaction() {
	w.transaction(true).client.Close()
	g := w.gateways[w.random.IntN(len(w.gateways))]
	g.Kill()
	w.awaitMore(20)
	g.Start()
	w.must(g.AwaitReady(w.ctx))
	var open kadm.DescribedTransactions
	w.await("the transaction's coordinator to answer", func() bool { // a connection may be from before Kafka was killed
		var err error
		open, err = w.kafka.Admin().DescribeTransactions(w.ctx, "e2e")
		return err == nil
	})
	if state := open["e2e"].State; state != "Ongoing" {
		w.t.Fatalf("the transaction is %s, so nothing was shown", state)
	}
	w.must(w.transaction(false).client.EndTransaction(w.ctx, kgo.TryCommit))
	w.settle(w.readers)
}

// abortLast makes aborted transactions the last thing in every partition: the log ends
// beyond the last record permanently, and nobody may wait for more. The load must be
// over.
func (w *world) abortLast() {
	w.settle(w.readers)
	w.must(w.transaction(true).client.EndTransaction(w.ctx, kgo.TryAbort))
	greeted := make(map[*reader]int64)
	for _, r := range w.readers {
		greeted[r] = r.hellos.Load()
	}
	w.restart(func() {})
	for _, r := range w.readers {
		w.await(r.page.Name()+" to be greeted again", func() bool { return r.hellos.Load() > greeted[r] })
	}
	// Whatever those positions were, the next event comes after them.
	for _, stream := range []string{orders, payments, volatile} {
		w.sendExact(stream, len(w.users))
	}
	w.settle(w.readers)
}

// compact writes some users' profiles again and again while they are away, and has Kafka
// forget all but the last. Those who come back get over the holes, from a gateway that
// has read them itself.
func (w *world) compact() {
	// A record that stays, just before the positions of those who leave, is what tells how
	// old these are: that no deletes can be missing after them.
	w.sendProfiles()
	w.settle(w.readers)
	away, present := w.leave(profiles)
	for _, r := range away {
		r.page.MayMissSuperseded(profiles)
	}
	for range 10 {
		for _, user := range w.users {
			w.load.send(w.ctx, profiles, user, anywhere, checker.Event{Users: []string{user}})
		}
	}
	w.must(w.load.flush(w.ctx))
	w.settle(present)
	w.restart(func() {
		again := time.NewTicker(200 * time.Millisecond)
		defer again.Stop()
		for w.holes(profiles) < 5*len(w.users) {
			w.sendProfiles() // only what is older than the active segment is compacted, and only a record makes it roll
			select {
			case <-again.C:
			case <-w.ctx.Done():
				w.t.Fatal("Kafka doesn't compact")
			}
		}
	})
	w.comeBack(away)
}

// sendProfiles writes to each partition of the profiles something that compaction keeps.
func (w *world) sendProfiles() {
	for p := range w.partitions[profiles] {
		key := fmt.Sprintf("only-%d", w.random.Uint64())
		w.exact.send(w.ctx, profiles, key, p, checker.Event{Users: []string{w.user()}})
	}
	w.must(w.exact.flush(w.ctx))
}

// holes counts the offsets of a topic that hold no record any more.
func (w *world) holes(topic string) (holes int) {
	starts, err := w.kafka.Admin().ListStartOffsets(w.ctx, topic)
	w.must(err)
	ends, err := w.kafka.Admin().ListEndOffsets(w.ctx, topic)
	w.must(err)
	ends.Each(func(end kadm.ListedOffset) {
		start, _ := starts.Lookup(topic, end.Partition)
		holes += int(end.Offset-start.Offset) - w.records(topic, end.Partition, start.Offset, end.Offset)
	})
	return holes
}

// records counts the records that a partition holds in a range of offsets. The last must
// be there.
func (w *world) records(topic string, partition int32, from, to int64) (n int) {
	if from == to {
		return 0
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(w.kafka.Plaintext()), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
		topic: {partition: kgo.NewOffset().At(from)},
	}))
	w.must(err)
	defer client.Close()
	for {
		fetches := client.PollFetches(w.ctx)
		w.must(fetches.Err())
		for _, r := range fetches.Records() {
			if r.Offset < to {
				n++
			}
			if r.Offset >= to-1 {
				return n
			}
		}
	}
}

// recreateTopic deletes a topic and creates it again. All who read it are told, once:
// those connected at the moment, and those who come back.
func (w *world) recreateTopic() {
	w.sendExact(volatile, 5)
	w.settle(w.readers)
	away, _ := w.leave(volatile)
	_, err := w.kafka.Admin().DeleteTopic(w.ctx, volatile)
	w.must(err)
	w.createTopic(volatile)
	w.books.Recreated(volatile)
	readers := w.where(func(r *reader) bool { return r.page.Reads(volatile) })
	before := w.expectResets(readers, volatile, "recreated")
	// A producer that knows the old topic takes its time to see the new one.
	w.exact = newProducer(w.t, w.kafka, w.books, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	w.sendExact(volatile, 5)
	for _, r := range away {
		r.Return()
	}
	w.awaitResets(readers, volatile, "recreated", before)
	w.settle(w.readers)
}

// passRetention has Kafka drop records that some readers have not been sent, at a time
// when no gateway holds them in memory.
func (w *world) passRetention() {
	w.sendExact(archive, 1)
	w.settle(w.readers)
	away, present := w.leave(archive)
	w.sendExact(archive, 5)
	w.settle(present)
	w.restart(func() {
		ends, err := w.kafka.Admin().ListEndOffsets(w.ctx, archive)
		w.must(err)
		_, err = w.kafka.Admin().DeleteRecords(w.ctx, ends.Offsets())
		w.must(err)
	})
	w.sendExact(archive, 1)
	before := w.expectResets(away, archive, "retention")
	w.comeBack(away)
	w.awaitResets(away, archive, "retention", before)
}
