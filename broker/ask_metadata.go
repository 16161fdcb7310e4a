package broker

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// topicID is a topic's id (KIP-516); the zero value where brokers have none.
type topicID [16]byte

// epochLen is how much of an id an epoch keeps: 36 bits tell two topics of one name
// apart.
const epochLen = 6

// epoch is the first characters of an id as Kafka's tools print it; "0" without one. A
// topic that is re-created on brokers without ids can't be told from the one before.
func (id topicID) epoch() string {
	if id == (topicID{}) {
		return noEpoch
	}
	return base64.RawURLEncoding.EncodeToString(id[:])[:epochLen]
}

const noEpoch = "0"

// topicMeta is what a broker says of a topic.
type topicMeta struct {
	id      topicID
	leaders []int32 // by partition; -1 where there is none
	epochs  []int32 // by partition, the leader's epoch (KIP-320); -1 where the broker doesn't say it
	err     error   // why there is nothing else
}

const (
	// hedgeAfter is how long one broker may take before another is asked the same: one
	// that hangs answers nothing, and closes nothing either.
	hedgeAfter = time.Second
	hedges     = 3 // brokers asked in all

	surveyTimeout = 2 * time.Second // for each broker of a survey
	surveyed      = 9               // brokers asked at most, so that a large cluster isn't asked as a whole
)

// describe asks any broker for topics by name. It never creates one
// (allow.auto.create.topics=false). The error is that no broker answers; a topic's own
// error stands with it.
func describe(ctx context.Context, cl *kgo.Client, topics ...string) (map[string]topicMeta, error) {
	return hedged(ctx, func(ctx context.Context) (map[string]topicMeta, error) {
		kresp, err := cl.Request(ctx, nameTopics(topics)) // each time of the next broker in turn
		if err != nil {
			return nil, err
		}
		return readMetadata(kresp.(*kmsg.MetadataResponse), topics), nil
	})
}

// hedged asks what any broker can answer, and asks another as well while none has
// answered. It doesn't wait for those that were too slow: while a connection is being set
// up the client doesn't heed ctx. They end with that, which the client bounds, or with
// the client.
func hedged[T any](ctx context.Context, ask func(context.Context) (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, hedges) // room for all
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	asked, failed := 0, 0
	one := func() {
		asked++
		go func() {
			value, err := ask(ctx)
			answers <- answer{value, err}
		}()
	}
	one()
	hedge := time.NewTicker(hedgeAfter)
	defer hedge.Stop()
	for {
		select {
		case a := <-answers:
			if failed++; a.err == nil || failed == asked {
				return a.value, a.err
			}
		case <-hedge.C:
			if asked < hedges {
				one()
			}
		case <-ctx.Done():
			var none T
			return none, ctx.Err()
		}
	}
}

func nameTopics(topics []string) *kmsg.MetadataRequest {
	req := kmsg.NewPtrMetadataRequest()
	req.AllowAutoTopicCreation = false
	for _, name := range topics {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(name)
		req.Topics = append(req.Topics, t)
	}
	return req
}

func readMetadata(resp *kmsg.MetadataResponse, topics []string) map[string]topicMeta {
	metas := make(map[string]topicMeta, len(topics))
	for _, name := range topics {
		metas[name] = topicMeta{err: kerr.UnknownTopicOrPartition}
	}
	for i := range resp.Topics {
		t := &resp.Topics[i]
		if t.Topic == nil {
			continue
		}
		m := topicMeta{id: t.TopicID, err: kerr.ErrorForCode(t.ErrorCode)}
		if m.err == nil {
			m.err = m.readPartitions(t.Partitions)
		}
		metas[*t.Topic] = m
	}
	return metas
}

// readPartitions notes who leads a topic's partitions.
func (m *topicMeta) readPartitions(partitions []kmsg.MetadataResponseTopicPartition) error {
	if len(partitions) == 0 {
		return kerr.UnknownTopicOrPartition // known, and not yet spread over the brokers
	}
	m.leaders, m.epochs = make([]int32, len(partitions)), make([]int32, len(partitions))
	for _, p := range partitions {
		if p.Partition < 0 || int(p.Partition) >= len(partitions) {
			return fmt.Errorf("broker: %d partitions, and one numbered %d", len(partitions), p.Partition)
		}
		m.leaders[p.Partition], m.epochs[p.Partition] = p.Leader, p.LeaderEpoch
	}
	return nil
}

// surveyAnswer is what one broker says of topics.
type surveyAnswer struct {
	node  *kgo.Broker
	metas map[string]topicMeta
	byID  bool // it can be asked for topics by their id
}

// survey asks every broker that is known, each by itself and all at the same time. Those
// that don't answer in time are left out.
func survey(ctx context.Context, cl *kgo.Client, topics ...string) []surveyAnswer {
	ctx, cancel := context.WithTimeout(ctx, surveyTimeout)
	defer cancel()
	nodes := cl.DiscoveredBrokers()
	if len(nodes) == 0 {
		nodes = cl.SeedBrokers()
	}
	nodes = nodes[:min(len(nodes), surveyed)]
	answers := make(chan *surveyAnswer)
	for _, node := range nodes {
		go func() { // is waited for below
			kresp, err := node.Request(ctx, nameTopics(topics))
			if err != nil {
				answers <- nil
				return
			}
			resp := kresp.(*kmsg.MetadataResponse)
			answers <- &surveyAnswer{node: node, metas: readMetadata(resp, topics), byID: resp.Version >= metadataByID}
		}()
	}
	var all []surveyAnswer
	for range nodes {
		if a := <-answers; a != nil {
			all = append(all, *a)
		}
	}
	return all
}

// metadataByID is the first version of Metadata in which brokers look topics up by id.
const metadataByID = 12

// knows asks the broker whether it has a topic of this id.
func (a *surveyAnswer) knows(ctx context.Context, id topicID) bool {
	req := kmsg.NewPtrMetadataRequest()
	req.AllowAutoTopicCreation = false
	t := kmsg.NewMetadataRequestTopic()
	t.TopicID = id
	req.Topics = append(req.Topics, t)
	ctx, cancel := context.WithTimeout(ctx, surveyTimeout)
	defer cancel()
	kresp, err := a.node.Request(ctx, req)
	if err != nil {
		return false
	}
	for _, t := range kresp.(*kmsg.MetadataResponse).Topics {
		if t.TopicID == id && !errors.Is(kerr.ErrorForCode(t.ErrorCode), kerr.UnknownTopicID) {
			return true
		}
	}
	return false
}

// leading returns the metadata with leaders for these partitions only.
func (m topicMeta) leading(partitions []int32) topicMeta {
	leaders := make([]int32, len(m.leaders))
	for p := range leaders {
		if leaders[p] = -1; slices.Contains(partitions, int32(p)) {
			leaders[p] = m.leaders[p]
		}
	}
	m.leaders = leaders
	return m
}

// reachable returns the metadata without the leaders of partitions that have an error.
func (m topicMeta) reachable(errs []error) topicMeta {
	leaders := slices.Clone(m.leaders)
	for p, err := range errs {
		if err != nil {
			leaders[p] = -1
		}
	}
	m.leaders = leaders
	return m
}
