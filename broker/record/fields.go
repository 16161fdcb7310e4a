package record

import (
	"github.com/tidwall/gjson"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/document"
)

// fields is what selectors find values in: a record's headers, key and value, once they
// are decoded.
type fields struct {
	headers    []kgo.RecordHeader
	key, value part
	keyText    []byte // what the selector key selects
}

// fieldsOf returns the fields of a record as they came.
func fieldsOf(rec *kgo.Record) fields {
	return fields{headers: rec.Headers, key: part{raw: rec.Key}, value: part{raw: rec.Value}, keyText: rec.Key}
}

// header returns the value of the last header with that name, as Headers.lastHeader of
// Kafka's own clients does. nil: there is none.
func (f *fields) header(name string) []byte {
	for i := len(f.headers) - 1; i >= 0; i-- {
		if f.headers[i].Key == name {
			return f.headers[i].Value
		}
	}
	return nil
}

// part is a key or a value. It is parsed as JSON when it is first asked for.
type part struct {
	raw    []byte // nil: there is none
	parsed bool
	isJSON bool
	root   gjson.Result
}

// notJSON is a part that is never looked into.
func notJSON(raw []byte) part { return part{raw: raw, parsed: true} }

// json returns the parsed document. ok: it is JSON.
func (p *part) json() (root gjson.Result, ok bool) {
	if !p.parsed {
		p.parsed = true
		p.root, p.isJSON = document.Parse(p.raw)
	}
	return p.root, p.isJSON
}
