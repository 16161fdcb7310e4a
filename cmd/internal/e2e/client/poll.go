package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sluice/stream/ssetest"
)

// pollPause is how long a client rests between two polls that don't wait.
const pollPause = 100 * time.Millisecond

// PollSink is told what a client that polls sees.
type PollSink interface {
	Sink
	// Polled: a poll was answered, and all of the answer that the client took was handed on.
	Polled()
}

// Poll starts a client that reads by polls of the gateway at base. The query names its
// user and streams. It begins where a stream would begin. Each poll goes on at the cursor
// of the one before. wait is how long a poll may be kept waiting, as the query has it.
// Without it each is answered at once.
//
// Now and then it takes only the first events of an answer, as a page does that is closed
// meanwhile. It goes on at the id of the last that it took. random says when.
func Poll(ctx context.Context, base string, query url.Values, wait string, random *rand.Rand, sink PollSink) *Client {
	return startClient(ctx, base, sink, (&poller{query: query, wait: wait, random: random, sink: sink}).readUntilEnd)
}

// Mix starts a client that reads now by a stream, now by polls, as [Start] and [Poll] do,
// and now by a WebSocket. Whenever its connection has ended it chooses anew, and goes on
// at the position that it has.
func Mix(ctx context.Context, base string, query url.Values, wait string, random *rand.Rand, sink PollSink) *Client {
	s := &eventSource{query: query, sink: sink}
	p := &poller{query: query, wait: wait, random: random, sink: sink}
	w := &socketReader{query: query, sink: sink}
	at := ""
	return startClient(ctx, base, sink, func(ctx context.Context, base string) (err error) {
		s.lastID, p.cursor, w.lastID = at, at, at
		switch random.IntN(3) {
		case 0:
			err = s.readUntilEnd(ctx, base)
			at = s.lastID
		case 1:
			err = p.readUntilEnd(ctx, base)
			at = p.cursor
		case 2:
			err = w.readUntilEnd(ctx, base)
			at = w.lastID
		}
		return err
	})
}

// poller is what a client that polls keeps between its polls.
type poller struct {
	query  url.Values
	wait   string
	random *rand.Rand
	sink   PollSink
	cursor string
}

// readUntilEnd polls until that fails, or is cut.
func (p *poller) readUntilEnd(ctx context.Context, base string) error {
	if p.cursor == "" {
		if err := p.begin(ctx, base); err != nil {
			return err
		}
		p.sink.Polled()
	}
	for {
		if err := p.poll(ctx, base); err != nil {
			return err
		}
		p.sink.Polled()
		if p.wait != "" {
			continue
		}
		select {
		case <-time.After(pollPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// begin takes the id of a stream's hello for the first cursor.
func (p *poller) begin(ctx context.Context, base string) error {
	response, err := ask(ctx, p.sink, base+"/events?"+p.query.Encode(), http.Header{"Accept": {"text/event-stream"}})
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return &refusedError{response.Status}
	}
	for events := ssetest.NewReader(response.Body); p.cursor == ""; p.cursor = events.LastEventID() {
		if _, err := events.Next(); err != nil {
			return err
		}
	}
	return nil
}

// answer is what a poll is answered with.
type answer struct {
	Cursor string
	Events []struct {
		ID, Event string
		Data      json.RawMessage
		Text      *string
	}
}

// poll asks once, and hands on what it takes of the answer.
func (p *poller) poll(ctx context.Context, base string) error {
	query := maps.Clone(p.query)
	query.Set("cursor", p.cursor)
	if p.wait != "" {
		query.Set("wait", p.wait)
	}
	response, err := ask(ctx, p.sink, base+"/state?"+query.Encode(), http.Header{"Accept": {"application/json"}})
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode == http.StatusServiceUnavailable && response.Header.Get("Retry-After") != "" {
		return errors.New("to come back later: " + string(body))
	}
	if response.StatusCode != http.StatusOK {
		return &refusedError{fmt.Sprintf("%s %.500s", response.Status, body)}
	}
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return &refusedError{fmt.Sprintf("%v in %.500q", err, body)}
	}
	return p.take(a)
}

// take hands on an answer, or its first events.
func (p *poller) take(a answer) error {
	before, enough := p.cursor, len(a.Events)
	var wait error
	if enough > 1 && p.random.IntN(8) == 0 {
		enough = 1 + p.random.IntN(enough-1)
	}
	for i, e := range a.Events {
		switch {
		case e.ID == "":
			return &refusedError{fmt.Sprintf("a poll's event without an id: %+v", e)}
		case e.Event == "sluice.unavailable": // the last: what came before counts
			wait = errors.New("to come back later")
			continue
		}
		seen := ssetest.Event{ID: e.ID, HasID: true, Name: e.Event, Data: string(e.Data)}
		if e.Text != nil {
			seen.Data = *e.Text
		}
		if seen.Name == "" {
			seen.Name = "message"
		}
		p.sink.Event(seen)
		// A reset's id may be that of a position before the next one: what follows is told with
		// it.
		if i+1 >= enough && !strings.HasPrefix(e.Event, "sluice.") {
			p.cursor = e.ID
			if i+1 < len(a.Events) {
				return nil
			}
		}
	}
	if a.Cursor == "" {
		return &refusedError{"a poll's answer without a cursor"}
	}
	if len(a.Events) > 0 && a.Cursor == before {
		return &refusedError{fmt.Sprintf("a poll brought %d events and its own cursor again", len(a.Events))}
	}
	p.cursor = a.Cursor
	return wait
}
