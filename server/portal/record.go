package portal

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"time"
	"unicode/utf8"

	"sluice/server/auth"
)

// Record is what the topic of keys has: a key, a ticket, or the end of one. A record of a
// key is never changed. What ends a key is another record. So two gateways can write at
// once, and what is read of the compacted topic doesn't depend on which was first.
type Record struct {
	Version int    `json:"v"`
	Kind    string `json:"kind"`
	ID      string `json:"id"`

	// Of a key and of a ticket.
	Owner   string    `json:"owner,omitempty"`
	Name    string    `json:"name,omitempty"`
	Roles   []string  `json:"roles,omitempty"`   // those of its owner when it was made
	Streams []string  `json:"streams,omitempty"` // absent: not narrowed
	Created time.Time `json:"created,omitzero"`
	Expires time.Time `json:"expires,omitzero"`

	// Of a key.
	Hash     string    `json:"hash,omitempty"`
	Actions  []string  `json:"actions,omitempty"`
	Replaces string    `json:"replaces,omitempty"` // the id of the key that it was made in place of
	Until    time.Time `json:"until,omitzero"`     // how long that one is good still

	// Of an end.
	At time.Time `json:"at,omitzero"`
}

// Kinds of records.
const (
	KindKey     = "key"
	KindTicket  = "ticket"
	KindRevoked = "revoked" // of a key or a ticket
)

const (
	recordVersion = 1

	// MaxRecord bounds a record of the topic. What a user and some roles take is far less.
	MaxRecord = 32 << 10

	// MaxAge is the longest that a key may be good for.
	MaxAge = 366 * 24 * time.Hour

	maxName    = 64
	maxStreams = 64
	maxRoles   = 64
	maxText    = 256 // bytes of a role or of a stream's name

	// maxAhead is how far ahead of this gateway's clock another's may be.
	maxAhead = time.Hour
)

// validID is what rand.Text makes.
var validID = regexp.MustCompile(`^[A-Z2-7]{26}$`)

// validName is of what its owner calls a key: it is shown to operators, on terminals too.
var validName = regexp.MustCompile(`^[\pL\pN][\pL\pN ._@/+-]*$`)

// Actions are what a key may be used for.
var Actions = []string{auth.ActionRead, auth.ActionTickets, auth.ActionPublish}

// Key is the key of the record on the topic. A later record of it takes its place.
func (r *Record) Key() string { return r.Kind + ":" + r.ID }

// Marshal writes the record for the topic.
func (r *Record) Marshal() []byte {
	r.Version = recordVersion
	text, err := json.Marshal(r)
	if err != nil {
		panic(err) // strings and times of this century
	}
	return text
}

// ParseRecord reads a record of the topic, of which nothing is believed. A field that
// isn't known may narrow what a key is for, so a record with one is refused.
func ParseRecord(key string, text []byte, now time.Time) (r Record, err error) {
	if len(text) > MaxRecord {
		return r, fmt.Errorf("it has more than %d bytes", MaxRecord)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil { // its text may quote the record's
		return r, errors.New("it is no JSON of a key, or has a field that this release doesn't know")
	}
	if _, err := d.Token(); err != io.EOF {
		return r, errors.New("something follows after its JSON")
	}
	switch {
	case r.Version != recordVersion:
		return r, errors.New("it is of another version")
	case !validID.MatchString(r.ID):
		return r, errors.New("its id is none")
	case r.Key() != key:
		return r, errors.New("its key on the topic is another's")
	}
	switch r.Kind {
	case KindRevoked:
		if !sane(r.At) {
			return r, errors.New("its time is none")
		}
		return r, nil
	case KindKey:
		return r, cmp.Or(r.check(now), r.checkKey())
	case KindTicket:
		return r, r.check(now)
	}
	return r, errors.New("its kind is not known")
}

// check finds what is wrong with a key or a ticket.
func (r *Record) check(now time.Time) error {
	switch {
	case r.Owner == "" || len(r.Owner) > auth.MaxUser || !utf8.ValidString(r.Owner):
		return errors.New("its owner is missing or too long")
	case !IsName(r.Name):
		return errors.New("its name is none")
	case !sane(r.Created) || !sane(r.Expires) || !r.Expires.After(r.Created) || r.Expires.Sub(r.Created) > MaxAge:
		return errors.New("it is good for too long, or for no time")
	case r.Created.After(now.Add(maxAhead)):
		return errors.New("its time is yet to come")
	case r.Streams != nil && (len(r.Streams) == 0 || !bounded(r.Streams, maxStreams)):
		return errors.New("its streams are too many or too long")
	case !bounded(r.Roles, maxRoles):
		return errors.New("its roles are too many or too long")
	}
	return nil
}

// checkKey finds what is wrong with what only a key has.
func (r *Record) checkKey() error {
	if _, err := auth.ParseKeyHash(r.Hash); err != nil {
		return errors.New("its hash is none")
	}
	if len(r.Actions) == 0 || slices.ContainsFunc(r.Actions, func(a string) bool { return !slices.Contains(Actions, a) }) {
		return errors.New("its actions are none that this release knows")
	}
	if (r.Replaces == "") != r.Until.IsZero() || r.Replaces != "" && (!validID.MatchString(r.Replaces) || r.Replaces == r.ID || !sane(r.Until)) {
		return errors.New("what it replaces is no key")
	}
	return nil
}

// IsName reports whether a key may be called so.
func IsName(name string) bool {
	return len(name) <= maxName && utf8.ValidString(name) && validName.MatchString(name)
}

func bounded(texts []string, most int) bool {
	return len(texts) <= most && !slices.ContainsFunc(texts, func(s string) bool { return s == "" || len(s) > maxText || !utf8.ValidString(s) })
}

// sane reports whether JSON can write a time again.
func sane(t time.Time) bool { return t.Year() >= 1970 && t.Year() < 9999 }
