package stream

import (
	"slices"
	"time"
)

// Sub is one subscription. It is a small value with one pointer, to the hub. The zero Sub
// is none. Its methods may be called concurrently with anything. But one goroutine at a
// time, its carrier, calls Pull and AppendID of one Sub.
type Sub struct {
	hub *Hub
	id  uint32
	gen uint32
}

// Key is the subscription as a number, for callers that keep many without pointers; see
// [Hub.Sub].
func (s Sub) Key() uint64 { return uint64(s.gen)<<32 | uint64(s.id) }

// Sub returns the subscription of a key, which need not be open any more.
func (h *Hub) Sub(key uint64) Sub { return Sub{hub: h, id: uint32(key), gen: uint32(key >> 32)} }

// Pulled says how a Pull ended.
type Pulled uint8

const (
	// Drained: that is all there is. The waker is told when there is more.
	Drained Pulled = iota
	// More: there is more, or more to look through; pull again.
	More
	// Lagged: the log evicted events this subscriber was not sent yet, some time ago. Or
	// they wait longer than Config.MaxLag. Close the connection, and it resumes from
	// Kafka by its last id. Or call Skip.
	Lagged
	// Unavailable: events older than memory are due, and Kafka doesn't answer.
	Unavailable
	// Closed: the subscription or the hub is closed.
	Closed
	// Ended: the subscription was ended by Sub.End or Hub.EndUser.
	Ended
	// Dismissed: it was ended by Sub.Dismiss.
	Dismissed
	// Evicted: it was ended by Hub.EvictOldest.
	Evicted
	// Withdrawn: a stream that it reads was taken out of service, by Hub.Withdraw.
	Withdrawn
	// Widened: a stream of Request.Absent can be read now. Close the connection: it comes
	// back for it.
	Widened
)

// Batch collects what a carrier writes to one connection.
type Batch struct {
	Bufs   [][]byte // in the order to be written; shared, never to be changed; valid until Reset
	Bytes  int      // of Bufs together
	Events int      // events among it

	// Origins says which of Bufs are frames of records, in their order. Before such a
	// frame may be a line with its id.
	Origins []Origin

	scratch []byte // id lines
}

// Origin says that Bufs[Buf] is the frame of an event of a stream.
type Origin struct{ Buf, Stream int }

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	clear(b.Bufs)
	b.Bufs, b.Bytes, b.Events, b.Origins, b.scratch = b.Bufs[:0], 0, 0, b.Origins[:0], b.scratch[:0]
}

// Append adds bytes of the caller's, such as an event of the gateway. They must not
// change until Reset.
func (b *Batch) Append(frame []byte) {
	b.Bufs = append(b.Bufs, frame)
	b.Bytes += len(frame)
}

// Compose appends bytes that write appends to the batch's memory. So bytes of one
// connection only cost no allocation.
func (b *Batch) Compose(write func(dst []byte) []byte) {
	start := len(b.scratch)
	b.scratch = write(b.scratch)
	b.Append(b.scratch[start:len(b.scratch):len(b.scratch)])
}

// add appends a frame under an id line that id writes.
func (b *Batch) add(body []byte, id func(dst []byte) []byte) {
	b.Compose(func(dst []byte) []byte { return append(id(append(dst, "id: "...)), '\n') })
	b.Append(body)
	b.Events++
}

// AppendFrame adds the frame of an event of a stream, without an id.
func (b *Batch) AppendFrame(stream int, frame []byte) {
	b.Append(frame)
	b.came(stream)
}

// came says of which stream the event is that has just been added.
func (b *Batch) came(stream int) {
	b.Origins = append(b.Origins, Origin{len(b.Bufs) - 1, stream})
}

// slot returns the subscriber's slot, nil if it is closed. The hub's lock is held.
func (s Sub) slot() *subSlot {
	if s.hub == nil || int(s.id/subChunk) >= len(s.hub.subs.chunks) { // an operator may name anything
		return nil
	}
	slot := s.hub.subs.at(s.id)
	if !slot.live || slot.gen != s.gen {
		return nil
	}
	return slot
}

// Close ends the subscription. It may be called more than once.
func (s Sub) Close() { s.CloseFor("") }

// CloseFor is Close with a reason, in a word, for the record of decisions.
func (s Sub) CloseFor(why string) {
	if s.hub == nil {
		return
	}
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	if s.slot() != nil {
		s.hub.unregister(s.id, why)
	}
}

// AppendID appends the position reached: everything for this subscriber before it has
// been pulled. It appends nothing when that is no longer known, since the log has evicted
// what was not pulled.
func (s Sub) AppendID(dst []byte) []byte {
	if s.hub == nil {
		return dst
	}
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if slot := s.slot(); slot != nil {
		return h.position(s.id, slot, dst)
	}
	return dst
}

// position appends the position that a subscriber has reached, if that is known.
func (h *Hub) position(id uint32, slot *subSlot, dst []byte) []byte {
	h.rouse(id, slot)
	switch {
	case slot.hasOwn:
		return h.own[id].appendID(h, slot, dst)
	case slot.state == idle:
		return h.appendID(dst, h.views[slot.view], h.seq)
	case h.lagged(slot):
		return dst
	}
	return h.appendID(dst, h.views[slot.view], slot.seq-1)
}

// Stale returns since when Kafka hasn't answered for one of the subscription's streams,
// the earliest of them.
func (s Sub) Stale() (since time.Time, stale bool) {
	if s.hub == nil {
		return since, false
	}
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	slot := s.slot()
	if slot == nil {
		return since, false
	}
	for _, i := range h.views[slot.view].streams {
		if t := h.status[i].stale; !t.IsZero() && (!stale || t.Before(since)) {
			since, stale = t, true
		}
	}
	return since, stale
}

// Pull appends to b what the connection gets now, until there is nothing more or b has
// maxBytes. It works in memory only. Each event comes with its id. The position counts as
// sent from here on.
func (s Sub) Pull(b *Batch, maxBytes int) Pulled {
	if s.hub == nil {
		return Closed
	}
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	slot := s.slot()
	if slot == nil || h.closed {
		return Closed
	}
	if slot.ended() {
		return slot.end
	}
	if h.views[slot.view].mask&h.withdrawn != 0 {
		return Withdrawn
	}
	h.rouse(s.id, slot)
	h.scratch.puller = s.Key()
	var p Pulled
	if !slot.hasOwn && slot.state == following && h.lagged(slot) {
		h.overtake(s.id, slot)
	}
	if slot.hasOwn {
		p = h.own[s.id].pull(h, s.id, slot, b, maxBytes)
	} else {
		p = h.pull(slot, b, maxBytes)
	}
	slot.woken = p == More // while it knows of more, nobody has to tell it
	return p
}

// End ends the subscription from outside. Its next Pull says Ended, and its waker is
// told. The carrier still calls Close. End may be called for one that is closed already.
func (s Sub) End() { s.endAs(Ended) }

// Dismiss is End by an operator: Pull says Dismissed. It is false for a subscription that
// is closed, or ended, already.
func (s Sub) Dismiss() bool { return s.endAs(Dismissed) }

func (s Sub) endAs(why Pulled) bool {
	if s.hub == nil {
		return false
	}
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	slot := s.slot()
	if slot == nil || slot.ended() {
		return false
	}
	s.hub.end(s.id, why)
	return true
}

// EvictOldest ends the subscription of a user that was opened first. It leaves out those
// that have ended, and those whose key may says no to. The subscription's Pull says
// Evicted. false: there is none. may is called under the hub's lock, for at most
// maxEvictLook of the user's subscriptions.
func (h *Hub) EvictOldest(user string, may func(key uint64) bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	uid := h.users.find([]byte(user))
	if uid == 0 {
		return false
	}
	var oldest uint32
	looked := 0
	for id := h.users.slot(uid).subs; id != 0 && looked < maxEvictLook; looked++ { // the newest first
		s := h.subs.at(id)
		if !s.ended() && may(s.key(id)) {
			oldest = id
		}
		id = s.next
	}
	if oldest == 0 {
		return false
	}
	h.end(oldest, Evicted)
	return true
}

// maxEvictLook is how many subscriptions of a user are looked at for the oldest.
const maxEvictLook = 1 << 10

// ending is a user's subscriptions being ended.
type ending struct{ sub uint32 } // the next; 0: all have been

// EndUser ends all subscriptions of a user that are open when it is called, as [Sub.End]
// does. It returns how many there were. Others have the hub's lock between runs of them.
func (h *Hub) EndUser(user string) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	uid := h.users.find([]byte(user))
	if uid == 0 {
		return 0
	}
	e := &ending{sub: h.users.slot(uid).subs}
	h.endings = append(h.endings, e)
	for e.sub != 0 {
		id := e.sub
		e.sub = h.subs.at(id).next
		h.end(id, Ended)
		if n++; n%wakeRun == 0 {
			h.mu.breathe()
		}
	}
	h.endings = slices.DeleteFunc(h.endings, func(other *ending) bool { return other == e })
	return n
}

func (h *Hub) end(id uint32, why Pulled) {
	h.subs.at(id).end = why
	h.wake(id, h.seq+1)
}

// Over returns how a subscription has ended, as Pull would: Closed, Ended or Dismissed.
// Drained: it goes on.
func (s Sub) Over() Pulled {
	if s.hub == nil {
		return Closed
	}
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	switch slot := s.slot(); {
	case slot == nil || s.hub.closed:
		return Closed
	case slot.ended():
		return slot.end
	}
	return Drained
}
