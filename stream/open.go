package stream

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"sluice/stream/cursor"
)

// Request is what a connection asks for. Cursor and Filter come from outside and may be
// anything.
type Request struct {
	Streams []int   // ascending, not empty
	User    string  // who; "": nobody, who gets events for everyone only
	Filter  Filter  // only these of the events
	AnyUser bool    // those of every user, not only of User; goes with one subject in Filter, and no User
	Denied  uint64  // streams the caller would read too, were it let; only the record of decisions looks at it
	Absent  []int   // streams the request is for too, but for which there is nothing to read yet; see Widened
	Cursor  string  // the id to resume at, without notes; "": none
	Note    string  // put at the end of every id, see cursor.SplitNotes; "": none. Such a subscription never shares ids
	From    From    // where a stream begins that the cursor doesn't name
	Waker   WakerID // told Token when there is something to pull
	Token   uint32

	// BeforeKafka is called once before Open first asks Kafka for this request; its error
	// is Open's. Most requests are served from memory and ask nothing. nil: Kafka may be
	// asked.
	BeforeKafka func() error
}

// reach says that Kafka is about to be asked for the request.
func (r *Request) reach() error {
	if r.BeforeKafka == nil {
		return nil
	}
	return r.BeforeKafka()
}

// Outcome says in one word how a connection begins.
type Outcome string

const (
	OutcomeLive    Outcome = "live"    // no cursor: from now on
	OutcomeReplay  Outcome = "replay"  // no cursor: from earliest, last:N or since
	OutcomeResumed Outcome = "resumed" // where the cursor stands
	OutcomeReset   Outcome = "reset"   // not everywhere where the cursor stands: see Resets
)

// Opening is how a subscription begins.
type Opening struct {
	Outcome Outcome
	Resets  []Reset // to be sent first, in this order; only the last has an id, so that none can be skipped
	ID      string  // the position it begins at
}

// Open finds where a request begins and subscribes it there. It asks Kafka only for what
// memory can't tell. It fails with [ErrNotWarm], [ErrWithdrawn], [ErrUnavailable],
// [ErrClosed], the context's error or BeforeKafka's. A cursor that is wrong is no error:
// resets answer it.
//
// The subscription counts as woken: pull it first.
func (h *Hub) Open(ctx context.Context, r Request) (Sub, Opening, error) {
	if err := r.check(); err != nil {
		return Sub{}, Opening{}, err
	}
	if ask := r.BeforeKafka; ask != nil {
		r.BeforeKafka = sync.OnceValue(ask)
	}
	for {
		starts, resets, err := h.resolve(ctx, r)
		if err != nil {
			return Sub{}, Opening{}, err
		}
		sub, id, err := h.subscribe(r, starts)
		if err == errMoved {
			continue
		}
		if err != nil {
			return Sub{}, Opening{}, err
		}
		o := Opening{Outcome: starts.outcome, Resets: h.discreet(resets), ID: id}
		if len(resets) > 0 {
			o.Outcome = OutcomeReset
			resets[len(resets)-1].ID = id
		}
		return sub, o, nil
	}
}

// starts is where a request begins in each of its streams.
type starts struct {
	outcome Outcome
	streams []streamStart // as Request.Streams
	carried string        // segments of other streams, as Hub.carry has them
	absent  uint64        // streams that the request is for too, as bits
}

// streamStart is a position in a topic; a nil pos is the head at the moment of
// subscribing.
type streamStart struct {
	epoch string
	gen   uint64 // the log's at that time
	pos   []int64

	leaders []int32 // leader epochs that only the cursor tells of; see ownStream.leaders
	came    []int64 // the position that they are of

	ahead []cursor.TopicPosition // of several topics, those that only the cursor has
}

// subscribe registers a request at its start.
func (h *Hub) subscribe(r Request, st starts) (Sub, string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return Sub{}, "", ErrClosed
	}
	for _, start := range st.streams {
		h.mu.did(1 + len(start.pos)/16)
	}
	carried := cursor.AddNote(st.carried, r.Note)
	mark := r.Filter.mark(r.AnyUser)
	alone := mark != "" || carried != "" || len(r.Absent) > 0
	for _, i := range r.Absent {
		if h.status[i].warm {
			return Sub{}, "", ErrNotWarm // not any more: the caller is to ask for it
		}
		st.absent |= 1 << i
	}
	for i, start := range st.streams {
		if h.withdrawn&(1<<r.Streams[i]) != 0 {
			return Sub{}, "", ErrWithdrawn
		}
		if l := h.logs[r.Streams[i]]; l.epoch != start.epoch || l.gen != start.gen {
			return Sub{}, "", errMoved
		}
		alone = alone || start.pos != nil
	}
	id := h.subs.add()
	s := h.subs.at(id)
	s.view, s.waker, s.token, s.woken = h.viewOf(r.Streams), r.Waker, r.Token, true
	if r.User != "" {
		s.uid = h.users.acquire([]byte(r.User))
	}
	h.register(id)
	s.seq, s.state = h.seq+1, idle
	h.observer.opened(id, r, st.streams)
	sub := Sub{hub: h, id: id, gen: s.gen}
	if !alone {
		return sub, string(h.appendID(nil, h.views[s.view], h.seq)), nil
	}
	p := &ownPosition{user: []byte(r.User), filter: r.Filter, anyUser: r.AnyUser, mark: mark, carried: carried, absent: st.absent}
	s.hasOwn, s.state = true, resuming
	h.own[id] = p
	if p.absent != 0 {
		h.expecting[id] = struct{}{}
	}
	h.index(id, s, p)
	p.streams = make([]ownStream, len(st.streams))
	for i, start := range st.streams {
		o, l := &p.streams[i], h.logs[r.Streams[i]]
		o.epoch, o.lineage, o.told = start.epoch, l.lineage, h.seq
		if start.pos == nil {
			o.pos, o.seq = slices.Clone(l.head), h.seq+1
			continue
		}
		o.pos, o.ahead = slices.Clone(start.pos), start.ahead
		o.leaders, o.came = start.leaders, start.came
		if start.leaders != nil || start.ahead != nil {
			h.apart[id] = struct{}{}
		}
		p.locate(h, h.views[s.view], id, i)
	}
	return sub, string(p.id(h, h.views[s.view], nil)), nil
}

// resolve finds the start of each stream.
func (h *Hub) resolve(ctx context.Context, r Request) (starts, []Reset, error) {
	st := starts{outcome: OutcomeLive, streams: make([]streamStart, len(r.Streams))}
	var resets []Reset
	segments, err := cursor.Read(h.ids, r.Cursor)
	if r.Cursor != "" && err != nil {
		segments = nil
		r.From = From{}
		resets = append(resets, Reset{Reason: ReasonInvalid})
	}
	var others []cursor.Segment
	named := make([]*cursor.Segment, len(r.Streams))
	for i := range segments {
		seg := &segments[i]
		s, ok := h.Lookup(seg.Stream)
		if n := slices.Index(r.Streams, s); ok && n >= 0 {
			named[n] = seg
		} else {
			others = append(others, *seg)
		}
	}

	others = append(others, h.absent(r.Absent, others)...)
	widths := make(map[string]cursor.Width) // of the streams read
	var unnamed []int                       // of r.Streams
	ahead := false                          // the cursor names partitions that Kafka has and this gateway hasn't found yet
	for n, i := range r.Streams {
		m := h.memory(i)
		if !m.warm {
			return st, nil, ErrNotWarm
		}
		widths[m.name] = m.layout.width(m.head, nil)
		if named[n] == nil {
			st.streams[n].epoch, st.streams[n].gen = m.epoch, m.gen
			unnamed = append(unnamed, n)
			continue
		}
		st.outcome = OutcomeResumed
		var why []Reset
		if st.streams[n], why, err = h.resume(ctx, m, named[n], &r); err != nil {
			return st, nil, err
		}
		if start := &st.streams[n]; len(start.pos) > len(m.head) || len(start.ahead) > 0 {
			ahead = ahead || m.layout == nil
			widths[m.name] = m.layout.width(start.pos, start.ahead)
			if len(start.ahead) > 0 && h.ids.MaxLen(widths) > cursor.MaxID { // of topics that other gateways have room for
				widths[m.name] = m.layout.width(m.head, nil)
				*start, why = streamStart{epoch: m.epoch, gen: m.gen}, []Reset{{Reason: ReasonInvalid, Stream: m.name}}
			}
		}
		resets = append(resets, why...)
	}
	length := h.ids.MaxLen(widths)
	if ahead && length > cursor.MaxID { // our own reader is about to notice that the topic has grown, and is too wide
		return st, nil, ErrNotWarm
	}
	st.carried = h.carry(others, len(r.Streams), length)
	if len(unnamed) == 0 || r.From.Kind == FromLive {
		return st, resets, nil
	}
	if st.outcome == OutcomeLive {
		st.outcome = OutcomeReplay
	}
	why, err := h.beginUnnamed(ctx, r, unnamed, &st)
	return st, append(resets, why...), err
}

// FromKind is a way to begin a stream that the cursor doesn't name.
type FromKind uint8

const (
	FromLive     FromKind = iota // with what comes from now on
	FromEarliest                 // with the oldest that Kafka has
	FromLast                     // with the newest N of all streams together
	FromSince                    // with the first record whose timestamp isn't before a time, in each partition, as Kafka finds it
)

// MaxLast is the most events that last:N may ask for.
const MaxLast = 1000

// From is where a stream begins that the cursor doesn't name. The zero From is live.
type From struct {
	Kind  FromKind
	N     int
	Since time.Time
}

// ParseFrom reads live, earliest, last:N or since:RFC3339; "" is live.
func ParseFrom(s string) (From, error) {
	name, value, _ := strings.Cut(s, ":")
	switch {
	case s == "" || s == "live":
		return From{}, nil
	case s == "earliest":
		return From{Kind: FromEarliest}, nil
	case name == "last":
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > MaxLast {
			return From{}, fmt.Errorf("from=last:N takes a number from 1 to %d", MaxLast)
		}
		return From{Kind: FromLast, N: n}, nil
	case name == "since":
		// A query turns the + of a zone into a space.
		t, err := time.Parse(time.RFC3339, strings.ReplaceAll(value, " ", "+"))
		if err != nil {
			return From{}, fmt.Errorf("from=since:TIME takes a time like 2026-01-31T12:00:00Z (RFC 3339)")
		}
		return From{Kind: FromSince, Since: t}, nil
	}
	return From{}, fmt.Errorf("from takes live, earliest, last:N or since:TIME")
}

// Catchup bounds what is read from Kafka for subscribers whose position is older than
// memory.
type Catchup struct {
	MaxRecords  int64         // of all partitions, between the position and the log's head; beyond: ReasonBounds
	MaxAge      time.Duration // of a cursor's position that is not near: see Hub.limit; beyond: ReasonBounds
	Concurrency int           // passes at once
}

func (c Catchup) withDefaults() Catchup {
	if c.MaxRecords == 0 {
		c.MaxRecords = 1_000_000
	}
	if c.MaxAge == 0 {
		c.MaxAge = 24 * time.Hour
	}
	if c.Concurrency == 0 {
		c.Concurrency = 2
	}
	return c
}
