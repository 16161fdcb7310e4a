package broker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tidwall/gjson"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/stream"
)

const (
	maxUsers    = 100  // distinct users of one record
	maxUserSize = 1024 // bytes of a user
	maxNames    = 1024 // event names a decoder remembers
)

// Decoder makes a stream's events of records. What comes out depends on the
// record alone, so that all gateways agree. Its methods must not be called
// concurrently: use one for each goroutine ([Decoder.Clone]).
type Decoder struct {
	audience stream.Audience
	user     Selector
	subject  Selector
	event    Selector
	max      int // bytes of a record

	// names remembers what stream.EventName said of a name, so that a topic with
	// its handful of event names costs no allocation for each record.
	names map[string]eventName
}

type eventName struct {
	name string
	ok   bool
}

// NewDecoder makes a decoder of a stream's selectors. Its errors name the key.
func NewDecoder(s StreamConfig) (*Decoder, error) {
	d := &Decoder{audience: s.Audience, max: s.maxRecordBytes(), names: make(map[string]eventName)}
	for _, sel := range []struct {
		key  string
		text string
		into *Selector
	}{
		{"user", s.User, &d.user},
		{"subject", s.Subject, &d.subject},
		{"event", s.Event, &d.event},
	} {
		var err error
		if *sel.into, err = ParseSelector(sel.text); err != nil {
			return nil, fmt.Errorf("streams.%s.%s: %w", s.Name, sel.key, err)
		}
	}
	if d.audience == stream.AudienceUser && d.user.IsZero() {
		return nil, fmt.Errorf("streams.%s.user: is missing; say whose event a record is (user: key), or audience: everyone", s.Name)
	}
	return d, nil
}

// Clone returns another decoder for the same stream, for another goroutine.
func (d *Decoder) Clone() *Decoder {
	c := *d
	c.names = make(map[string]eventName)
	return &c
}

// Decode fills ev from the record, reusing the room of ev.Users; ev is good for
// as long as the record is. Where the refusal doesn't deliver, ev is not an
// event, and only its partition and offset may be used.
func (d *Decoder) Decode(rec *kgo.Record, ev *stream.Event) Refusal {
	ev.Partition, ev.Offset, ev.Timestamp = rec.Partition, rec.Offset, rec.Timestamp.UnixMilli()
	ev.Key, ev.Tombstone = rec.Key, rec.Value == nil
	ev.Users, ev.Subject, ev.Name, ev.Data = ev.Users[:0], nil, "", rec.Value
	if recordSize(rec) > d.max {
		if len(rec.Key) > d.max {
			ev.Key = nil // nor is it kept
		}
		return RecordTooLarge
	}
	var docs documents
	var refused Refusal

	if d.audience == stream.AudienceUser {
		if refused = d.users(rec, ev, &docs); !refused.Delivers() {
			return refused
		}
	}
	tombstone := rec.Value == nil
	if !d.subject.IsZero() && !(tombstone && d.subject.UsesValue()) {
		if ev.Subject, _ = d.subject.one(rec, &docs); len(ev.Subject) == 0 {
			ev.Subject, refused = nil, refused|NoSubject
		}
	}
	if tombstone {
		ev.Name, ev.Data = "delete", deletion(ev.Subject, rec.Key)
		return refused
	}
	if !d.event.IsZero() {
		if raw, _ := d.event.one(rec, &docs); len(raw) > 0 {
			if name := d.name(raw); name.ok {
				ev.Name = name.name
			} else {
				refused |= EventNameRefused
			}
		}
	}
	return refused
}

// recordSize is how much of a record is the producer's own, in bytes.
func recordSize(rec *kgo.Record) int {
	n := len(rec.Key) + len(rec.Value)
	for i := range rec.Headers {
		n += len(rec.Headers[i].Key) + len(rec.Headers[i].Value)
	}
	return n
}

// users fills ev.Users.
func (d *Decoder) users(rec *kgo.Record, ev *stream.Event, docs *documents) Refusal {
	if rec.Value == nil && d.user.UsesValue() {
		return TombstoneNoUser
	}
	if d.user.path == nil {
		user, _ := d.user.one(rec, docs)
		return addUser(ev, user)
	}
	doc, ok := docs.of(d.user.source, rec)
	if !ok {
		return BadJSON
	}
	found := d.user.path.find(doc)
	if !found.IsArray() {
		return addUser(ev, scalar(found))
	}
	return addUsers(ev, found)
}

func addUser(ev *stream.Event, user []byte) Refusal {
	switch {
	case len(user) == 0:
		return NoUser
	case len(user) > maxUserSize:
		return UserTooLong
	}
	ev.Users = append(ev.Users, user)
	return 0
}

// addUsers adds each distinct string and number of an array. Other elements
// name nobody.
func addUsers(ev *stream.Event, array gjson.Result) (refused Refusal) {
	array.ForEach(func(_, v gjson.Result) bool {
		user := scalar(v)
		switch {
		case len(user) == 0 || contains(ev.Users, user):
		case len(user) > maxUserSize:
			refused = UserLeftOut
		case len(ev.Users) == maxUsers:
			refused = TooManyUsers
			return false
		default:
			ev.Users = append(ev.Users, user)
		}
		return true
	})
	if len(ev.Users) == 0 {
		if refused == UserLeftOut {
			return UserTooLong
		}
		return NoUser
	}
	return refused
}

func contains(users [][]byte, user []byte) bool {
	for _, u := range users {
		if bytes.Equal(u, user) {
			return true
		}
	}
	return false
}

func (d *Decoder) name(raw []byte) eventName {
	if known, ok := d.names[string(raw)]; ok {
		return known
	}
	var n eventName
	n.name, n.ok = stream.EventName(raw)
	if len(d.names) < maxNames {
		d.names[string(raw)] = n
	}
	return n
}

// deletion is the data of a tombstone's event: subject and key as JSON strings, null where there
// is none. Bytes that are not UTF-8 become U+FFFD.
func deletion(subject, key []byte) []byte {
	var data struct {
		Subject *string `json:"subject"`
		Key     *string `json:"key"`
	}
	if subject != nil {
		data.Subject = new(strings.ToValidUTF8(string(subject), "\ufffd"))
	}
	if key != nil {
		data.Key = new(strings.ToValidUTF8(string(key), "\ufffd"))
	}
	text, _ := json.Marshal(data) // strings can't fail
	return text
}
