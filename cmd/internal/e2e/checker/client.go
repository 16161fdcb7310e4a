package checker

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Client is one client's page in the books: what it was sent, over all its connections.
// It must be entered, and be connected, before the first event of its streams is
// produced.
type Client struct {
	checker *Checker
	label   string
	user    string
	streams []string

	// The rest is guarded by checker.mu.
	received  []Arrival
	arrived   map[Arrival]bool
	foreign   []string
	faults    []string
	told      []receivedReset
	compacted []string // streams of which superseded events may be missing
	polling   bool     // it reads by polls
}

// Arrival is one event of one stream, as it reaches a client.
type Arrival struct {
	Stream string
	Number int
}

func (a Arrival) String() string { return fmt.Sprintf("%s/%d", a.Stream, a.Number) }

// Client enters a client that reads as user.
func (c *Checker) Client(name, user string, streams ...string) *Client {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range streams {
		c.streamLocked(s)
	}
	client := &Client{checker: c, label: name, user: user, streams: streams, arrived: make(map[Arrival]bool)}
	c.clients = append(c.clients, client)
	return client
}

// Name is the client's name.
func (c *Client) Name() string { return c.label }

// Reads reports whether the client reads the stream.
func (c *Client) Reads(stream string) bool { return slices.Contains(c.streams, stream) }

// Event enters the data of an event that the client was sent.
func (c *Client) Event(data string) {
	defer c.checker.Changed()
	c.checker.mu.Lock()
	defer c.checker.mu.Unlock()
	var p Payload
	if err := json.Unmarshal([]byte(data), &p); err != nil {
		c.foreignLocked("%.100q, which is no event of ours", data)
		return
	}
	s := c.checker.streams[p.Stream]
	switch {
	case p.Run != c.checker.run:
		c.foreignLocked("%s/%d of run %s", p.Stream, p.Number, p.Run)
	case s == nil || p.Number < 0 || p.Number >= len(s.events):
		c.foreignLocked("%s/%d, which nobody produced", p.Stream, p.Number)
	case !c.Reads(p.Stream):
		c.foreignLocked("%s/%d of a stream it doesn't read", p.Stream, p.Number)
	case s.events[p.Number].Aborted:
		c.foreignLocked("%s/%d of a transaction that was not committed", p.Stream, p.Number)
	case !s.events[p.Number].meantFor(s, c.user):
		c.foreignLocked("%s/%d, which is %v's", p.Stream, p.Number, s.events[p.Number].Users)
	default:
		a := Arrival{p.Stream, p.Number}
		c.received = append(c.received, a)
		c.arrived[a] = true
	}
}

func (c *Client) foreignLocked(format string, args ...any) {
	c.foreign = append(c.foreign, fmt.Sprintf("%s was sent "+format, append([]any{c.label}, args...)...))
}

// Irregular enters something that no EventSource should meet: an answer that ends it
// permanently, an event without an id.
func (c *Client) Irregular(what string) {
	defer c.checker.Changed()
	c.checker.mu.Lock()
	defer c.checker.mu.Unlock()
	c.faults = append(c.faults, c.label+": "+what)
}

// ByPolls says that the client reads by polls. The verdict counts what they bring.
func (c *Client) ByPolls() {
	c.checker.mu.Lock()
	defer c.checker.mu.Unlock()
	c.polling = true
}

// Polls reports whether the client reads by polls.
func (c *Client) Polls() bool {
	c.checker.mu.Lock()
	defer c.checker.mu.Unlock()
	return c.polling
}

// Has reports whether the client has received the event.
func (c *Client) Has(a Arrival) bool {
	c.checker.mu.Lock()
	defer c.checker.mu.Unlock()
	return c.arrived[a]
}

// MayMissSuperseded says that the client has been away while the stream's topic was
// compacted, so that of the events with one key only the last needs to have reached it.
func (c *Client) MayMissSuperseded(stream string) {
	c.checker.mu.Lock()
	defer c.checker.mu.Unlock()
	c.compacted = append(c.compacted, stream)
}

// Newest returns the last event meant for the client that Kafka has acknowledged by now,
// for each stream and partition that it reads. When the client has these, it has caught
// up.
func (c *Client) Newest() (newest []Arrival) {
	c.checker.mu.Lock()
	defer c.checker.mu.Unlock()
	for _, name := range c.streams {
		s := c.checker.streams[name]
		user := c.user
		if s.everyone {
			user = ""
		}
		for _, number := range s.newest[user] {
			newest = append(newest, Arrival{name, number})
		}
	}
	return newest
}
