package shape

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"time"
	"unsafe"

	"sluice/broker/document"
)

// Style is how an envelope looks.
type Style string

// The styles there are.
const (
	Bare        Style = "none" // data as it is
	Metadata    Style = "metadata"
	CloudEvents Style = "cloudevents" // 1.0, structured
)

// Envelope is what a stream's data is put into.
type Envelope struct {
	Style   Style
	Stream  string
	Topic   string
	Headers []string // those that metadata shows
	ID      RecordID
}

// RecordID makes a record's id, which is the same everywhere. With a key it is a keyed
// hash, so that it doesn't tell how many records there are.
type RecordID struct{ Key []byte }

// Sealed reports whether ids keep offsets to themselves.
func (r RecordID) Sealed() bool { return len(r.Key) > 0 }

// Append appends a record's id.
func (r RecordID) Append(dst []byte, topic string, partition int32, offset int64) []byte {
	start := len(dst)
	dst = append(append(dst, topic...), '/')
	dst = append(strconv.AppendInt(dst, int64(partition), 10), '/')
	dst = strconv.AppendInt(dst, offset, 10)
	if !r.Sealed() {
		return dst
	}
	h := hmac.New(sha256.New, r.Key)
	h.Write(dst[start:])
	return base64.RawURLEncoding.AppendEncode(dst[:start], h.Sum(nil)[:16])
}

// Contents is a record as an envelope shows it.
type Contents struct {
	Key       []byte // its text; nil: none
	Header    func(name string) []byte
	Time      time.Time
	Partition int32
	Offset    int64
	Subject   []byte
	Name      string // the event's; "" unnamed
	Data      []byte
	IsJSON    bool // Data is
}

// Append appends a record in its envelope.
func (e *Envelope) Append(dst []byte, c *Contents) []byte {
	if e.Style == CloudEvents {
		return e.cloudEvent(dst, c)
	}
	w := objectWriter{append(dst, '{')}
	if w.name("key"); c.Key == nil {
		w.out = append(w.out, "null"...)
	} else {
		w.text(c.Key)
	}
	if len(e.Headers) > 0 {
		w.name("headers")
		inner := objectWriter{append(w.out, '{')}
		for _, name := range e.Headers {
			if value := c.Header(name); value != nil {
				inner.name(name)
				inner.text(value)
			}
		}
		w.out = append(inner.out, '}')
	}
	w.name("timestamp")
	w.time(c.Time)
	if !e.ID.Sealed() {
		w.name("topic")
		w.text(bytesOf(e.Topic))
		w.name("partition")
		w.out = strconv.AppendInt(w.out, int64(c.Partition), 10)
		w.name("offset")
		w.out = strconv.AppendInt(w.out, c.Offset, 10)
	}
	if c.IsJSON {
		w.name("data")
		w.out = append(w.out, c.Data...)
	} else {
		w.name("text")
		w.text(c.Data)
	}
	return append(w.out, '}')
}

func (e *Envelope) cloudEvent(dst []byte, c *Contents) []byte {
	w := objectWriter{append(dst, '{')}
	w.name("specversion")
	w.text([]byte("1.0"))
	w.name("id")
	w.out = append(e.ID.Append(append(w.out, '"'), e.Topic, c.Partition, c.Offset), '"') // a topic's name needs no escape
	w.name("source")
	w.text(bytesOf("/streams/" + e.Stream))
	w.name("type")
	if c.Name != "" {
		w.text(bytesOf(c.Name))
	} else {
		w.text(bytesOf(e.Stream)) // it must have one
	}
	if len(c.Subject) > 0 {
		w.name("subject")
		w.text(c.Subject)
	}
	w.name("time")
	w.time(c.Time)
	w.name("datacontenttype")
	if c.IsJSON {
		w.text([]byte("application/json"))
		w.name("data")
		w.out = append(w.out, c.Data...)
	} else {
		w.text([]byte("text/plain"))
		w.name("data")
		w.text(c.Data)
	}
	return append(w.out, '}')
}

// objectWriter writes the members of an object.
type objectWriter struct{ out []byte }

func (w *objectWriter) name(name string) {
	if w.out[len(w.out)-1] != '{' {
		w.out = append(w.out, ',')
	}
	w.out = append(document.AppendString(w.out, bytesOf(name)), ':')
}

func (w *objectWriter) text(s []byte) { w.out = document.AppendString(w.out, s) }

// time writes a record's timestamp. One that no calendar has, which a producer may
// write, is shown as the nearest that one has.
func (w *objectWriter) time(t time.Time) {
	w.out = append(Time(t).AppendFormat(append(w.out, '"'), "2006-01-02T15:04:05.000Z"), '"')
}

// Time is the time that is shown of a record.
func Time(t time.Time) time.Time {
	return time.UnixMilli(min(max(t.UnixMilli(), 0), lastMilli)).UTC()
}

// lastMilli is the end of the year 9999.
const lastMilli = 253402300799999

func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
