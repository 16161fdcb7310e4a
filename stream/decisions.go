package stream

import (
	"slices"
	"time"
)

// decisions remembers the newest records, who was there, and who was handed what: enough to say later why somebody got
// an event or didn't, and nothing of what stood in it. It is all facts; [Hub.Decided] draws the conclusions.
//
// Everything is bounded: so many records, each with its first marks and a count of the rest; those who are
// there, and as many of those who have gone; and as many who were denied a stream. It is guarded by the hub's lock.
type decisions struct {
	records ring[fact]
	floor   [][]int64       // by stream and partition: what lies below it may have been forgotten
	index   map[spot]uint64 // ordinal in records; of two in one spot, a topic having begun anew, the newer one
	visits  map[uint64]*visit
	gone    ring[*visit]
	denials ring[denial]
}

// Bounds of what is remembered of one record.
const (
	maxMarks       = 16   // who was handed it, and when
	maxNamedUsers  = 8    // whose it is, as text; of the others a hash
	maxFactText    = 1025 // of a subject, a byte more than a filter can have, so that what was cut equals none
	maxVisitSkips  = 4
	decisionsStep  = 4096 // how many are looked at under one hold of the lock
	maxVisitsAsked = 64   // of a user, the newest
)

// spot is where a record stands.
type spot struct {
	stream    int
	partition int32
	offset    int64
}

// fact is a record that was read: an event, or what could not be made one.
type fact struct {
	spot
	read   int64  // ms of the hub's clock
	stamp  int64  // the record's timestamp, ms
	seq    uint64 // its entry's; of a refused one, the newest entry before it
	poison string // why it is no event; "" it is one

	name, subject string
	users         []string // the first maxNamedUsers
	others        []uint64 // the hashes of the rest

	connected int // subscriptions of the stream when it was read
	written   int // times it was handed out
	marks     []handing
}

// handing says that a subscription was handed the record.
type handing struct {
	key uint64
	at  int64
}

// visit is one subscription from its beginning to its end.
type visit struct {
	key     uint64
	user    string
	subject string
	anyUser bool
	mask    uint64    // streams that it reads
	denied  uint64    // streams that it would have read, had it been let
	seq     uint64    // the newest entry when it began
	since   int64     // ms
	start   [][]int64 // by stream of the hub, where it doesn't begin live
	skips   []skip    // the newest

	until   int64 // 0: it is there
	last    uint64
	why     string
	reached uint64    // the entries before it have been handed out; of one on its own, pos says it
	pos     [][]int64 // by stream of the hub
}

// skip is what a subscription that lagged was not sent.
type skip struct {
	from, to uint64 // seqs, both skipped
	at       int64
}

// denial is a user who asked for streams and got none of them.
type denial struct {
	user string
	mask uint64
	at   int64
}

func newDecisions(records, streams int) *decisions {
	if records <= 0 {
		return nil
	}
	return &decisions{
		records: ring[fact]{size: records}, gone: ring[*visit]{size: records}, denials: ring[denial]{size: min(records, decisionsStep)},
		floor: make([][]int64, streams), index: make(map[spot]uint64), visits: make(map[uint64]*visit),
	}
}

// ring keeps the newest size items, each under its ordinal.
type ring[T any] struct {
	size  int
	items []T
	n     uint64 // how many there ever were
}

func (r *ring[T]) add(item T) (ordinal uint64) {
	if len(r.items) < r.size {
		r.items = append(r.items, item)
	} else {
		r.items[r.n%uint64(r.size)] = item
	}
	r.n++
	return r.n - 1
}

// at is the item under an ordinal; false: it isn't kept.
func (r *ring[T]) at(ordinal uint64) (*T, bool) {
	if ordinal >= r.n || r.n-ordinal > uint64(len(r.items)) {
		return nil, false
	}
	return &r.items[ordinal%uint64(r.size)], true
}

// oldest is the ordinal of the oldest item kept.
func (r *ring[T]) oldest() uint64 { return r.n - uint64(len(r.items)) }

// begin says from where a stream's partitions are read, those from the first one given on.
func (d *decisions) begin(stream, first int, start []int64) {
	if d != nil {
		d.floor[stream] = append(d.floor[stream][:first:first], start...)
	}
}

// remember adds a record, in the place of the oldest.
func (d *decisions) remember(h *Hub, r fact) {
	r.connected = h.reading(r.stream)
	if old, full := d.records.at(d.records.oldest()); full && len(d.records.items) == d.records.size {
		if d.index[old.spot] == d.records.oldest() {
			delete(d.index, old.spot)
		}
		if floor := d.floor[old.stream]; int(old.partition) < len(floor) { // a topic created anew may have fewer
			floor[old.partition] = max(floor[old.partition], old.offset+1) // poison is remembered ahead of the events it was read with
		}
	}
	d.index[r.spot] = d.records.add(r)
}

// event remembers one that was published as the entry h.seq.
func (d *decisions) event(h *Hub, stream int, ev *Event, now int64) {
	r := fact{spot: spot{stream, ev.Partition, ev.Offset}, read: now, stamp: ev.Timestamp, seq: h.seq, name: cut(ev.Name), subject: cut(string(ev.Subject))}
	if h.logs[stream].spec.Audience == AudienceUser {
		for i, user := range ev.Users {
			if i < maxNamedUsers {
				r.users = append(r.users, string(user))
			} else {
				r.others = append(r.others, h.users.hash(user))
			}
		}
	}
	d.remember(h, r)
}

func cut(text string) string { return text[:min(len(text), maxFactText)] }

// Refused says that a record could not be made an event of, and why: one of a few words. It only serves those who ask what became of it.
func (h *Hub) Refused(stream int, partition int32, offset, timestamp int64, reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.logs[stream]
	if h.decisions == nil || offset < at(l.head, int(partition)) {
		return
	}
	h.decisions.remember(h, fact{spot: spot{stream, partition, offset}, read: h.now(), stamp: timestamp, seq: h.seq, poison: reason})
}

// Denied says that a user asked for streams and may read none of them.
func (h *Hub) Denied(user string, streams uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.decisions != nil && user != "" {
		h.decisions.denials.add(denial{user, streams, h.now()})
	}
}

// opened notes a subscription that begins.
func (d *decisions) opened(h *Hub, id uint32, r *Request, places []streamStart) {
	slot := h.subs.at(id)
	v := &visit{
		key: slot.key(id), user: r.User, subject: r.Subject, anyUser: r.AnyUser,
		mask: h.views[slot.view].mask, denied: r.Denied, seq: h.seq, since: h.now(),
	}
	for i, pl := range places {
		if pl.pos != nil {
			if v.start == nil {
				v.start = make([][]int64, len(h.logs))
			}
			v.start[r.Streams[i]] = slices.Clone(pl.pos)
		}
	}
	d.visits[v.key] = v
}

// handed notes that a subscription was handed the event of a record.
func (d *decisions) handed(where spot, key uint64, now int64) {
	ordinal, known := d.index[where]
	if !known {
		return
	}
	r, _ := d.records.at(ordinal)
	r.written++
	if len(r.marks) < maxMarks {
		r.marks = append(r.marks, handing{key, now})
	}
}

// skipped notes what a subscription that lagged is not sent.
func (d *decisions) skipped(key, from, to uint64, now int64) {
	v := d.visits[key]
	if len(v.skips) == maxVisitSkips {
		v.skips = v.skips[:copy(v.skips, v.skips[1:])]
	}
	v.skips = append(v.skips, skip{from, to, now})
}

// closed notes the end of a subscription, whose slot is still there.
func (d *decisions) closed(h *Hub, id uint32, slot *subSlot) {
	key := slot.key(id)
	v := d.visits[key]
	delete(d.visits, key)
	v.until, v.last = max(1, h.now()), h.seq
	v.reached, v.pos = h.reachedBy(id, slot)
	d.gone.add(v)
}

// reachedBy says what a subscription has been handed: all entries before a seq, or, on its own, what its positions cover.
func (h *Hub) reachedBy(id uint32, slot *subSlot) (seq uint64, pos [][]int64) {
	h.rouse(id, slot)
	p := h.own[id]
	switch {
	case p == nil && slot.state == idle:
		return h.seq + 1, nil
	case p == nil:
		return slot.seq, nil
	}
	v := h.views[slot.view]
	if slot.state == idle {
		p.catchHead(h, v)
	}
	pos = make([][]int64, len(h.logs))
	for i := range p.streams {
		pos[v.streams[i]] = slices.Clone(p.streams[i].pos)
	}
	return 0, pos
}

// CloseFor is Close for those who say why, in a word, for the record of decisions.
func (s Sub) CloseFor(why string) {
	if s.hub == nil {
		return
	}
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	if s.slot() == nil {
		return
	}
	if d := s.hub.decisions; d != nil {
		d.visits[s.Key()].why = why
	}
	s.hub.unregister(s.id)
}

// Remembered is what the record of decisions has.
type Remembered struct {
	Capacity int // records; 0: there is no record of decisions
	Records  int
	Since    time.Time // nothing is known of what was read before
}

// Remembered says how far the record of decisions goes back.
func (h *Hub) Remembered() Remembered {
	h.mu.Lock()
	defer h.mu.Unlock()
	d := h.decisions
	if d == nil {
		return Remembered{}
	}
	r := Remembered{Capacity: d.records.size, Records: len(d.records.items), Since: h.start}
	if oldest, ok := d.records.at(d.records.oldest()); ok && r.Records == r.Capacity {
		r.Since = h.wall(oldest.read)
	}
	return r
}
