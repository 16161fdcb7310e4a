package stream

import "time"

// SubscriberState is how a subscription stands.
type SubscriberState string

// The states of a subscription.
const (
	SubscriberLive       SubscriberState = "live"        // it has been sent all there is
	SubscriberBehind     SubscriberState = "behind"      // events wait for it
	SubscriberCatchingUp SubscriberState = "catching_up" // it is sent what is older than memory, from Kafka
	SubscriberLagged     SubscriberState = "lagged"      // the log has moved past it
)

// Subscriber is one open subscription, as operators are told.
type Subscriber struct {
	Key      uint64 // see Sub.Key
	User     string // "": nobody
	Streams  []int
	Filter   Filter // only these of the events
	AnyUser  bool   // those of every user
	State    SubscriberState
	Behind   int       // events that wait for it, counted up to MaxBehind; -1: not known, since they are not in memory or far apart
	Since    time.Time // when the oldest of them was read; zero: there is none
	Position string    // as an event's id; "": not known
}

// MaxBehind is how far the events that wait for a subscriber are counted.
const MaxBehind = 1000

// visitRun is how much is done under one hold of the lock: slots looked at, and events
// counted.
const visitRun = 4096

// VisitSubscribers calls visit for open subscriptions until visit is false. It visits
// those of a user if that isn't "", and of a stream if that isn't negative. It goes in
// the order of their slots after the one given; 0: from the first. It returns the slot to
// go on after; 0: that was all.
//
// The hub's lock is held for a few subscriptions at a time, and not while visit is
// called. A subscription that is there all the time is visited once. One that comes or
// goes meanwhile is visited once or not at all.
func (h *Hub) VisitSubscribers(user string, stream int, after uint32, visit func(Subscriber) bool) (next uint32) {
	var some []Subscriber
	for {
		some = some[:0]
		some, next = h.someSubscribers(some, user, stream, after)
		for i, s := range some {
			if !visit(s) {
				if i == len(some)-1 && next == 0 {
					return 0
				}
				return uint32(s.Key)
			}
		}
		if next == 0 {
			return 0
		}
		after = next
	}
}

// Describe says how one subscription stands; false: it is not open.
func (s Sub) Describe() (_ Subscriber, open bool) {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	slot := s.slot()
	if slot == nil {
		return Subscriber{}, false
	}
	one, _ := s.hub.describe(s.id, slot)
	return one, true
}

// someSubscribers appends some of them.
func (h *Hub) someSubscribers(some []Subscriber, user string, stream int, after uint32) (_ []Subscriber, next uint32) {
	h.mu.Lock()
	defer h.mu.Unlock()
	uid := uint32(0)
	if user != "" {
		if uid = h.users.find([]byte(user)); uid == 0 {
			return some, 0
		}
	}
	places := uint32(len(h.subs.chunks) * subChunk)
	work := 0
	for id := after + 1; id < places; id++ {
		slot := h.subs.at(id)
		work++
		h.mu.did(1)
		if slot.live && !slot.ended() && (uid == 0 || slot.uid == uid) && (stream < 0 || h.views[slot.view].mask&(1<<stream) != 0) {
			s, looked := h.describe(id, slot)
			work += 16 + looked + len(s.Position)/16
			some = append(some, s)
		}
		if work > visitRun {
			return some, id
		}
	}
	return some, 0
}

// describe says how a subscription stands, and how many entries it has looked at for
// that.
func (h *Hub) describe(id uint32, slot *subSlot) (s Subscriber, looked int) {
	h.rouse(id, slot)
	v := h.views[slot.view]
	s = Subscriber{Key: slot.key(id), Streams: v.streams, State: SubscriberLive}
	if slot.uid != 0 { // else it is nobody's
		s.User = string(h.users.id(slot.uid))
	}
	p := h.own[id] // nil for one that follows
	if p != nil {
		s.Filter, s.AnyUser = p.filter, p.anyUser
	}
	switch {
	case p != nil && p.catchingUp():
		s.State, s.Behind = SubscriberCatchingUp, -1
	case p == nil && slot.state != idle && h.lagged(slot):
		s.State, s.Behind = SubscriberLagged, -1
	case slot.state != idle:
		var oldest int64
		if s.Behind, oldest, looked = h.waiting(slot, p); s.Behind > 0 {
			s.State, s.Since = SubscriberBehind, h.wall(oldest)
		} else if s.Behind < 0 {
			s.State = SubscriberBehind
		}
	}
	if s.State != SubscriberLagged {
		s.Position = string(h.position(id, slot, nil))
	}
	return s, looked
}

// waiting counts the events that a subscriber is still to be sent from memory, up to
// MaxBehind, and says when the oldest was read. n is -1 where none was found among as
// many entries as one pull looks at. looked says how many that were.
func (h *Hub) waiting(slot *subSlot, p *ownPosition) (n int, oldest int64, looked int) {
	v := h.views[slot.view]
	feeds := h.scans(v, slot.uid, p != nil && p.anyUser, func(i int) uint64 {
		if slot.state != resuming {
			return slot.seq
		}
		return p.streams[i].seq
	})
	tired := false
	for i := range feeds {
		f := &feeds[i]
		for ; f.entry != nil && !f.tired && n < MaxBehind; f.advance() {
			e := f.entry
			if e.kind != kindEvent || p != nil && (e.next <= at(p.streams[i].pos, int(e.partition)) || !p.filter.leavesEntry(f.log, e)) {
				continue
			}
			if n == 0 || e.read < oldest {
				oldest = e.read
			}
			n++
		}
		tired = tired || f.tired
		looked += scanShare(len(feeds)) - f.left
	}
	if n == 0 && tired {
		n = -1
	}
	return n, oldest, looked
}

func (p *ownPosition) catchingUp() bool {
	for i := range p.streams {
		if p.streams[i].catchup != nil {
			return true
		}
	}
	return false
}
