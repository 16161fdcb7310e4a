package broker

import (
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Selector says which part of a record is meant.
type Selector struct {
	source source
	header string // for fromHeader
	path   path   // for fromValue, and for fromKey where not nil
}

type source uint8

const (
	fromNothing source = iota
	fromKey
	fromHeader
	fromValue
)

// ParseSelector reads key, header:NAME, value:PATH or key:PATH. PATH is names and
// array indexes joined by dots, as in lines.0.sku. The empty string selects nothing.
func ParseSelector(s string) (Selector, error) {
	kind, rest, has := strings.Cut(s, ":")
	switch {
	case s == "":
		return Selector{}, nil
	case s == "key":
		return Selector{source: fromKey}, nil
	case kind == "header" && rest != "":
		return Selector{source: fromHeader, header: rest}, nil
	case kind == "header":
		return Selector{}, fmt.Errorf("%q names no header; write header:NAME", s)
	case kind == "value" || kind == "key":
		p, err := parsePath(rest)
		if err != nil {
			return Selector{}, fmt.Errorf("%q %w; write %s:PATH as in %s:customer.id", s, err, kind, kind)
		}
		if kind == "key" {
			return Selector{source: fromKey, path: p}, nil
		}
		return Selector{source: fromValue, path: p}, nil
	case has:
		return Selector{}, fmt.Errorf("%q: a record has no %q; use key, header:NAME, value:PATH or key:PATH", s, kind)
	}
	return Selector{}, fmt.Errorf("%q is not one of key, header:NAME, value:PATH, key:PATH", s)
}

// IsZero says that the selector selects nothing.
func (s Selector) IsZero() bool { return s.source == fromNothing }

// UsesValue says that the selector looks into a record's value, which a tombstone
// doesn't have.
func (s Selector) UsesValue() bool { return s.source == fromValue }

// one returns what s selects from a record as one scalar, nil when there is none. bad says
// that it had to look into JSON that isn't any. The bytes may be the record's own.
func (s Selector) one(rec *kgo.Record, docs *documents) (found []byte, bad bool) {
	switch {
	case s.source == fromHeader:
		return lastHeader(rec, s.header), false
	case s.source == fromKey && s.path == nil:
		return rec.Key, false
	case s.source == fromNothing:
		return nil, false
	}
	doc, ok := docs.of(s.source, rec)
	if !ok {
		return nil, true
	}
	return scalar(s.path.find(doc)), false
}

// lastHeader returns the value of the last header with that name, as
// Headers.lastHeader of Kafka's own clients does; nil when there is none.
func lastHeader(rec *kgo.Record, name string) []byte {
	for i := len(rec.Headers) - 1; i >= 0; i-- {
		if rec.Headers[i].Key == name {
			return rec.Headers[i].Value
		}
	}
	return nil
}
