package deliver

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker"
	"sluice/broker/document"
	"sluice/broker/record"
	"sluice/broker/shape"
	"sluice/stream"
)

// Source says which records a delivery has, and how they are read.
type Source struct {
	Topic  string
	Topics *broker.Topics // instead of Topic: several; only which they are counts
	Stream string         // whose topic and rules these are; "": none
	Rules  record.Rules   // users are not looked for, and there is no envelope
	Filter string         // jq, on the shape; "": all

	// Poison says that only what is no event of the stream is wanted, though nothing in its
	// rules intends that. There is no target: it all goes to the dead letters.
	Poison bool
	IDs    shape.RecordID
}

// programRules are the stream's without what is about users: who gets a record in a
// browser is nothing to a program.
func (s Source) programRules() record.Rules {
	r := s.Rules
	if s.Poison {
		r.Envelope, r.Headers = "", nil
		return r
	}
	r.Audience, r.User, r.Envelope, r.Headers = stream.AudienceEveryone, "", "", nil
	return r
}

// StreamName is what a CloudEvent's source names. A delivery of a topic has no stream.
func (m *Message) StreamName() string { return cmp.Or(m.Stream, m.Record.Topic) }

// CloudEvent is the message as CloudEvents' JSON.
func (m *Message) CloudEvent(ids shape.RecordID) []byte {
	e := shape.Envelope{Style: shape.CloudEvents, Stream: m.StreamName(), Topic: m.Record.Topic, ID: ids}
	return e.Append(nil, &shape.Contents{
		Time: m.Record.Timestamp, Partition: m.Record.Partition, Offset: m.Record.Offset,
		Subject: []byte(m.Subject), Name: m.Name, Data: m.Data, IsJSON: m.IsJSON,
	})
}

// decoder makes messages of records.
type decoder struct {
	source Source
	filter *shape.Shape // nil: none
	isText bool         // data is text, and not JSON
	keep   bool         // what can't be decoded goes to the dead letters
	stop   bool         // or holds its key

	mu      sync.Mutex // guards decoder, which is for one at a time
	decoder *record.Decoder
}

// newDecoder's errors begin with the key at fault.
func newDecoder(s Source, letters bool) (*decoder, error) {
	d := &decoder{source: s, keep: letters, stop: s.Rules.OnError == record.OnErrorStop}
	d.isText = s.Rules.Decode.As == record.DecodeText && s.Rules.Transform == ""
	var err error
	if d.decoder, err = record.NewDecoder(s.programRules()); err != nil {
		return nil, err
	}
	d.filter, err = shape.New(shape.Config{Filter: s.Filter})
	return d, err
}

// message makes the message of a record. Without one the outcome says why: Delivered
// means that the record is not for the target.
func (d *decoder) message(rec *kgo.Record) (*Message, Outcome) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var ev stream.Event
	refused := d.decoder.Decode(rec, &ev)
	if !refused.Delivers() {
		return nil, d.refusal(refused)
	}
	if d.source.Poison {
		return nil, Outcome{Cause: causeEvent}
	}
	m := &Message{Record: rec, Stream: d.source.Stream, Name: ev.Name, Subject: string(ev.Subject), Data: ev.Data}
	m.ID = string(d.source.IDs.Append(nil, rec.Topic, rec.Partition, rec.Offset))
	m.IsJSON = (!d.isText || ev.Tombstone) && json.Valid(m.Data)
	if verdict, err := d.passes(m); verdict == shape.Filtered {
		return nil, Outcome{Cause: record.Filtered.String()}
	} else if verdict == shape.Failed {
		return nil, d.failure(record.ShapeError.String(), fmt.Errorf("deliveries: %w", err))
	}
	return m, Outcome{}
}

// passes asks the delivery's own filter.
func (d *decoder) passes(m *Message) (shape.Verdict, error) {
	if d.filter == nil {
		return shape.Shown, nil
	}
	if m.IsJSON {
		return d.filter.Passes(m.Data)
	}
	return d.filter.Passes(document.AppendString(nil, m.Data))
}

// causeEvent is why a delivery of poison drops a record.
const causeEvent = "is_event"

// ordinary are refusals of records that are as they should be: deletions that don't say
// whose they are.
const ordinary = record.TombstoneNoUser | record.FormerUnknown

func (d *decoder) refusal(refused record.Refusal) Outcome {
	one := refused.Undelivered()
	switch {
	case one == record.SchemaPending:
		return Outcome{Verdict: Pending, Cause: one.String(), Err: errors.New(one.Text())}
	case one.Intended(), d.source.Poison && ordinary&one != 0:
		return Outcome{Cause: one.String()}
	}
	err := d.decoder.Err()
	if err == nil || !one.Explained() {
		err = errors.New(one.Text())
	}
	return d.failure(one.String(), err)
}

// failure is a record that can't be decoded or shaped. No attempt would change that. It
// is passed over only if the rules want it so and there is no topic for it.
func (d *decoder) failure(cause string, err error) Outcome {
	if !d.keep && !d.stop {
		return Outcome{Cause: cause, Err: err}
	}
	return Outcome{Verdict: Refused, Cause: cause, Err: err}
}

// settled is message, but waits for a schema that isn't known yet until ctx ends.
func (d *decoder) settled(ctx context.Context, rec *kgo.Record) (*Message, Outcome) {
	for {
		m, o := d.message(rec)
		if o.Verdict != Pending {
			return m, o
		}
		d.mu.Lock()
		waiting := d.decoder.Clone()
		d.mu.Unlock()
		if waiting.Wait(ctx, rec) != nil {
			return m, o
		}
	}
}
