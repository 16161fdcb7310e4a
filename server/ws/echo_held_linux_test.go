package ws

import (
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"sluice/server/hold"
	"sluice/stream"
)

// heldEcho is echo on connections that are held, each by its number.
type heldEcho struct {
	mu    sync.Mutex // guards talks
	talks map[uint64]*echoTalk
	begun time.Time
}

// echoTalk is one connection: what it says, and what it has not been sent back yet.
type echoTalk struct {
	r    Reader
	out  []byte
	over bool
}

func (h *heldEcho) of(n uint64) *echoTalk {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.talks[n] == nil {
		h.talks[n] = new(echoTalk)
	}
	return h.talks[n]
}

// hear takes what a client has sent.
func (h *heldEcho) hear(n *uint64, in []byte) bool {
	talk := h.of(*n)
	err := talk.r.Feed(in, func(op Opcode, payload []byte) error {
		switch op {
		case Ping:
			talk.out = AppendFrame(talk.out, Pong, payload)
		case Close:
			talk.out = AppendCloseReply(talk.out, payload)
		case Text, Binary:
			talk.out = AppendFrame(talk.out, op, payload)
		}
		return nil
	})
	if wrong := new(Error); errors.As(err, &wrong) {
		talk.out = AppendClose(talk.out, wrong.Code, wrong.Reason)
	}
	talk.over = talk.over || err != nil
	return true
}

func (h *heldEcho) fill(n *uint64, _ int64, out *stream.Batch) hold.Verdict {
	talk := h.of(*n)
	out.Append(talk.out)
	talk.out = nil
	if talk.over {
		return hold.End
	}
	return hold.Wait
}

func echoHeld(t *testing.T) *httptest.Server {
	h := &heldEcho{talks: make(map[uint64]*echoTalk), begun: time.Now()}
	holder, err := hold.New(hold.Config{WriteTimeout: time.Minute}, hold.Craft[uint64]{
		Now:  func() int64 { return time.Since(h.begun).Milliseconds() },
		Fill: h.fill, Heard: h.hear,
		Due:     func(*uint64) int64 { return math.MaxInt32 },
		Gone:    func(*uint64, hold.Why) {},
		Refusal: func(*uint64) []byte { return nil },
		Wrote:   func(int, int) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(holder.Close)
	var mu sync.Mutex
	var last uint64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shake, ok := Check(r)
		if !ok {
			w.WriteHeader(http.StatusUpgradeRequired)
			return
		}
		mu.Lock()
		last++
		n := last
		mu.Unlock()
		head := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + Accept(shake.Key) + "\r\n\r\n"
		p := holder.Reserve()
		if err := holder.AdoptTalking(p, w, []byte(head), nil, n); err != nil {
			holder.Release(p)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func TestCoderWebsocketOnHeldConnections(t *testing.T) { talkToEcho(t, echoHeld(t)) }

func TestAutobahnOnHeldConnections(t *testing.T) { fuzz(t, echoHeld(t)) }
