package webhook

import (
	"cmp"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"sluice/broker/deliver"
	"sluice/broker/shape"
)

// body is what is sent of a message.
type body struct {
	content     []byte
	contentType string
	header      http.Header
}

func (c Config) body(m *deliver.Message) body {
	b := body{content: m.Data, contentType: contentType(m), header: make(http.Header)}
	switch c.CloudEvents {
	case CloudEventsStructured:
		b.content, b.contentType = m.CloudEvent(c.IDs), "application/cloudevents+json; charset=utf-8"
	case CloudEventsBinary:
		setCloudEvent(b.header, m)
	}
	return b
}

func contentType(m *deliver.Message) string {
	switch {
	case m.IsJSON:
		return "application/json"
	case utf8.Valid(m.Data):
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}

// setCloudEvent sets the headers of CloudEvents' binary mode.
func setCloudEvent(h http.Header, m *deliver.Message) {
	set := func(name, value string) { h.Set("ce-"+name, headerText(value)) }
	set("specversion", "1.0")
	set("id", m.ID)
	set("source", "/streams/"+m.StreamName())
	set("type", cmp.Or(m.Name, m.StreamName()))
	if m.Subject != "" {
		set("subject", m.Subject)
	}
	set("time", shape.Time(m.Record.Timestamp).Format(time.RFC3339Nano))
}

// headerText escapes a value as CloudEvents' HTTP binding wants it (3.1.3.2).
func headerText(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c <= ' ' || c > '~' || c == '"' || c == '%':
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
