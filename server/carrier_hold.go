package server

import (
	"bytes"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"sluice/server/hold"
	"sluice/server/metrics"
	"sluice/server/ws"
	"sluice/stream"
)

// held carries sessions without a goroutine each: their connections are taken away from
// net/http and held by package hold.
type held struct {
	holder  *hold.Holder[heldSession]
	wakers  []stream.WakerID // by worker
	hub     *stream.Hub
	rules   *sessionRules
	lenders *lenders
	metrics *metrics.Metrics
	logger  *slog.Logger
	ending  atomic.Int64 // 1 + the spread over which all sessions end from now on; 0: they don't
	specs   []stream.Spec
	talks   conversations
}

// refusal is what a client is told that can't be held.
func (h *held) refusal(k *heldSession) []byte {
	h.metrics.Unavailable(overloaded)
	if k.messages {
		return bytes.Join(lastMessages(overloaded, h.rules.retry(), ws.TryLater).Bufs, nil)
	}
	return appendUnavailable(nil, overloaded, h.rules.retry())
}

// overloaded: there are no descriptors left to hold a connection by.
const overloaded = "overloaded"

// heldSession is a session without pointers, as it stands in a slot.
type heldSession struct {
	sub uint64 // the subscription's key
	course
}

func newHeld(s *Server) (*held, error) {
	h := &held{hub: s.cfg.Hub, rules: &s.rules, lenders: &s.lenders, metrics: s.cfg.Metrics, logger: s.cfg.Logger, specs: s.cfg.Hub.Specs()}
	var err error
	h.holder, err = hold.New(hold.Config{WriteTimeout: s.cfg.WriteTimeout, UserTimeout: s.cfg.UserTimeout}, hold.Craft[heldSession]{
		Now:     func() int64 { return int64(h.rules.now()) },
		Fill:    h.fill,
		Due:     func(k *heldSession) int64 { return int64(k.due()) },
		Gone:    h.gone,
		Heard:   h.heard,
		Refusal: h.refusal,
		Wrote:   h.metrics.WroteAll,
	})
	if err != nil {
		return nil, err
	}
	for _, w := range h.holder.Wakers() {
		h.wakers = append(h.wakers, h.hub.AddWaker(w))
	}
	return h, nil
}

func (h *held) reserve() wakeTarget {
	p := h.holder.Reserve()
	return wakeTarget{waker: h.wakers[p.Worker], token: p.Slot, slot: p}
}

func (h *held) kind() carrierKind { return byHolder }

func (h *held) release(p wakeTarget) { h.holder.Release(p.slot) }

func (h *held) carry(w http.ResponseWriter, r *http.Request, p wakeTarget, s session, opening []byte) {
	h.metrics.Opened(byHolder.String())
	setStreamHeader(w.Header(), r)
	k := heldSession{sub: s.sub.Key(), course: s.course}
	if err := h.holder.Adopt(p.slot, w, r, w.Header(), opening, k); err != nil {
		h.gone(&k, hold.Gone)
		h.release(p)
	}
}

// carryMessages implements messageCarrier.
func (h *held) carryMessages(w http.ResponseWriter, head []byte, p wakeTarget, s session, opening []byte, terms talkTerms) {
	h.metrics.Opened(byWebSocket.String())
	k := heldSession{sub: s.sub.Key(), course: s.course}
	k.messages = true
	h.talks.expect(k.sub, terms)
	if err := h.holder.AdoptTalking(p.slot, w, head, opening, k); err != nil {
		h.gone(&k, hold.Gone)
		h.release(p)
	}
}

// heard takes what the client of a WebSocket has sent. Its memory is there while
// something is half said, or counts against the limit of messages.
func (h *held) heard(k *heldSession, in []byte) (answers bool) {
	talk := h.talks.of(k.sub)
	return talk.hear(in) != nil || talk.isWaiting()
}

// fill is session.fill for a session in its slot. One that panics ends its own
// connection, and not the worker, which has thousands of others.
func (h *held) fill(k *heldSession, now int64, out *stream.Batch) (then hold.Verdict) {
	defer func() {
		if fault := recover(); fault != nil {
			panicked(h.logger, fault)
			out.Reset()
			k.why, then = gone, hold.End
		}
	}()
	h.hurry(now, k)
	s := session{h.hub.Sub(k.sub), k.course}
	var v verdict
	if k.messages {
		talk := h.talks.known(k.sub)
		v = talk.fill(&s, h.rules, h.specs, tick(now), out)
		if talk != nil && talk.isOver(time.Now()) {
			h.talks.leave(k.sub)
		}
	} else {
		v = s.fill(h.rules, tick(now), out)
	}
	k.course = s.course
	return [...]hold.Verdict{wait: hold.Wait, more: hold.More, end: hold.End}[v]
}

// hurry sets a session's end once all are to end.
func (h *held) hurry(now int64, k *heldSession) { k.course.hurry(h.rules, tick(now), h.ending.Load()) }

func (h *held) drain(spread tick) {
	h.ending.CompareAndSwap(0, 1+int64(spread))
	h.holder.Each(h.hurry)
}

func (h *held) stop() {
	h.ending.Store(1)
	h.holder.Each(h.hurry)
}

func (h *held) close() { h.holder.Close() }

func (h *held) gone(k *heldSession, why hold.Why) {
	ended := k.why
	switch why {
	case hold.Gone:
		ended = gone
	case hold.Slow:
		ended = slow
	}
	by := byHolder
	if k.messages {
		by = byWebSocket
		h.talks.forget(k.sub)
	}
	h.lenders.end(h.hub.Sub(k.sub), &k.lease, ended.String(), func() { h.metrics.Closed(by.String(), ended.String()) })
}
