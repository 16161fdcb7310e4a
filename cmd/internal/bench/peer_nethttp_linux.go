package bench

import (
	"context"
	"fmt"
	"net/http"
	"sync"
)

const netHTTPName = "nethttp"

// netHTTPPeer is what everyone writes first: a handler and a channel a client.
// It is also the bare handler that h2c and TLS are compared with.
var netHTTPPeer = peer{
	name: netHTTPName, about: "net/http, a channel for each client, a flush for each event",
	protos: []string{protoTLS, protoH2C},
	start: func(ctx context.Context, s *session, sh shape) (*target, error) {
		return startLibrary(ctx, s, sh, netHTTPName)
	},
}

func runNetHTTP(ctx context.Context, args []string) error {
	h := naiveHub{users: map[string]map[chan []byte]bool{}}
	return runLibraryServer(ctx, args, libraryHandler(&h, h.publish))
}

type naiveHub struct {
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
	f.Flush()
	for {
		select {
		case frame := <-client:
			if _, err := w.Write(frame); err != nil {
				return
			}
			f.Flush()
		case <-r.Context().Done():
			return
		}
	}
}

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
