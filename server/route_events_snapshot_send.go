package server

import (
	"sync"
	"time"

	"sluice/stream"
)

// snapshotSend is what is still to be sent of a state that a stream begins with.
type snapshotSend struct {
	state *heldState
	part  int // of state.Parts
	next  int // of its events
	hello []byte
	until time.Time // a client that hasn't taken all by then is closed
}

// snapshots has them by the key of their subscription. A session that waits has no
// pointers, and a snapshot is soon over.
type snapshots struct {
	mu   sync.Mutex // guards all, and what it points at; a leaf, but for the budget's lock
	sent map[uint64]*snapshotSend
}

func newSnapshots() *snapshots { return &snapshots{sent: make(map[uint64]*snapshotSend)} }

func (s *snapshots) put(sub stream.Sub, send *snapshotSend) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent[sub.Key()] = send
}

// drop forgets what a subscription was to be sent, if it was.
func (s *snapshots) drop(key uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if send := s.sent[key]; send != nil {
		delete(s.sent, key)
		send.state.release()
	}
}

// fill appends what comes next for a subscription, up to about maxBytes. done is true
// once hello was among it; cut where the client has taken too long.
func (s *snapshots) fill(key uint64, out *stream.Batch, maxBytes int) (done, cut bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	send := s.sent[key]
	if send == nil { // cutSlow was here
		return false, true
	}
	for send.part < len(send.state.Parts) {
		latest := send.state.Parts[send.part].Latest
		for ; send.next < len(latest); send.next++ {
			if out.Bytes >= maxBytes {
				return false, false
			}
			out.AppendFrame(latest[send.next].Stream, latest[send.next].Frame)
		}
		send.part, send.next = send.part+1, 0
	}
	out.Append(send.hello)
	delete(s.sent, key)
	send.state.release()
	return true, false
}

// cutSlow lets go of what is held for clients that have taken too long. Their streams end
// when they take something again, or nothing for WriteTimeout.
func (s *snapshots) cutSlow(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, send := range s.sent {
		if now.After(send.until) {
			delete(s.sent, key)
			send.state.release()
		}
	}
}
