package stream

import (
	"slices"
	"time"
)

// Decisions remembers the newest records, who was there, and who was handed what. That is
// enough to say later why somebody got an event or didn't, and holds nothing of what
// stood in it. It is all facts. [Decisions.Of] draws the conclusions. The methods of a
// nil *Decisions say that nothing is remembered.
//
// Everything is bounded. So many records are kept, each with its first marks and a count
// of the rest. Those who are there are kept, as many of those who have gone, and as many
// who were denied a stream.
type Decisions struct {
	hub *Hub

	// guarded by the hub's lock
	records ring[fact]
	floor   [][]int64       // by stream and partition: what lies below it may have been forgotten
	index   map[spot]uint64 // ordinal in records; of two in one spot, a topic having begun anew, the newer one
	visits  map[uint64]*visit
	gone    ring[*visit]
	denials ring[denial]
}

// Bounds of what is remembered of one record.
const (
	maxMarks       = 16   // connections that were handed it, and when
	maxNamedUsers  = 8    // whose it is, as text; of the others a hash
	maxFactText    = 1025 // of a subject, a byte more than a filter can have, so that what was cut equals none
	maxVisitSkips  = 4
	maxFilters     = 4    // of a subscription
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
	read     int64  // ms of the hub's clock
	stamp    int64  // the record's timestamp, ms
	seq      uint64 // its entry's; of a refused one, the newest entry before it
	poison   string // why it is no event; "" it is one
	detail   string // the same in more words
	intended bool   // the stream's rules leave it out

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
	filters []filtered // the newest last
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

// filtered is a filter, and the newest entry when it came into force.
type filtered struct {
	since uint64
	Filter
}

// filter is the one that decided on an entry.
func (v *visit) filter(seq uint64) *Filter {
	for i := range slices.Backward(v.filters) {
		if v.filters[i].since < seq {
			return &v.filters[i].Filter
		}
	}
	return &v.filters[0].Filter
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

func newDecisions(h *Hub, records, streams int) *Decisions {
	return &Decisions{
		hub:     h,
		records: ring[fact]{size: records},
		gone:    ring[*visit]{size: records},
		denials: ring[denial]{size: min(records, decisionsStep)},
		floor:   make([][]int64, streams),
		index:   make(map[spot]uint64),
		visits:  make(map[uint64]*visit),
	}
}

// Decisions returns the record of decisions, nil if there is none.
func (h *Hub) Decisions() *Decisions {
	d, _ := h.observer.(*Decisions)
	return d
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

// began says from where a stream's partitions are read.
func (d *Decisions) began(stream, first int, start []int64) {
	d.floor[stream] = append(d.floor[stream][:first:first], start...)
}

// remember adds a record, which replaces the oldest.
func (d *Decisions) remember(r fact) {
	r.connected = d.hub.reading(r.stream)
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

// read remembers a record.
func (d *Decisions) read(stream int, ev *Event, refused Refusal) {
	h := d.hub
	r := fact{
		spot: spot{stream, ev.Partition, ev.Offset}, read: h.now(), stamp: ev.Timestamp, seq: h.seq,
		poison: refused.Reason, detail: cut(refused.Detail), intended: refused.Intended, name: cut(ev.Name), subject: cut(string(ev.Subject)),
	}
	if h.logs[stream].spec.Audience == AudienceUser {
		for i, user := range ev.Users {
			if i < maxNamedUsers {
				r.users = append(r.users, string(user))
			} else {
				r.others = append(r.others, h.users.hash(user))
			}
		}
	}
	d.remember(r)
}

func cut(text string) string { return text[:min(len(text), maxFactText)] }

// Denied says that a user asked for streams and may read none of them.
func (d *Decisions) Denied(user string, streams uint64) {
	if d == nil || user == "" {
		return
	}
	d.hub.mu.Lock()
	defer d.hub.mu.Unlock()
	d.denials.add(denial{user, streams, d.hub.now()})
}

// opened notes a subscription that begins.
func (d *Decisions) opened(id uint32, r Request, starts []streamStart) {
	h := d.hub
	slot := h.subs.at(id)
	v := &visit{
		key: slot.key(id), user: r.User, filters: []filtered{{h.seq, r.Filter}}, anyUser: r.AnyUser,
		mask: h.views[slot.view].mask, denied: r.Denied, seq: h.seq, since: h.now(),
	}
	for i, start := range starts {
		if start.pos != nil {
			if v.start == nil {
				v.start = make([][]int64, len(h.logs))
			}
			v.start[r.Streams[i]] = slices.Clone(start.pos)
		}
	}
	d.visits[v.key] = v
}

// handed notes that a subscription was handed the event of a record.
func (d *Decisions) handed(record spot, key uint64) {
	ordinal, known := d.index[record]
	if !known {
		return
	}
	r, _ := d.records.at(ordinal)
	r.written++
	if len(r.marks) < maxMarks {
		r.marks = append(r.marks, handing{key, d.hub.now()})
	}
}

// skipped notes what a subscription that lagged is not sent.
func (d *Decisions) skipped(key, from, to uint64) {
	v := d.visits[key]
	if len(v.skips) == maxVisitSkips {
		v.skips = v.skips[:copy(v.skips, v.skips[1:])]
	}
	v.skips = append(v.skips, skip{from, to, d.hub.now()})
}

// refiltered notes that a subscription has another filter.
func (d *Decisions) refiltered(key, seq uint64, f Filter) {
	v := d.visits[key]
	if len(v.filters) == maxFilters {
		v.filters = v.filters[:copy(v.filters, v.filters[1:])]
	}
	v.filters = append(v.filters, filtered{seq, f})
}

// closed notes the end of a subscription, whose slot is still there.
func (d *Decisions) closed(id uint32, slot *subSlot, why string) {
	h := d.hub
	key := slot.key(id)
	v := d.visits[key]
	delete(d.visits, key)
	v.until, v.last, v.why = max(1, h.now()), h.seq, why
	v.reached, v.pos = h.reachedBy(id, slot)
	d.gone.add(v)
}

// reachedBy says what a subscription has been handed: all entries before a seq, or, on
// its own, what its positions cover.
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

// Remembered is what the record of decisions has.
type Remembered struct {
	Capacity int // records; 0: there is no record of decisions
	Records  int
	Since    time.Time // nothing is known of what was read before
}

// Remembered says how far the record of decisions goes back.
func (d *Decisions) Remembered() Remembered {
	if d == nil {
		return Remembered{}
	}
	d.hub.mu.Lock()
	defer d.hub.mu.Unlock()
	r := Remembered{Capacity: d.records.size, Records: len(d.records.items), Since: d.hub.start}
	if oldest, ok := d.records.at(d.records.oldest()); ok && r.Records == r.Capacity {
		r.Since = d.hub.wall(oldest.read)
	}
	return r
}
