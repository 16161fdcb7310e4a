package deliver

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker"
)

const (
	pollRecords  = 500             // at a time: a window is exceeded by no more
	commitEvery  = time.Second     //
	watchEvery   = 5 * time.Second // asks where partitions end, and which topic it is
	askTimeout   = 10 * time.Second
	fetchWait    = time.Second
	fetchBytes   = 4 << 20
	perPartition = 1 << 20

	// sessionTimeout is how long Kafka waits for a gateway that was killed, before others
	// get its partitions.
	sessionTimeout = 15 * time.Second

	// withdrawTimeout is how long attempts under way have, when their partition goes to
	// another gateway. The group waits meanwhile.
	withdrawTimeout = 10 * time.Second
)

// session is a membership of the group. It ends with ctx or an error.
func (d *Delivery) session(ctx context.Context) error {
	asking, cancel := context.WithTimeout(ctx, 3*askTimeout)
	err := d.begin(asking)
	cancel()
	if err != nil {
		return err
	}
	s := &session{Delivery: d, topics: d.reads(), failed: make(chan error, 1)}
	member, err := broker.NewClient(d.kafka, "deliver_"+d.config.Name+"_group", d.log, s.options()...)
	if err != nil {
		return err
	}
	d.setMember(member)
	d.setState(StateRunning, "")
	within, end := context.WithCancel(ctx)
	var working sync.WaitGroup
	working.Go(func() { s.poll(within, member) })
	working.Go(func() { s.every(within, commitEvery, func() { d.commit(within, member) }) })
	working.Go(func() {
		s.fail(s.watch(within))
		s.every(within, watchEvery, func() { s.fail(s.watch(within)) })
	})
	select {
	case <-ctx.Done():
	case err = <-s.failed:
	}
	end()
	working.Wait()
	s.leave(context.WithoutCancel(ctx), member)
	return err
}

type session struct {
	*Delivery
	topics   topicSet
	differed bool       // from what there was when watch last looked; watch's own
	failed   chan error // one slot
}

// reads are the topics that begin has found.
func (d *Delivery) reads() topicSet {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.topics
}

// fail ends the session. No error: it goes on.
func (s *session) fail(err error) {
	if err == nil {
		return
	}
	select {
	case s.failed <- err:
	default:
	}
}

func (d *Delivery) setMember(member *kgo.Client) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.member = member
}

func (s *session) options() []kgo.Opt {
	return []kgo.Opt{
		kgo.ConsumerGroup(s.config.groupName()),
		kgo.ConsumeTopics(s.topics.names()...),
		kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.SessionTimeout(sessionTimeout),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()), // auto.offset.reset=none
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // so that a transaction's marker moves what is committed
		kgo.FetchMaxBytes(fetchBytes), kgo.FetchMaxPartitionBytes(perPartition), kgo.FetchMaxWait(fetchWait),
		kgo.MaxDecompressBatchBytes(broker.BatchLimit(s.config.Source.Rules)),
		kgo.AdjustFetchOffsetsFn(s.assigned),
		kgo.OnPartitionsRevoked(func(ctx context.Context, member *kgo.Client, gone map[string][]int32) {
			s.revoked(ctx, member, ids(gone))
		}),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, gone map[string][]int32) { s.engine.drop(ids(gone)) }),
	}
}

func ids(of map[string][]int32) (all []partitionID) {
	for topic, numbers := range of {
		for _, n := range numbers {
			all = append(all, partitionID{topic, n})
		}
	}
	return all
}

// assigned takes up partitions at the group's offsets. One without an offset was added to
// the topic just now, or its offset was forgotten.
func (s *session) assigned(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	fresh := make(map[string][]int32)
	for topic, partitions := range offsets {
		for p, o := range partitions {
			if at := o.EpochOffset().Offset; at >= 0 {
				s.take(partitionID{topic, p}, at, true)
			} else {
				fresh[topic] = append(fresh[topic], p)
			}
		}
	}
	for topic, partitions := range fresh {
		starts, err := s.freshStarts(ctx, topic, partitions)
		if err != nil {
			s.fail(err)
			return offsets, err
		}
		for p, at := range starts {
			s.take(partitionID{topic, p}, at, false)
			offsets[topic][p] = kgo.NewOffset().At(at)
		}
	}
	return offsets, nil
}

func (s *session) take(id partitionID, at int64, saved bool) {
	s.engine.drop([]partitionID{id}) // a rebalance that was cut short may have assigned it before
	s.engine.assign(id, at, saved)
}

// freshStarts returns where partitions begin that were added to a topic.
func (s *session) freshStarts(ctx context.Context, topic string, fresh []int32) (map[int32]int64, error) {
	commits, err := s.fetchCommits(ctx)
	if err != nil {
		return nil, err
	}
	starts, err := s.find(ctx, topic, Start{Earliest: true})
	if err != nil {
		return nil, err
	}
	at := make(map[int32]int64)
	for _, p := range fresh {
		if p < newestPartition(commits[topic]) {
			return nil, s.forgotten(topic, p)
		}
		at[p] = starts[p]
	}
	return at, nil
}

// revoked gives partitions up. What is done of them is committed before another gateway
// gets them.
func (s *session) revoked(ctx context.Context, member *kgo.Client, gone []partitionID) {
	if len(gone) == 0 {
		return
	}
	waiting, cancel := context.WithTimeout(ctx, withdrawTimeout)
	s.engine.withdraw(waiting, gone)
	cancel()
	s.commit(ctx, member, gone...)
	s.engine.drop(gone)
}

// leave ends the membership. Others get the partitions at once.
func (s *session) leave(ctx context.Context, member *kgo.Client) {
	s.revoked(ctx, member, s.engine.owned())
	member.CloseAllowingRebalance()
	s.setMember(nil)
}

// poll hands records to the engine.
func (s *session) poll(ctx context.Context, member *kgo.Client) {
	for ctx.Err() == nil {
		fetches := member.PollRecords(ctx, pollRecords)
		fetches.EachTopic(func(t kgo.FetchTopic) {
			if name, is := s.topics.other(topicSet{t.Topic: kadm.TopicID(t.TopicID)}); is {
				s.fail(s.recreated(name))
				return
			}
			for _, p := range t.Partitions {
				if len(p.Records) > 0 {
					s.engine.take(partitionID{t.Topic, p.Partition}, p.Records)
				}
				if p.Err != nil {
					s.fetchFailed(ctx, t.Topic, p.Partition, p.Err)
				}
			}
		})
		member.AllowRebalance()
	}
}

// fetchFailed judges an error of a partition. The client goes on by itself, unless the
// position is not there.
func (s *session) fetchFailed(ctx context.Context, topic string, p int32, err error) {
	var loss *kgo.ErrDataLoss
	var large *kgo.ErrDecompressTooLarge
	switch {
	case ctx.Err() != nil:
	case errors.Is(err, kerr.OffsetOutOfRange), errors.As(err, &loss):
		s.fail(s.lost("Kafka has no record any more where partition %d of topic %s has to go on: retention, or a loss in Kafka", p, topic))
	case errors.As(err, &large):
		s.fail(s.lost("a batch at offset %d of partition %d of topic %s unpacks to more than the gateway takes (max_record_bytes)", large.Offset, p, topic))
	case kerr.IsRetriable(err):
	default:
		s.fail(about(fmt.Sprintf("partition %d of topic %s", p, topic), err))
	}
}

// every calls do again and again until ctx ends.
func (s *session) every(ctx context.Context, pause time.Duration, do func()) {
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			do()
		}
	}
}

// watch asks which topics there are, and where they end. A topic that is gone, or may not
// be read, ends the session. Kafka that doesn't answer is no error: the delivery goes on
// with what it has.
func (s *session) watch(ctx context.Context) error {
	asking, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	topics, err := s.findTopics(asking)
	switch {
	case errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.TopicAuthorizationFailed):
		return err
	case err != nil:
		return nil
	}
	now := idsOf(topics)
	if name, is := s.topics.other(now); is {
		return s.recreated(name)
	}
	if s.changed(now) {
		return errTopics
	}
	listed, err := s.admin.ListCommittedOffsets(asking, now.names()...)
	if err != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	listed.Each(func(o kadm.ListedOffset) {
		if o.Err == nil {
			s.ends[partitionID{o.Topic, o.Partition}] = o.Offset
		}
	})
	return nil
}
