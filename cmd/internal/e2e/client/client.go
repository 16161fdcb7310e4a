// Package client is a page that a test steers. [Start] is an EventSource: it reads
// /events, and whenever the connection ends it comes back with the last id it was sent,
// which it never looks into. Every other connection takes gzip. [Poll] asks /state
// instead. [Mix] does the one or the other, or reads a WebSocket. All hand everything on;
// what it means is judged elsewhere.
//
// Files:
//   - client.go: the EventSource.
//   - poll.go: the polls.
//   - socket.go: the WebSockets.
package client

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"time"

	"sluice/stream/ssetest"
)

// reconnectDelay is how long a client waits before it comes back by itself. It is shorter
// than any `retry:` asks for, because a run has many reconnections to make.
const reconnectDelay = 200 * time.Millisecond

// Sink is told what a client sees. Its methods are called by the client's goroutine, one
// at a time.
type Sink interface {
	// Asked: a request has been written; nothing is known of an answer.
	Asked()
	// Event: the client was sent a whole event, its own or one of the gateway's (sluice.…).
	Event(ssetest.Event)
	// Refused: an answer that would have ended a browser's EventSource permanently, or that
	// a poll must not be given.
	Refused(error)
}

// transport makes a new connection for each request.
var transport = &http.Transport{DisableKeepAlives: true, DisableCompression: true}

// Client is one page.
type Client struct {
	sink Sink
	stop context.CancelFunc
	done chan struct{} // closed when the client's goroutine has ended

	// readUntilEnd reads from the gateway at base until that ends, and always returns an
	// error. It is the goroutine's own.
	readUntilEnd func(ctx context.Context, base string) error

	mu     sync.Mutex // guards the rest; a leaf lock
	base   string     // the gateway to go to, http://host:port
	hangUp context.CancelFunc
	back   chan struct{} // while away: closed by Return
	parked chan struct{} // while away: closed when the connection has ended
}

// Start starts an EventSource of the gateway at base. The query names its user and
// streams.
func Start(ctx context.Context, base string, query url.Values, sink Sink) *Client {
	return startClient(ctx, base, sink, (&eventSource{query: query, sink: sink}).readUntilEnd)
}

func startClient(ctx context.Context, base string, sink Sink, readUntilEnd func(context.Context, string) error) *Client {
	ctx, stop := context.WithCancel(ctx)
	c := &Client{sink: sink, stop: stop, done: make(chan struct{}), readUntilEnd: readUntilEnd, base: base, hangUp: func() {}}
	go c.run(ctx)
	return c
}

// Close ends the client. It waits until nothing more will be handed to the sink.
func (c *Client) Close() {
	c.stop()
	<-c.done
}

// Drop cuts the client's connection; it comes back at once.
func (c *Client) Drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hangUp()
}

// Go cuts the client's connection; it comes back at the gateway at base.
func (c *Client) Go(base string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.base = base
	c.hangUp()
}

// Leave cuts the client's connection, and it stays away until [Client.Return]. After
// Leave nothing is handed to the sink.
func (c *Client) Leave() {
	c.mu.Lock()
	if c.back == nil {
		c.back, c.parked = make(chan struct{}), make(chan struct{})
	}
	parked := c.parked
	c.hangUp()
	c.mu.Unlock()
	select {
	case <-parked:
	case <-c.done:
	}
}

// Return lets the client connect again after [Client.Leave].
func (c *Client) Return() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.back != nil {
		close(c.back)
		c.back, c.parked = nil, nil
	}
}

func (c *Client) run(ctx context.Context) {
	defer close(c.done)
	for ctx.Err() == nil {
		c.mu.Lock()
		if back := c.back; back != nil {
			select {
			case <-c.parked:
			default:
				close(c.parked)
			}
			c.mu.Unlock()
			select {
			case <-back:
			case <-ctx.Done():
			}
			continue
		}
		connection, hangUp := context.WithCancel(ctx)
		base := c.base
		c.hangUp = hangUp
		c.mu.Unlock()

		err := c.readUntilEnd(connection, base)
		if refusal := (*refusedError)(nil); errors.As(err, &refusal) {
			c.sink.Refused(err)
		}
		select {
		case <-connection.Done(): // cut by the test, which waits for the client's return
		case <-time.After(reconnectDelay):
		}
		hangUp()
	}
}

// refusedError is an answer that a browser would not come back from.
type refusedError struct{ answer string }

func (e *refusedError) Error() string { return "refused: " + e.answer }

// ask sends a request and says so once it has been written.
func ask(ctx context.Context, sink Sink, url string, header http.Header) (*http.Response, error) {
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest: func(info httptrace.WroteRequestInfo) {
			if info.Err == nil {
				sink.Asked()
			}
		},
	})
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	request.Header = header
	return transport.RoundTrip(request)
}

// eventSource is what a client of streams keeps between its connections.
type eventSource struct {
	query  url.Values
	sink   Sink
	lastID string
	zips   bool // the next connection asks for gzip; they take turns
}

// readUntilEnd makes one connection and hands on what comes, until it ends.
func (s *eventSource) readUntilEnd(ctx context.Context, base string) error {
	header := http.Header{"Accept": {"text/event-stream"}, "Cache-Control": {"no-cache"}}
	if s.lastID != "" {
		header.Set("Last-Event-ID", s.lastID)
	}
	if s.zips = !s.zips; s.zips {
		header.Set("Accept-Encoding", "gzip")
	}
	response, err := ask(ctx, s.sink, base+"/events?"+s.query.Encode(), header)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if response.StatusCode != http.StatusOK || kind != "text/event-stream" {
		body, _ := io.ReadAll(io.LimitReader(response.Body, 500)) // as much of it as comes
		return &refusedError{fmt.Sprintf("%s %s %s", response.Status, kind, strings.TrimSpace(string(body)))}
	}
	var body io.Reader = response.Body
	if response.Header.Get("Content-Encoding") == "gzip" {
		if body, err = gzip.NewReader(body); err != nil {
			return err
		}
	}
	events := ssetest.NewReader(body)
	for {
		event, err := events.Next()
		// An id counts from the end of its block on, whether or not the block held an event.
		if id := events.LastEventID(); id != "" {
			s.lastID = id
		}
		if err != nil {
			return err
		}
		s.sink.Event(event)
	}
}
