package record

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/stream"
)

// Decoder makes events of a stream's records. Its methods must not be called
// concurrently. Use a [Decoder.Clone] in each goroutine.
type Decoder struct {
	audience stream.Audience
	user     Selector
	subject  Selector
	event    Selector
	maxBytes int
	names    eventNames
}

// NewDecoder makes a decoder. Its errors begin with the key of the stream's configuration
// that is wrong, such as "user: ".
func NewDecoder(rules Rules) (*Decoder, error) {
	d := &Decoder{audience: rules.Audience, maxBytes: rules.SizeLimit(), names: make(eventNames)}
	for _, sel := range []struct {
		key  string
		text string
		into *Selector
	}{
		{"user", rules.User, &d.user},
		{"subject", rules.Subject, &d.subject},
		{"event", rules.Event, &d.event},
	} {
		var err error
		if *sel.into, err = ParseSelector(sel.text); err != nil {
			return nil, fmt.Errorf("%s: %w", sel.key, err)
		}
	}
	if d.audience == stream.AudienceUser && d.user.IsZero() {
		return nil, fmt.Errorf("user: is missing; say whose event a record is (user: key), or audience: everyone")
	}
	return d, nil
}

// Clone returns another decoder with the same rules, for another goroutine.
func (d *Decoder) Clone() *Decoder {
	c := *d
	c.names = make(eventNames)
	return &c
}

// Decode makes ev of the record. It reuses the memory of ev.Users. The event refers to
// the record's bytes. If the refusal doesn't deliver, ev is no event, and only its
// position, timestamp and key may be used.
func (d *Decoder) Decode(rec *kgo.Record, ev *stream.Event) Refusal {
	ev.Partition, ev.Offset, ev.Timestamp = rec.Partition, rec.Offset, rec.Timestamp.UnixMilli()
	ev.Key, ev.Tombstone = rec.Key, rec.Value == nil
	ev.Users, ev.Subject, ev.Name, ev.Data = ev.Users[:0], nil, "", rec.Value
	if size(rec) > d.maxBytes {
		if len(rec.Key) > d.maxBytes {
			ev.Key = nil // a state would keep it
		}
		return RecordTooLarge
	}
	f := fieldsOf(rec)
	refused := d.findUsers(&f, ev)
	if !refused.Delivers() {
		return refused
	}
	refused |= d.findSubject(&f, ev)
	if ev.Tombstone {
		ev.Name, ev.Data = "delete", deletion(ev.Subject, ev.Key)
		return refused
	}
	return refused | d.findName(&f, ev)
}

// findSubject fills ev.Subject. A tombstone has no value to find it in.
func (d *Decoder) findSubject(f *fields, ev *stream.Event) Refusal {
	if d.subject.IsZero() || ev.Tombstone && d.subject.UsesValue() {
		return 0
	}
	subject, _ := d.subject.one(f)
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
	found, _ := d.event.one(f)
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
