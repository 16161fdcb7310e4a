//go:build linux

package peers

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"sluice/cmd/sluice-bench/internal/load"
)

const (
	netHTTPName  = "nethttp"
	netHTTPBeats = "nethttp-beats"
)

// netHTTPPeer is what everyone writes first: a handler and a channel a client.
// It is also the bare handler that h2c and TLS are compared with. It writes
// nothing to a client without events.
var netHTTPPeer = Peer{
	Name: netHTTPName, About: "net/http, a channel for each client, a flush for each event",
	protos: []string{load.HTTPS, load.H2C},
	Start: func(ctx context.Context, env Env, sh Shape) (*Target, error) {
		return startLibrary(ctx, env, sh, netHTTPName)
	},
}

// netHTTPBeatsPeer is the bare handler with what no stream behind a proxy can do
// without, and sluice's has, too: a first line, and one in each heartbeat. The
// first byte a handler writes is what has net/http use the stream's buffer.
var netHTTPBeatsPeer = Peer{
	Name: netHTTPBeats, About: "the same, with a comment at the start and each --heartbeat",
	protos: []string{load.HTTPS, load.H2C},
	Start: func(ctx context.Context, env Env, sh Shape) (*Target, error) {
		return startLibrary(ctx, env, sh, netHTTPBeats, env.Heartbeat.String())
	},
}

func runNetHTTPBeats(ctx context.Context, args []string) error {
	heartbeat, err := time.ParseDuration(args[0])
	if err != nil {
		return err
	}
	h := naiveHub{users: map[string]map[chan []byte]bool{}, heartbeat: heartbeat}
	return runLibraryServer(ctx, args[1:], libraryHandler(&h, h.publish))
}

func runNetHTTP(ctx context.Context, args []string) error {
	h := naiveHub{users: map[string]map[chan []byte]bool{}}
	return runLibraryServer(ctx, args, libraryHandler(&h, h.publish))
}

type naiveHub struct {
	heartbeat time.Duration // 0: none

	mu    sync.RWMutex // guards users
	users map[string]map[chan []byte]bool
}

func (h *naiveHub) publish(user string, data []byte) error {
	frame := fmt.Appendf(nil, "data: %s\n\n", data)
	h.mu.RLock()
	defer h.mu.RUnlock()
	for client := range h.users[user] {
		client <- frame // waits for the slowest: nothing may be lost
	}
	return nil
}

func (h *naiveHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, client := r.URL.Query().Get("user"), make(chan []byte, 16)
	h.set(user, client, true)
	defer h.leave(user, client)
	f := w.(http.Flusher) // net/http's own
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	var beats <-chan time.Time
	frame := []byte(nil)
	if h.heartbeat > 0 {
		t := time.NewTicker(h.heartbeat)
		defer t.Stop()
		beats, frame = t.C, beat
	}
	for {
		if _, err := w.Write(frame); err != nil {
			return
		}
		f.Flush()
		select {
		case frame = <-client:
		case <-beats:
			frame = beat
		case <-r.Context().Done():
			return
		}
	}
}

var beat = []byte(":\n\n")

func (h *naiveHub) set(user string, client chan []byte, in bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.users[user] == nil {
		h.users[user] = map[chan []byte]bool{}
	}
	if in {
		h.users[user][client] = true
	} else {
		delete(h.users[user], client)
	}
}

// leave drains the channel while it takes the client off: publish may be
// waiting on it, with the lock that taking off needs.
func (h *naiveHub) leave(user string, client chan []byte) {
	left := make(chan struct{})
	go func() {
		h.set(user, client, false)
		close(left)
	}()
	for {
		select {
		case <-client:
		case <-left:
			return
		}
	}
}
