package server

import (
	"bytes"
	"sync"

	"sluice/server/ws"
	"sluice/stream"
	"sluice/stream/sse"
)

// messageWriter turns server-sent events, as a session writes them, into messages of a
// WebSocket: {"id":"…","stream":"orders","event":"…","data":{…}}. All of a message but
// its id is the same for every connection. It remembers the last of these, since those
// who follow are sent the same events one after another.
type messageWriter struct {
	known [knownMessages]knownMessage
	next  int
}

const (
	knownMessages    = 16
	maxKnownMessage  = 64 << 10 // bytes; a longer one is made for each connection
	idField          = "id: "
	messageTextStart = `{"id":"`
	eventField       = `"event":"`
	dataField        = `","data":`
)

// knownMessage is what follows the id in the message of a frame.
type knownMessage struct{ frame, tail []byte }

var messageWriters = sync.Pool{New: func() any { return new(messageWriter) }}

// write appends the messages of all events in a batch.
func (m *messageWriter) write(out, in *stream.Batch, specs []stream.Spec) {
	var id []byte
	origins := in.Origins
	for i, buf := range in.Bufs {
		switch {
		case len(origins) > 0 && origins[0].Buf == i:
			writeMessage(out, id, m.tail(specs[origins[0].Stream].Name, buf))
			origins, id = origins[1:], nil
		case bytes.HasPrefix(buf, []byte(idField)) && bytes.IndexByte(buf, '\n') == len(buf)-1:
			id = buf[len(idField) : len(buf)-1]
		default:
			writeOwn(out, id, buf)
			id = nil
		}
	}
	out.Events += in.Events
}

// tail is what follows the id in the message of a record's event.
func (m *messageWriter) tail(name string, frame []byte) []byte {
	for i := range m.known {
		if k := &m.known[i]; len(k.frame) == len(frame) && &k.frame[0] == &frame[0] { // frames never change
			return k.tail
		}
	}
	_, event, data, _, _ := sse.Cut(frame)
	tail := append(append([]byte(`"stream":"`), name...), '"') // needs no escape
	tail = append(appendEvent(tail, jsonBody{}, event, data), '}')
	if len(tail) <= maxKnownMessage {
		m.known[m.next] = knownMessage{frame, tail}
		m.next = (m.next + 1) % knownMessages
	}
	return tail
}

// writeOwn appends the messages of the gateway's own events. The first may have its id in
// front of it. Heartbeats are among them, which every connection gets all the time: so it
// allocates nothing.
func writeOwn(out *stream.Batch, first, events []byte) {
	for {
		id, name, data, rest, ok := sse.Cut(events)
		if !ok {
			return
		}
		if len(name) > 0 { // else it only sets the reconnection time
			if len(first) > 0 {
				id = first
			}
			out.Compose(func(dst []byte) []byte {
				dst = appendMessageStart(dst, id, len(eventField)+len(name)+len(dataField)+len(data)+len("}"))
				dst = append(append(append(dst, eventField...), name...), dataField...)
				return append(append(dst, data...), '}')
			})
		}
		first, events = nil, rest
	}
}

// writeMessage appends one message, under an id if it has one.
func writeMessage(out *stream.Batch, id, tail []byte) {
	out.Compose(func(dst []byte) []byte { return appendMessageStart(dst, id, len(tail)) })
	out.Append(tail)
}

// appendMessageStart appends what stands before a tail of n bytes: the frame's header,
// and the id if there is one. An id needs no escape.
func appendMessageStart(dst, id []byte, n int) []byte {
	if len(id) == 0 {
		return append(ws.AppendHeader(dst, ws.Text, 1+n), '{')
	}
	dst = ws.AppendHeader(dst, ws.Text, len(messageTextStart)+len(id)+len(`",`)+n)
	return append(append(append(dst, messageTextStart...), id...), `",`...)
}
