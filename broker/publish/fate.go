package publish

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// refusals are answers of Kafka after which a record is surely not in it, and asking
// again doesn't help.
var refusals = []struct {
	cause error
	kind  error
	text  string
}{
	{kerr.MessageTooLarge, ErrTooLarge, "The record is larger than its topic takes (max.message.bytes)."},
	{kerr.RecordListTooLarge, ErrTooLarge, "The record is larger than its topic takes."},
	{kerr.InvalidRecord, ErrMessage, "Kafka refuses the record. A compacted topic takes none without a key."},
	{kerr.InvalidTimestamp, ErrNotWritten, "Kafka refuses the record's time. The gateway's clock may be wrong."},
	{kerr.PolicyViolation, ErrMessage, "A policy of Kafka refuses the record."},
	{kerr.TopicAuthorizationFailed, ErrNotWritten, "The gateway may not write to the topic."},
	{kerr.ClusterAuthorizationFailed, ErrNotWritten, "The gateway may not write to Kafka."},
	{kerr.SaslAuthenticationFailed, ErrNotWritten, "Kafka refuses the gateway's login."},
	{kerr.UnknownTopicOrPartition, ErrNotWritten, "Kafka doesn't have the topic."},
	{kerr.UnknownTopicID, ErrNotWritten, "Kafka doesn't have the topic."},
	{kgo.ErrMaxBuffered, ErrNotWritten, "Too much waits for Kafka."},
}

// failure is why a record was not written, for the caller.
//
// Kafka's client gives up a record that is too old only where it was never sent, or where
// brokers answered that they didn't append it. It tries all others until a broker says
// more. So what it gave up for its age is surely not in Kafka.
func (p *Publisher) failure(rec *kgo.Record, err error) error {
	for _, r := range refusals {
		if errors.Is(err, r.cause) {
			if r.kind == ErrNotWritten {
				p.failed(rec.Topic, err)
			}
			return because(r.kind, "%s", r.text)
		}
	}
	p.failed(rec.Topic, err)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, kgo.ErrRecordTimeout) {
		return because(ErrNotWritten, "Kafka does not answer.")
	}
	return because(ErrUnconfirmed, "Kafka does not confirm the record.")
}

// outageLine is how often the log says that records can't be written.
const outageLine = 10 * time.Second

// outage is what the log says of records that can't be written.
type outage struct {
	failing atomic.Bool

	mu   sync.Mutex // guards said; a leaf
	said time.Time
}

// failed says so in the log, when it begins.
func (p *Publisher) failed(topic string, err error) {
	o := &p.outage
	if p.closing.Err() != nil || o.failing.Swap(true) {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if now := time.Now(); now.Sub(o.said) >= outageLine {
		o.said = now
		p.log.Warn("what is published is not written: those who publish are told to come again", "topic", topic, "error", err)
	}
}

func (p *Publisher) succeeded() {
	if p.outage.failing.Load() && p.outage.failing.Swap(false) {
		p.log.Info("what is published is written again")
	}
}
