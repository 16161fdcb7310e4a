package server

import (
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"sluice/server/auth"
	"sluice/server/deprecation"
	"sluice/server/limit"
	"sluice/server/ws"
	"sluice/stream"
)

const (
	maxClientMessage = 4 << 10 // bytes
	maxFragments     = 64      // of a message
	maxFollows       = 16      // changes of the filter that wait
)

// clientMessages is how many messages a client may send.
var clientMessages = limit.Rate{N: 20, Per: time.Second}

// The codes of this gateway's own. The close reason is that of sluice.closing.
const (
	closeUnidentified ws.Code = 4401
	closeForbidden    ws.Code = 4403
	closeSlow         ws.Code = 4408
	closeEvicted      ws.Code = 4429
)

// closeCode is the code that a stream's end is said by.
func (r reason) closeCode() ws.Code {
	switch r {
	case maxAge:
		return ws.GoingAway
	case draining, dismissed, reload:
		return ws.Restart
	case expiring, revoked:
		return closeUnidentified
	case slow, lagged:
		return closeSlow
	case evicted:
		return closeEvicted
	}
	return ws.TryLater
}

// conversation is what the client of a WebSocket has said, and has not been answered yet.
// Its listener takes what arrives; its stream answers with the next write. The nil
// conversation is that of a client that has said nothing.
type conversation struct {
	talkTerms
	reader ws.Reader    // the listener's, as is bucket
	bucket limit.Bucket // of messages

	mu     sync.Mutex // guards the rest; a leaf
	said   said
	parted bool // the client has sent its close frame
}

// talkTerms are what a conversation depends on besides its subscription.
type talkTerms struct {
	caller     auth.Principal
	deprecated map[string]*deprecation.Notice // of the streams that it reads
}

func newConversation(terms talkTerms) *conversation {
	return &conversation{talkTerms: terms, reader: ws.Reader{Limit: maxClientMessage, Fragments: maxFragments}}
}

// hear takes what has arrived. Its error ends the connection: what comes after it is
// nobody's.
func (c *conversation) hear(in []byte) error {
	if c.isEnding() {
		return nil
	}
	err := c.reader.Feed(in, c.take)
	if err != nil {
		c.fail(err)
	}
	return err
}

// said is what waits for an answer.
type said struct {
	pings   int             // texts "ping"
	pinged  bool            // there was a ping frame
	ping    []byte          // the payload of the last one
	follows []stream.Filter // oldest first
	last    []byte          // the close frame that ends the connection; nil: it goes on
}

// take takes a client's message. Its error ends the connection.
func (c *conversation) take(op ws.Opcode, payload []byte) error {
	if op != ws.Close && !c.bucket.Take(clientMessages, time.Now()) {
		return &ws.Error{Code: ws.Policy, Reason: "too many messages"}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch op {
	case ws.Binary:
		return &ws.Error{Code: ws.Unsupported, Reason: "messages are text"}
	case ws.Ping:
		c.said.pinged, c.said.ping = true, append([]byte(nil), payload...) // the last is enough (RFC 6455, section 5.5.3)
	case ws.Close:
		c.parted, c.said.last = true, ws.AppendCloseReply(nil, payload)
	case ws.Text:
		if string(payload) == "ping" { // a page can't send ping frames
			c.said.pings++
			return nil
		}
		return c.follow(payload)
	}
	return nil
}

// follow reads {"follow":{"subjects":[…],"events":[…]}}. Any other text is ignored.
func (c *conversation) follow(text []byte) error {
	var message struct {
		Follow *struct{ Subjects, Events []string }
	}
	if json.Unmarshal(text, &message) != nil || message.Follow == nil {
		return nil //nolint:nilerr // another text is no error
	}
	f, _, refused := narrow(stream.NewFilter(message.Follow.Subjects, message.Follow.Events), c.caller)
	switch {
	case refused != nil && refused.Status == http.StatusForbidden:
		return &ws.Error{Code: closeForbidden, Reason: "subject"}
	case refused != nil:
		return &ws.Error{Code: ws.Policy, Reason: refused.Detail}
	case len(c.said.follows) == maxFollows:
		return &ws.Error{Code: ws.Policy, Reason: "too many messages"}
	}
	c.said.follows = append(c.said.follows, f)
	return nil
}

// fail has the connection end for what the client did.
func (c *conversation) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if wrong := new(ws.Error); c.said.last == nil && errors.As(err, &wrong) {
		c.said.last = ws.AppendClose(nil, wrong.Code, wrong.Reason)
	}
}

// fill appends the frames that are due now: answers, and what the session has.
func (c *conversation) fill(s *session, t *sessionRules, specs []stream.Spec, now tick, out *stream.Batch) verdict {
	events := batches.Get().(*stream.Batch)
	defer batches.Put(events)
	defer events.Reset()
	for _, opening := range out.Bufs {
		events.Append(opening)
	}
	out.Bufs, out.Bytes = out.Bufs[:0], 0

	heard := c.heard()
	if heard.last != nil {
		s.why = gone
		out.Append(heard.last)
		return end
	}
	heard.pong(out)
	again := c.refilter(s, t, specs, heard.follows, events)
	next := s.fill(t, now, events)
	messages := messageWriters.Get().(*messageWriter)
	messages.write(out, events, specs)
	messageWriters.Put(messages)
	if next == end {
		out.Append(ws.AppendClose(nil, s.why.closeCode(), s.why.String()))
	}
	if next == wait && again {
		return more
	}
	return next
}

// heard takes what the client has said since the last time.
func (c *conversation) heard() said {
	if c == nil {
		return said{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	heard := c.said
	c.said = said{last: heard.last}
	return heard
}

// pong answers pings.
func (h *said) pong(out *stream.Batch) {
	if h.pinged {
		out.Append(ws.AppendFrame(nil, ws.Pong, h.ping))
	}
	for range h.pings {
		out.Append(ws.AppendFrame(nil, ws.Text, []byte("pong")))
	}
}

// refilter changes the filter. again says that something has to be pulled first, or that
// the state is still being sent: those left over come with the next time.
func (c *conversation) refilter(s *session, t *sessionRules, specs []stream.Spec, follows []stream.Filter, events *stream.Batch) (again bool) {
	for len(follows) > 0 && !s.snapshot {
		id, ok := s.sub.SetFilter(follows[0])
		if !ok {
			again = true
			break
		}
		events.Append(c.hello(s, t, specs, id))
		follows = follows[1:]
	}
	if len(follows) > 0 {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.said.follows = append(follows, c.said.follows...)
	}
	return again
}

// hello is what answers another filter.
func (c *conversation) hello(s *session, t *sessionRules, specs []stream.Spec, id string) []byte {
	var names []string
	who, _ := s.sub.Describe()
	for _, i := range who.Streams {
		names = append(names, specs[i].Name)
	}
	return appendHello(nil, id, hello{stream.OutcomeLive, t.heartbeat, names, c.deprecated})
}

// isEnding reports whether the connection ends for something that the client has said.
func (c *conversation) isEnding() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.said.last != nil
}

// isWaiting reports whether something waits for an answer.
func (c *conversation) isWaiting() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.said.pings > 0 || c.said.pinged || c.said.last != nil || len(c.said.follows) > 0
}

// isOver reports whether a new conversation would do as well: nothing is half said, and
// the client may send as many messages as at the beginning.
func (c *conversation) isOver(now time.Time) bool {
	return !c.isWaiting() && c.reader.IsIdle() && c.bucket.IsEmpty(now)
}

// hasParted reports whether the client has closed its side.
func (c *conversation) hasParted() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.parted
}

// conversations are those of WebSockets that are held, by subscription. A client that
// says nothing has none.
type conversations struct {
	mu    sync.Mutex // guards the rest; a leaf
	open  map[uint64]*conversation
	terms map[uint64]talkTerms // of those with any
}

// expect notes the terms of a connection. Most have none that matter: then nothing is
// kept.
func (c *conversations) expect(key uint64, terms talkTerms) {
	if terms.caller.Subject == "" && terms.deprecated == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.terms == nil {
		c.terms = make(map[uint64]talkTerms)
	}
	c.terms[key] = terms
}

// of returns a connection's conversation, which may begin.
func (c *conversations) of(key uint64) *conversation {
	c.mu.Lock()
	defer c.mu.Unlock()
	talk := c.open[key]
	if talk == nil {
		if c.open == nil {
			c.open = make(map[uint64]*conversation)
		}
		talk = newConversation(c.terms[key])
		c.open[key] = talk
	}
	return talk
}

// known returns a connection's conversation; nil: there is none.
func (c *conversations) known(key uint64) *conversation {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open[key]
}

// leave ends a conversation that is over.
func (c *conversations) leave(key uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, key)
}

// forget forgets a connection.
func (c *conversations) forget(key uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, key)
	delete(c.terms, key)
}
