package record

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/schema"
	"sluice/stream"
)

// Decoder makes events of a stream's records. Its methods must not be called
// concurrently. Use a [Decoder.Clone] in each goroutine.
type Decoder struct {
	audience stream.Audience
	user     Selectors
	subject  Selectors
	event    Selectors
	maxBytes int
	names    eventNames
	steps    *steps // nil: records are shown as they come

	fault error                   // what was wrong with the last record, in more words; nil: the refusal says all
	trace func(step, text string) // is told each step; nil: nobody is
}

// NewDecoder makes a decoder. Its errors begin with the key of the stream's configuration
// that is wrong, such as "user: ".
func NewDecoder(rules Rules) (*Decoder, error) {
	d := &Decoder{audience: rules.Audience, maxBytes: rules.SizeLimit(), names: make(eventNames)}
	var errs []error
	for _, sel := range []struct {
		key  string
		text string
		into *Selectors
	}{
		{"user", rules.User, &d.user},
		{"subject", rules.Subject, &d.subject},
		{"event", rules.Event, &d.event},
	} {
		var err error
		if *sel.into, err = ParseSelectors(sel.text); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", sel.key, err))
		}
	}
	if d.audience == stream.AudienceUser && d.user.IsZero() && len(errs) == 0 {
		errs = append(errs, errors.New("user: is missing; say whose event a record is (user: key), or audience: everyone"))
	}
	var err error
	if d.steps, err = newSteps(rules); err != nil {
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return nil, errs[0]
	}
	return d, nil
}

// Clone returns another decoder with the same rules, for another goroutine.
func (d *Decoder) Clone() *Decoder {
	c := *d
	c.names = make(eventNames)
	return &c
}

// For is Clone, for a stream of several topics. The records are of this one.
func (d *Decoder) For(topic string) *Decoder {
	c := d.Clone()
	if c.steps != nil && c.steps.envelope != nil {
		steps, envelope := *c.steps, *c.steps.envelope
		envelope.Topic = topic
		steps.envelope, c.steps = &envelope, &steps
	}
	return c
}

// IsPlain reports whether records are shown as they come. To decode them costs next to
// nothing.
func (d *Decoder) IsPlain() bool { return d.steps == nil }

// Holds reports whether a record with this refusal must not be passed over: its schema
// may still come, or the rules want it so.
func (d *Decoder) Holds(refused Refusal) bool {
	return refused&SchemaPending != 0 || d.Stops(refused)
}

// Stops reports whether a record with this refusal holds its partition because the
// rules want it so, until they change.
func (d *Decoder) Stops(refused Refusal) bool {
	return d.steps != nil && d.steps.onError == OnErrorStop && refused&failures != 0
}

// Err says in more words what was wrong with the last record; nil: its refusal says it
// all. It quotes no record.
func (d *Decoder) Err() error { return d.fault }

// Decode makes ev of the record. It reuses the memory of ev.Users. The event refers to
// the record's bytes. If the refusal doesn't deliver, ev is hidden: it may take the
// place of an earlier one in a state, and nobody is sent it.
func (d *Decoder) Decode(rec *kgo.Record, ev *stream.Event) Refusal {
	*ev = stream.Event{
		Partition: rec.Partition, Offset: rec.Offset, Timestamp: rec.Timestamp.UnixMilli(),
		Key: rec.Key, Tombstone: rec.Value == nil, Users: ev.Users[:0], Data: rec.Value,
	}
	refused := d.decodeBounded(rec, ev)
	if !refused.Delivers() {
		ev.Hidden, ev.Users = true, ev.Users[:0]
		if refused&Filtered == 0 {
			ev.Subject = nil
		}
	}
	return refused
}

func (d *Decoder) decodeBounded(rec *kgo.Record, ev *stream.Event) Refusal {
	if size(rec) > d.maxBytes {
		if len(rec.Key) > d.maxBytes {
			ev.Key = nil // a state would keep it
		}
		return RecordTooLarge
	}
	if d.steps != nil {
		return d.decodeBySteps(rec, ev)
	}
	if schema.IsFramed(rec.Value) {
		return Framed
	}
	f := fieldsOf(rec)
	refused := d.findUsers(&f, ev)
	if !refused.Delivers() {
		return refused
	}
	refused |= d.findSubject(&f, ev)
	if ev.Tombstone {
		ev.Name, ev.Data = deleted, deletion(ev.Subject, ev.Key, "")
		return refused
	}
	return refused | d.findName(&f, ev)
}

// deleted is the name of an event that says that something is gone.
const deleted = "delete"

// findSubject fills ev.Subject. A tombstone has no value to find it in.
func (d *Decoder) findSubject(f *fields, ev *stream.Event) Refusal {
	if d.subject.IsZero() || f.value.raw == nil && d.subject.UsesValue() {
		return 0
	}
	subject := d.subject.one(f)
	if len(subject) == 0 {
		return NoSubject
	}
	ev.Subject = subject
	return 0
}

// findName fills ev.Name.
func (d *Decoder) findName(f *fields, ev *stream.Event) Refusal {
	if d.event.IsZero() {
		return 0
	}
	found := d.event.one(f)
	if len(found) == 0 {
		return 0
	}
	name, ok := d.names.of(found)
	if !ok {
		return EventNameRefused
	}
	ev.Name = name
	return 0
}
