package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"sync"
	"time"

	"sluice/stream"
	"sluice/stream/sse"
)

// outcomeSnapshot says that a stream begins with the state, and goes on from where that
// is true.
const outcomeSnapshot stream.Outcome = "snapshot"

// errSnapshot is for a snapshot parameter that can't be meant.
var errSnapshot = errors.New("The snapshot parameter is 1 or absent, and can't be combined with from.")

func wantsSnapshot(query url.Values) (bool, error) {
	switch value := query.Get("snapshot"); {
	case value == "":
		return false, nil
	case value == "1" && query.Get("from") == "":
		return true, nil
	}
	return false, errSnapshot
}

// snapshotTries is how often a topic may be created anew between a state and the stream
// that begins with it.
const snapshotTries = 3

// begin opens a request's subscription. Where a snapshot was asked for and the request
// doesn't resume, or can't without a reset, the stream begins with the state. The caller
// releases the state. None of its events has an id. A client that is cut off before the
// last of them comes back without their position, and starts over.
func (s *Server) begin(ctx context.Context, a *admission, callers [2]uint64) (stream.Sub, stream.Opening, *heldState, error) {
	var told []stream.Reset
	if !a.snapshot || a.request.Cursor != "" {
		sub, opening, err := s.open(ctx, a.request)
		if err != nil || !a.snapshot || opening.Outcome != stream.OutcomeReset {
			return sub, opening, nil, err
		}
		sub.Close()
		told = opening.Resets
		told[len(told)-1].ID = ""
	}
	for range snapshotTries {
		state, err := s.holdState(ctx, a, callers)
		if err != nil {
			return stream.Sub{}, stream.Opening{}, nil, err
		}
		a.request.Cursor = state.Cursor
		sub, opening, err := s.open(ctx, a.request)
		if err == nil && opening.Outcome != stream.OutcomeReset {
			opening.Outcome, opening.Resets = outcomeSnapshot, told
			return sub, opening, state, nil
		}
		state.release()
		if err != nil {
			return stream.Sub{}, stream.Opening{}, nil, err
		}
		sub.Close()
	}
	return stream.Sub{}, stream.Opening{}, nil, stream.ErrNotWarm
}

// appendSnapshotHead appends what a page needs to know of a state that comes as events:
// that it begins (anew), and how far it reaches. Its id is a note only, if there is one:
// there is no position yet.
func appendSnapshotHead(dst []byte, note string, state *heldState) []byte {
	data, err := json.Marshal(struct {
		reach
		Subjects int `json:"subjects"`
	}{reachOf(&state.State), state.count()})
	if err != nil {
		panic(err) // times and numbers
	}
	return sse.AppendEvent(dst, note, "sluice.snapshot", data)
}

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
