package shop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/kafkatest"
)

// order is what a record says about an order.
type order struct {
	ID     string  `json:"orderId"`
	User   string  `json:"user"`
	Status string  `json:"status"`
	Item   string  `json:"item"`
	Total  float64 `json:"total"`
	Type   string  `json:"type"`
}

// account is what Kafka has of an order.
type account struct {
	events int
	status string // the last one
}

// events is how many events orders have had.
func events(orders map[string]account) (n int) {
	for _, a := range orders {
		n += a.events
	}
	return n
}

// truth is what Kafka has, read by a plain consumer. It lives as long as its test.
type truth struct {
	kafka *kafkatest.Cluster
	topic string

	mu       sync.Mutex                    // guards what follows
	accounts map[string]map[string]account // by user and order
	next     map[int32]int64               // by partition, the offset after the last record read
	failure  error
}

func readTruth(t *testing.T, kafka *kafkatest.Cluster, topic string) *truth {
	t.Helper()
	tr := &truth{kafka: kafka, topic: topic, accounts: make(map[string]map[string]account), next: make(map[int32]int64)}
	client := kafka.Client(t, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			tr.take(client.PollFetches(ctx))
		}
	}()
	t.Cleanup(func() {
		stop()
		<-ended
		if tr.failure != nil {
			t.Errorf("what is in Kafka couldn't be read: %v", tr.failure)
		}
	})
	return tr
}

func (tr *truth) take(fetches kgo.Fetches) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	fetches.EachRecord(func(r *kgo.Record) {
		var o order
		if err := json.Unmarshal(r.Value, &o); err != nil || o.ID == "" || o.User != string(r.Key) {
			tr.failure = errors.Join(tr.failure, fmt.Errorf("the record %s=%s is no order of its key's: %w", r.Key, r.Value, err))
		}
		if tr.accounts[o.User] == nil {
			tr.accounts[o.User] = make(map[string]account)
		}
		tr.accounts[o.User][o.ID] = account{tr.accounts[o.User][o.ID].events + 1, o.Status}
		tr.next[r.Partition] = r.Offset + 1
	})
}

// of returns what Kafka has of a user's orders, once all of it has been read.
func (tr *truth) of(t *testing.T, user string) map[string]account {
	t.Helper()
	await(t, func() string {
		ends, err := tr.kafka.Admin().ListEndOffsets(t.Context(), tr.topic)
		if err == nil {
			err = ends.Error()
		}
		if err != nil {
			return err.Error()
		}
		tr.mu.Lock()
		defer tr.mu.Unlock()
		for partition, end := range ends[tr.topic] {
			if next := tr.next[partition]; next < end.Offset {
				return fmt.Sprintf("the test's own consumer is at %d of %d in partition %d", next, end.Offset, partition)
			}
		}
		return ""
	})
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return maps.Clone(tr.accounts[user])
}

// all returns what Kafka has of everybody's orders.
func (tr *truth) all(t *testing.T) map[string]account {
	t.Helper()
	tr.of(t, "")
	tr.mu.Lock()
	defer tr.mu.Unlock()
	all := make(map[string]account)
	for _, orders := range tr.accounts {
		maps.Copy(all, orders)
	}
	return all
}

// confirmed returns what Kafka has of a user's orders, once all of them are confirmed.
func (tr *truth) confirmed(t *testing.T, user string) (orders map[string]account) {
	t.Helper()
	await(t, func() string {
		orders = tr.of(t, user)
		for id, a := range orders {
			if a.status != "confirmed" {
				return fmt.Sprintf("%s's order %s is %s", user, id, a.status)
			}
		}
		return ""
	})
	return orders
}
