package server

import (
	"context"
	"time"

	"sluice/server/limit"
	"sluice/stream"
)

// heldState is a state that a client is being sent.
type heldState struct {
	stream.State
	budget  *limit.StateBudget
	callers [2]uint64
	held    []*stream.StatePart
}

// release gives back what the state holds.
func (h *heldState) release() {
	for _, part := range h.held {
		h.budget.Release(part, h.callers)
	}
	h.held = nil
}

// count is how many events there are.
func (h *heldState) count() (n int) {
	for _, part := range h.Parts {
		n += len(part.Latest)
	}
	return n
}

// bytes is what it holds.
func (h *heldState) bytes() (n int64) {
	for _, part := range h.Parts {
		n += part.Bytes
	}
	return n
}

// overLimit is the error of a request that is beyond a limit.
type overLimit struct{ why string }

func (e overLimit) Error() string { return "server: beyond limits." + e.why }

// holdState takes the state that a request may see, to be released. It waits for its turn
// where much has to be looked at for it.
func (s *Server) holdState(ctx context.Context, a *admission, callers [2]uint64) (*heldState, error) {
	waiting := &openContext{request: ctx, stop: s.stop, limit: s.cfg.OpenTimeout}
	defer waiting.close()
	request := a.stateRequest()
	head, err := s.cfg.Hub.StateHead(request)
	if err != nil {
		return nil, err
	}
	if head.Look > stream.StateRun {
		caller := callers[1] // the address: an attacker may have many users
		if caller == 0 {
			caller = callers[0]
		}
		if err := s.stateTurns.Take(waiting, caller); err != nil {
			if s.stop.Err() == nil && ctx.Err() == nil {
				err = overLimit{limit.StateBytes}
			}
			return nil, err
		}
		defer s.stateTurns.Give()
	}
	held := &heldState{budget: s.stateBudget, callers: callers}
	held.State, err = s.cfg.Hub.ShareState(waiting, request, func(part *stream.StatePart) error {
		if !s.stateBudget.Acquire(part, callers) {
			s.snapshots.cutSlow(time.Now())
			if !s.stateBudget.Acquire(part, callers) {
				return overLimit{limit.StateBytes}
			}
		}
		held.held = append(held.held, part)
		return nil
	})
	if err != nil {
		held.release()
		if waiting.Err() != nil && s.stop.Err() == nil && ctx.Err() == nil { // others are first: it is to wait
			err = overLimit{limit.StateBytes}
		}
		return nil, err
	}
	return held, nil
}
