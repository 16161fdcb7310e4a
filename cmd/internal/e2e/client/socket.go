package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/url"

	"github.com/coder/websocket"

	"sluice/stream/ssetest"
)

// socketReader is what a client of WebSockets keeps between its connections.
type socketReader struct {
	query  url.Values
	sink   Sink
	lastID string
}

// readUntilEnd opens one WebSocket and hands on what comes, until it ends.
func (s *socketReader) readUntilEnd(ctx context.Context, base string) error {
	query := maps.Clone(s.query)
	if s.lastID != "" {
		query.Set("lastEventId", s.lastID)
	}
	conn, err := dial(ctx, s.sink, base+"/ws?"+query.Encode())
	if err != nil {
		return err
	}
	defer conn.CloseNow()
	conn.SetReadLimit(-1)
	for {
		_, text, err := conn.Read(ctx)
		if code := websocket.CloseStatus(err); code == 4401 || code == 4403 {
			return &refusedError{err.Error()}
		}
		if err != nil {
			return err
		}
		if err := s.take(text); err != nil {
			return err
		}
	}
}

// dial opens a WebSocket, and says so once its request has been written.
func dial(ctx context.Context, sink Sink, url string) (*websocket.Conn, error) {
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest: func(info httptrace.WroteRequestInfo) {
			if info.Err == nil {
				sink.Asked()
			}
		},
	})
	conn, response, err := websocket.Dial(traced, url, &websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}}) //nolint:bodyclose // the caller of Dial needs to close none
	switch {
	case err == nil:
		return conn, nil
	case response == nil:
		return nil, err
	case response.Header.Get("Retry-After") != "":
		return nil, errors.New("to come back later")
	}
	return nil, &refusedError{response.Status}
}

// take hands on one message.
func (s *socketReader) take(text []byte) error {
	var m struct {
		ID, Event string
		Data      json.RawMessage
		Text      *string
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return &refusedError{fmt.Sprintf("%v in %.500q", err, text)}
	}
	seen := ssetest.Event{ID: m.ID, HasID: m.ID != "", Name: m.Event, Data: string(m.Data)}
	if m.Text != nil {
		seen.Data = *m.Text
	}
	if seen.Name == "" {
		seen.Name = "message"
	}
	if m.ID != "" {
		s.lastID = m.ID
	}
	seen.ID = s.lastID
	s.sink.Event(seen)
	return nil
}
