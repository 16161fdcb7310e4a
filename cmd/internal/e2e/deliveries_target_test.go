package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

const webhookSecret = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// delivered is a record of a run of deliveries: the nth of its key.
type delivered struct {
	Key string `json:"key"`
	N   int    `json:"n"`
}

// hardTarget is a target that fails in every way, and holds what it takes against what
// is promised.
type hardTarget struct {
	t *testing.T
	*httptest.Server
	ended chan struct{} // closed with the test: who hangs goes on

	mu     sync.Mutex
	random *rand.Rand
	well   bool // takes all
	down   bool
	ids    map[string]delivered // by webhook-id
	names  map[delivered]string // the other way round
	newest map[string]int       // by key, the newest first arrival
	last   int                  // first arrivals so far
	again  int                  // repeats
}

func newHardTarget(t *testing.T, random *rand.Rand) *hardTarget {
	h := &hardTarget{t: t, random: random, ended: make(chan struct{}), ids: make(map[string]delivered), names: make(map[delivered]string), newest: make(map[string]int)}
	h.Server = httptest.NewServer(h)
	t.Cleanup(func() { close(h.ended); h.CloseClientConnections(); h.Close() })
	return h
}

// isRefused reports whether the target never takes a record, while it isn't well.
func isRefused(d delivered) bool { return d.N%29 == 7 }

// ServeHTTP implements http.Handler.
func (h *hardTarget) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var d delivered
	if err != nil || json.Unmarshal(body, &d) != nil {
		return // it was cut off
	}
	h.verify(r.Header, body)
	switch choice := h.choose(d); choice {
	case "take":
		h.take(r.Header.Get("webhook-id"), d)
		w.WriteHeader(http.StatusNoContent)
	case "take and reset":
		h.take(r.Header.Get("webhook-id"), d)
		reset(w)
	case "reset":
		reset(w)
	case "hang":
		select {
		case <-time.After(5 * time.Second):
		case <-r.Context().Done():
		case <-h.ended:
		}
	case "429":
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
	case "410":
		w.WriteHeader(http.StatusGone)
	case "422":
		w.WriteHeader(http.StatusUnprocessableEntity)
	default:
		w.WriteHeader(http.StatusInternalServerError)
	}
}

func reset(w http.ResponseWriter) {
	if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
		_ = c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
}

// choose draws what happens to a request: one in five fails.
func (h *hardTarget) choose(d delivered) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch n := h.random.IntN(1000); {
	case h.well, n >= 200 && !h.down && !isRefused(d):
		return "take"
	case h.down && n%2 == 0:
		return "reset"
	case h.down:
		return "500"
	case n < 2:
		return "410"
	case isRefused(d) && n >= 200:
		return "422"
	case n < 5:
		return "hang"
	case n < 50 && !isRefused(d):
		return "take and reset"
	case n < 100:
		return "429"
	case n < 130:
		return "reset"
	}
	return "500"
}

// take notes an arrival.
func (h *hardTarget) take(id string, d delivered) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if known, ok := h.ids[id]; ok {
		if h.again++; known != d {
			h.t.Errorf("the id %s is of %v and of %v", id, known, d)
		}
		return
	}
	if other, ok := h.names[d]; ok {
		h.t.Errorf("%v came as %s and as %s", d, other, id)
	}
	h.ids[id], h.names[d] = d, id
	h.last++
	if newest := h.newest[d.Key]; !h.well && d.N <= newest {
		h.t.Errorf("record %d of key %s came after %d", d.N, d.Key, newest)
	}
	h.newest[d.Key] = max(h.newest[d.Key], d.N)
}

func (h *hardTarget) set(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
}

// arrived is how many records have come.
func (h *hardTarget) arrived() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.ids)
}

func (h *hardTarget) verify(header http.Header, body []byte) {
	key, _ := base64.StdEncoding.DecodeString(webhookSecret)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(header.Get("webhook-id") + "." + header.Get("webhook-timestamp") + "."))
	mac.Write(body)
	if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); !strings.Contains(header.Get("webhook-signature"), want) {
		h.t.Errorf("%s is signed %q, want %q", header.Get("webhook-id"), header.Get("webhook-signature"), want)
	}
}
