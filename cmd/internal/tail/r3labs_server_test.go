package tail

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/r3labs/sse/v2"
)

// These tests hold the first decision of ARCHITECTURE.md: r3labs/sse is our client and
// not our server. They state what its server does; when one fails, the library has
// changed and the decision wants another look.
//
// They run in synctest bubbles: r3labs' server waits on channels only, so "blocked for
// good" is a state that can be waited for, not a time limit.

// visitor is one connection to r3labs' server, without the network.
type visitor struct {
	header http.Header
	leave  context.CancelFunc
	gate   chan struct{} // each Write takes one; closed: the reader is as fast as it gets

	mu   sync.Mutex // guards the rest
	code int
	body strings.Builder
	gone bool // the server has ended the connection
}

func (v *visitor) Header() http.Header { return v.header }
func (v *visitor) Flush()              {}

func (v *visitor) WriteHeader(code int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.code = code
}

func (v *visitor) Write(p []byte) (int, error) {
	<-v.gate
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.body.Write(p)
}

// seen is what the visitor has got so far.
func (v *visitor) seen() (code int, body string, gone bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.code, v.body.String(), v.gone
}

// visit opens a connection to stream "orders". It ends before the bubble does.
func visit(t *testing.T, server *sse.Server, lastEventID string, slow bool) *visitor {
	ctx, cancel := context.WithCancel(t.Context())
	v := &visitor{header: make(http.Header), leave: cancel, gate: make(chan struct{})}
	if !slow {
		close(v.gate)
	}
	r := httptest.NewRequestWithContext(ctx, "GET", "/events?stream=orders", nil)
	if lastEventID != "" {
		r.Header.Set("Last-Event-ID", lastEventID)
	}
	go func() {
		server.ServeHTTP(v, r)
		v.mu.Lock()
		v.gone = true
		v.mu.Unlock()
		cancel() // as net/http does when a handler returns
	}()
	synctest.Wait()
	return v
}

// r3labs runs test in a bubble with a server that has stream "orders" and queues nothing
// before it.
func r3labs(t *testing.T, test func(t *testing.T, server *sse.Server)) {
	synctest.Test(t, func(t *testing.T) {
		server := sse.New()
		server.BufferSize = 0
		server.CreateStream("orders")
		test(t, server)
		synctest.Wait() // visitors that leave after Close would wait for ever
		server.Close()
	})
}

func TestR3labsServerLetsAPayloadForgeFields(t *testing.T) {
	r3labs(t, func(t *testing.T, server *sse.Server) {
		v := visit(t, server, "", false)
		defer v.leave()
		server.Publish("orders", &sse.Event{Data: []byte("hi\n\nid: 99\nevent: order.confirmed\ndata: forged")})
		synctest.Wait()
		_, body, _ := v.seen()
		if want := "id: 0\ndata: hi\n\nid: 99\nevent: order.confirmed\ndata: forged\n\n"; body != want {
			t.Errorf("the payload's newlines were framed as %q; they used to make a second event: %q", body, want)
		}
	})
}

func TestR3labsServerEndsAConnectionOnAnEmptyPayload(t *testing.T) {
	r3labs(t, func(t *testing.T, server *sse.Server) {
		v := visit(t, server, "", false)
		defer v.leave()
		server.Publish("orders", &sse.Event{Data: nil}) // a tombstone
		synctest.Wait()
		if _, body, gone := v.seen(); !gone || body != "" {
			t.Errorf("gone: %v after an empty payload, having seen %q; the connection used to end", gone, body)
		}
	})
}

func TestR3labsServerBlocksAStreamOnOneSlowReader(t *testing.T) {
	r3labs(t, func(t *testing.T, server *sse.Server) {
		slow := visit(t, server, "", true)
		fast := visit(t, server, "", false)
		defer fast.leave()
		defer slow.leave()

		const queue = 64 // what it holds for a subscriber, besides the event in Write
		published := 0   // written by the publisher alone, read when it is blocked or has ended
		go func() {
			for range 2 * queue {
				server.Publish("orders", &sse.Event{Data: []byte("x")})
				published++
			}
		}()
		synctest.Wait()
		_, body, _ := fast.seen()
		if got := strings.Count(body, "data: x"); got != queue+1 {
			t.Errorf("beside a reader that reads nothing, a fast one got %d of %d events; it used to be %d", got, 2*queue, queue+1)
		}
		if published != queue+2 {
			t.Errorf("%d of %d publications returned; it used to be %d: the publisher waits for the slowest", published, 2*queue, queue+2)
		}
		close(slow.gate)
		synctest.Wait()
		if _, body, _ := fast.seen(); strings.Count(body, "data: x") != 2*queue {
			t.Errorf("when the slow one reads again, the fast one has %d of %d events", strings.Count(body, "data: x"), 2*queue)
		}
	})
}

func TestR3labsServerTakesOnlyIntegersAsLastEventID(t *testing.T) {
	r3labs(t, func(t *testing.T, server *sse.Server) {
		v := visit(t, server, "orders@kZ3fQ1:1042.998.17", false)
		defer v.leave()
		if code, _, _ := v.seen(); code != http.StatusBadRequest {
			t.Errorf("a cursor was answered with %d; it used to be 400", code)
		}
	})
}

// Ids are places in a list that begins anew with the process and is never cut; the last
// event seen comes twice.
func TestR3labsServerReplaysTheLastEventSeen(t *testing.T) {
	r3labs(t, func(t *testing.T, server *sse.Server) {
		for _, data := range []string{"a", "b", "c"} {
			server.Publish("orders", &sse.Event{ID: []byte("ours"), Data: []byte(data)})
		}
		v := visit(t, server, "1", false)
		defer v.leave()
		if _, body, _ := v.seen(); body != "id: 1\ndata: b\n\nid: 2\ndata: c\n\n" {
			t.Errorf("after id 1 it sent %q; it used to send event 1 again", body)
		}
	})
}
