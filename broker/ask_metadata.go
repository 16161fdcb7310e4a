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

// topicID is the id of a topic (KIP-516). It is zero if brokers have no ids.
type topicID [16]byte

// epochLen is how many characters of an id an epoch has. 36 bits tell two topics of one
// name apart.
const epochLen = 6

// epoch returns the first characters of an id as Kafka's tools print it, or "0" without
// an id. Without ids a topic that was created anew looks like the one before.
func (id topicID) epoch() string {
	if id == (topicID{}) {
		return noEpoch
	}
	return base64.RawURLEncoding.EncodeToString(id[:])[:epochLen]
}

const noEpoch = "0"

// topicMeta is what one broker says of a topic.
type topicMeta struct {
	id      topicID
	leaders []int32 // by partition; -1: there is none
	epochs  []int32 // of the leader, by partition (KIP-320); -1: the broker doesn't say it
	err     error   // if set, nothing else is
}

const (
	// hedgeAfter is how long one broker may take before another one is asked the same. A
	// broker that hangs answers nothing, and it closes no connection either.
	hedgeAfter = time.Second
	hedges     = 3 // brokers asked in all

	surveyTimeout = 2 * time.Second // for each broker of a survey
	surveyed      = 9               // brokers that are asked at most, of a large cluster
)

// describe asks any broker for topics by name. It never creates a topic
// (allow.auto.create.topics=false). It fails if no broker answers. An error of one topic
// is in that topic's metadata.
func describe(ctx context.Context, cl *kgo.Client, topics ...string) (map[string]topicMeta, error) {
	return hedged(ctx, func(ctx context.Context) (map[string]topicMeta, error) {
		kresp, err := cl.Request(ctx, nameTopics(topics)) // each time of the next broker in turn
		if err != nil {
			return nil, err
		}
		return readMetadata(kresp.(*kmsg.MetadataResponse), topics), nil
	})
}

// hedged asks a question that any broker can answer. While no answer has come, it asks
// other brokers as well. It doesn't wait for the slow ones: while a connection is set up,
// the client ignores ctx. Their requests end with the connection attempt, which has a
// limit, or with the client.
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

// askTopicNames asks any broker which topics there are, without those that Kafka calls
// internal.
func askTopicNames(ctx context.Context, cl *kgo.Client) ([]string, error) {
	return hedged(ctx, func(ctx context.Context) (names []string, err error) {
		req := kmsg.NewPtrMetadataRequest()
		req.AllowAutoTopicCreation, req.Topics = false, nil // all
		kresp, err := cl.Request(ctx, req)
		if err != nil {
			return nil, err
		}
		for _, t := range kresp.(*kmsg.MetadataResponse).Topics {
			if t.Topic != nil && !t.IsInternal {
				names = append(names, *t.Topic)
			}
		}
		return names, nil
	})
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

// readPartitions notes who leads the partitions of a topic.
func (m *topicMeta) readPartitions(partitions []kmsg.MetadataResponseTopicPartition) error {
	if len(partitions) == 0 {
		return kerr.UnknownTopicOrPartition // it was just created and has no partitions yet
	}
	m.leaders, m.epochs = make([]int32, len(partitions)), make([]int32, len(partitions))
	for _, p := range partitions {
		if p.Partition < 0 || int(p.Partition) >= len(partitions) {
			return fmt.Errorf("Kafka says that a topic has %d partitions, and names one %d", len(partitions), p.Partition)
		}
		m.leaders[p.Partition], m.epochs[p.Partition] = p.Leader, p.LeaderEpoch
	}
	return nil
}

// surveyAnswer is what one broker says of topics.
type surveyAnswer struct {
	node  *kgo.Broker
	metas map[string]topicMeta
	byID  bool // the broker can be asked for topics by id
}

// survey asks each known broker for topics, all at the same time. Brokers that don't
// answer in time are left out.
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

// metadataByID is the first version of Metadata in which brokers find topics by id.
const metadataByID = 12

// knows asks the broker whether it has a topic with this id.
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
