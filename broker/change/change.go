// Package change reads change data: what a database's log says of one row, as Debezium
// writes it.
package change

import (
	"errors"
	"time"

	"github.com/tidwall/gjson"

	"sluice/broker/document"
)

// Row is what happened to one row.
type Row struct {
	Before []byte    // as it was, in JSON; nil: it wasn't there, or isn't known
	After  []byte    // as it is; nil: it was deleted
	Time   time.Time // when the database changed it; zero: not said

	// Update says that the row was there before, whether or not Before is known.
	Update bool
}

// Deleted reports whether the row is gone.
func (r *Row) Deleted() bool { return r.After == nil }

// ErrNoRow says that a record is about no single row: a truncation, a message, a schema.
var ErrNoRow = errors.New("it says no change of a row")

var (
	errNoJSON   = errors.New("it isn't JSON, so it is no change of Debezium's")
	errNoChange = errors.New("it is no change of Debezium's: it has no op, or not the row that goes with it")
)

// Debezium reads the value of a record that Debezium wrote, with or without its schema.
func Debezium(value []byte) (Row, error) {
	doc, ok := document.Parse(value)
	if !ok {
		return Row{}, errNoJSON
	}
	doc = payload(doc)
	op := member(doc, "op")
	if op.Type != gjson.String {
		return Row{}, errNoChange
	}
	row := Row{Before: object(member(doc, "before")), After: object(member(doc, "after")), Time: changed(doc)}
	switch op.Str {
	case "c", "r": // created, read in a snapshot
		row.Before = nil
	case "u":
		row.Update = true
	case "d":
		row.Update, row.After = true, nil
		return row, nil
	case "t", "m":
		return Row{}, ErrNoRow
	default:
		return Row{}, errNoChange
	}
	if row.After == nil {
		return Row{}, errNoChange
	}
	return row, nil
}

// Key returns the row's key of a record's key, which may have its schema with it.
func Key(key []byte) []byte {
	doc, ok := document.Parse(key)
	if !ok || !doc.IsObject() {
		return key
	}
	return document.Raw(payload(doc))
}

// payload is what a JSON converter puts next to its schema, or the document itself.
func payload(doc gjson.Result) gjson.Result {
	inner, members := gjson.Result{}, 0
	doc.ForEach(func(key, value gjson.Result) bool {
		switch members++; key.Str {
		case "payload":
			inner = value
		case "schema":
		default:
			members = 3
		}
		return members < 3
	})
	if members == 2 && inner.Exists() {
		return inner
	}
	return doc
}

// member is a member of an object; of several of one name the last, as in JSON.parse.
func member(doc gjson.Result, name string) (found gjson.Result) {
	if doc.IsObject() {
		doc.ForEach(func(key, value gjson.Result) bool {
			if key.Str == name {
				found = value
			}
			return true
		})
	}
	return found
}

func object(v gjson.Result) []byte {
	if !v.IsObject() {
		return nil
	}
	return document.Raw(v)
}

// changed is when the database made the change, else when Debezium saw it.
func changed(doc gjson.Result) time.Time {
	for _, ms := range []gjson.Result{member(member(doc, "source"), "ts_ms"), member(doc, "ts_ms")} {
		if ms.Type == gjson.Number && ms.Int() > 0 {
			return time.UnixMilli(ms.Int())
		}
	}
	return time.Time{}
}
