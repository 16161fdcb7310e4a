// Package client is an EventSource that a test steers: it reads /events, and whenever the
// connection ends it comes back with the last id it was sent, which it never looks into. It
// parses by the standard and hands everything on; what it means is judged elsewhere.
package client

import (
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

// reconnectDelay is how long a client waits before it comes back by itself. It is shorter than any `retry:`
// asks for, because a run has many reconnections to make.
const reconnectDelay = 200 * time.Millisecond

// Sink is told what a client sees. Its methods are called by the client's goroutine, one at a time.
type Sink interface {
	// Asked: a request has been written; nothing is known of an answer.
	Asked()
	// Event: the client was sent a whole event, its own or one of the gateway's (sluice.…).
	Event(ssetest.Event)
	// Refused: an answer that would have ended a browser's EventSource for good.
	Refused(error)
}

// transport makes a connection of its own for each request.
var transport = &http.Transport{DisableKeepAlives: true, DisableCompression: true}

// Client is one EventSource.
type Client struct {
	query url.Values
	sink  Sink
	stop  context.CancelFunc
	done  chan struct{} // closed when the client's goroutine has ended

	lastID string // the goroutine's own

	mu     sync.Mutex // guards the rest; a leaf lock
	base   string     // the gateway to go to, http://host:port
	hangUp context.CancelFunc
	back   chan struct{} // while away: closed by Return
	parked chan struct{} // while away: closed when the connection has ended
}

// Start starts a client of the gateway at base. The query names its user and streams.
func Start(ctx context.Context, base string, query url.Values, sink Sink) *Client {
	ctx, stop := context.WithCancel(ctx)
	c := &Client{query: query, sink: sink, stop: stop, done: make(chan struct{}), base: base, hangUp: func() {}}
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

// Leave cuts the client's connection, and it stays away until [Client.Return]. After Leave nothing is handed
// to the sink.
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

		err := c.read(connection, base)
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

// read makes one connection and hands on what comes, until it ends. It always returns an error.
func (c *Client) read(ctx context.Context, base string) error {
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest: func(info httptrace.WroteRequestInfo) {
			if info.Err == nil {
				c.sink.Asked()
			}
		},
	})
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/events?"+c.query.Encode(), nil)
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "text/event-stream")
	request.Header.Set("Cache-Control", "no-cache")
	if c.lastID != "" {
		request.Header.Set("Last-Event-ID", c.lastID)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if response.StatusCode != http.StatusOK || kind != "text/event-stream" {
		body, _ := io.ReadAll(io.LimitReader(response.Body, 500)) // as much of it as comes
		return &refusedError{fmt.Sprintf("%s %s %s", response.Status, kind, strings.TrimSpace(string(body)))}
	}
	events := ssetest.NewReader(response.Body)
	for {
		event, err := events.Next()
		// An id counts from the end of its block on, whether or not the block held an event.
		if id := events.LastEventID(); id != "" {
			c.lastID = id
		}
		if err != nil {
			return err
		}
		c.sink.Event(event)
	}
}
