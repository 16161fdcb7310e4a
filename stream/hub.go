package stream

import (
	"cmp"
	"errors"
	"slices"
	"sync"
	"time"

	"sluice/stream/cursor"
)

// ErrClosed says that the hub has been closed.
var ErrClosed = errors.New("stream: closed")

// ErrNotWarm says that a stream has not been found or warmed up yet.
var ErrNotWarm = errors.New("stream: not warmed up yet")

// MaxStreams is the most streams a hub can have: a view is a 64-bit set.
const MaxStreams = 64

// Config is what a [Hub] is made from.
type Config struct {
	Streams []Spec       // at most MaxStreams, of different names
	History History      // what is older than memory; nil: nothing is
	IDs     cursor.Codec // how positions are written; nil: cursor.Plain
	Catchup Catchup

	// MaxLag is how long the oldest event that a follower has not been sent may wait,
	// from when this gateway read it. Beyond it, Pull says Lagged, as it does past the
	// log's end. 0: only there.
	MaxLag time.Duration

	// Decisions is how many records are remembered with what happened to each, for
	// Hub.Decisions. 0: none, which costs nothing.
	Decisions int
}

// Hub holds the logs of all streams, and knows how far each subscriber is in them.
//
// One lock guards all of it. It is held for memory work only, so for microseconds. It
// makes replay and live meet exactly: nothing is published between a subscriber's look at
// the log and its being registered.
type Hub struct {
	history History
	catchup Catchup
	maxLag  time.Duration
	ids     cursor.Codec
	start   time.Time // of the hub's clock

	mu        hubLock // guards all below; wakers' locks are taken under it, never the other way
	closed    bool
	withdrawn uint64 // streams out of service, as bits; see Hub.Withdraw
	seq       uint64 // of the newest entry of any stream
	logs      []*log
	status    []status // by stream
	users     users
	subs      subs
	views     []*view

	viewByMask map[uint64]uint32 // the views, by their streams
	viewsOf    [][]uint32        // by stream, the views that have it
	spareViews []uint32          // views that were without members once, and may be still
	readers    []int             // by stream, subscribers that read it
	wakings    []*waking         // under way
	told       uint64            // the newest entry when the last run of them began
	endings    []*ending         // under way, see EndUser

	wakers    []Waker
	own       map[uint32]*ownPosition // by subscriber, of those that need one
	expecting map[uint32]struct{}     // of own, those that wait for streams that can't be read yet
	apart     map[uint32]struct{}     // of own, those with leader epochs that only their cursors tell
	anyUser   anyUser                 // subscribers that are sent a subject's events as such, by subject
	scratch   scratch

	passes   catchupPasses
	observer observer
}

// observer is told what happens in the hub, under its lock: see [Decisions]. It does
// memory work only.
type observer interface {
	// began: a stream's partitions from the first one given on are read from start.
	began(stream, first int, start []int64)
	// read: a record was read. It was published as the newest entry, or is no event for the
	// reason given.
	read(stream int, ev *Event, refused Refusal)
	// opened: a subscription begins.
	opened(id uint32, r Request, starts []streamStart)
	// handed: a subscription, by its key, was handed the event of a record.
	handed(record spot, key uint64)
	// skipped: a subscription that lagged is not sent the entries from one seq to
	// another.
	skipped(key, from, to uint64)
	// refiltered: a subscription has another filter for what comes after an entry.
	refiltered(key, seq uint64, f Filter)
	// closed: a subscription, whose slot is still there, ends. why may be "".
	closed(id uint32, slot *subSlot, why string)
}

// unobserved is a hub that remembers no decisions, which costs nothing.
type unobserved struct{}

func (unobserved) began(int, int, []int64)               {}
func (unobserved) read(int, *Event, Refusal)             {}
func (unobserved) opened(uint32, Request, []streamStart) {}
func (unobserved) handed(spot, uint64)                   {}
func (unobserved) skipped(uint64, uint64, uint64)        {}
func (unobserved) refiltered(uint64, uint64, Filter)     {}
func (unobserved) closed(uint32, *subSlot, string)       {}

// status is what a stream's reader has said about it.
type status struct {
	warm  bool
	stale time.Time // Kafka hasn't answered since; zero: it answers
}

// NewHub returns a hub for these streams. [Hub.Close] ends what it starts.
func NewHub(c Config) *Hub {
	h := &Hub{
		catchup:   c.Catchup.withDefaults(),
		maxLag:    c.MaxLag,
		ids:       cmp.Or(c.IDs, cursor.Plain),
		start:     time.Now(),
		users:     newUsers(),
		own:       make(map[uint32]*ownPosition),
		apart:     make(map[uint32]struct{}),
		expecting: make(map[uint32]struct{}),
		anyUser:   make(anyUser),
		status:    make([]status, len(c.Streams)),

		viewByMask: make(map[uint64]uint32),
		viewsOf:    make([][]uint32, len(c.Streams)),
		readers:    make([]int, len(c.Streams)),

		observer: unobserved{},
	}
	for _, spec := range c.Streams {
		h.logs = append(h.logs, newLog(spec, len(h.logs), h.ids))
		if spec.State.MaxBytes > 0 {
			h.logs[len(h.logs)-1].state = newStateTable(h.logs[len(h.logs)-1], &h.users)
		}
	}
	if c.Decisions > 0 {
		h.observer = newDecisions(h, c.Decisions, len(c.Streams))
	}
	h.passes.init(h, len(c.Streams))
	h.SetHistory(c.History)
	return h
}

// SetHistory sets what is older than memory; nil: nothing is. It comes before the first
// [Hub.Open].
func (h *Hub) SetHistory(history History) {
	if history == nil {
		history = memoryOnly{h}
	}
	h.history = history
}

// Close ends all subscriptions (their Pull says Closed) and the catch-up, and waits for
// it.
func (h *Hub) Close() {
	h.mu.Lock()
	h.closed = true
	for i := range h.logs {
		h.wakeStream(i, h.seq+1, h.seq+1, true)
	}
	h.mu.Unlock()
	h.wakeRest()
	h.passes.close()
}

// Specs returns the streams, in their order.
func (h *Hub) Specs() []Spec {
	specs := make([]Spec, len(h.logs))
	for i, l := range h.logs {
		specs[i] = l.spec
	}
	return specs
}

// Lookup returns the index of the stream of this name.
func (h *Hub) Lookup(name string) (stream int, ok bool) {
	i := slices.IndexFunc(h.logs, func(l *log) bool { return l.spec.Name == name })
	return i, i >= 0
}

// Positions returns a copy of what the log has reached. The epoch is "" before the stream
// has begun.
func (h *Hub) Positions(stream int) (epoch string, next []int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.logs[stream].epoch, slices.Clone(h.logs[stream].head)
}

// noteReading notes that a stream is about to be read on from its head.
func (h *Hub) noteReading(l *log, now int64) {
	l.reads.note(now, h.catchup.MaxAge.Milliseconds(), l.head)
}

// now is the hub's clock, in ms. Only differences matter; it doesn't go back when the
// wall clock does.
func (h *Hub) now() int64 { return time.Since(h.start).Milliseconds() }

// Waker is told that a subscriber has something to read.
type Waker interface {
	// Wake is called with the hub's lock held, once until the subscriber's next Pull. It
	// must not block nor call the hub.
	Wake(token uint32)
}

// WakerID is a registered [Waker].
type WakerID uint8

// AddWaker registers a waker. There are at most 256: a few carriers, not one per
// connection.
func (h *Hub) AddWaker(w Waker) WakerID {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.wakers) > 255 {
		panic("stream: more than 256 wakers")
	}
	h.wakers = append(h.wakers, w)
	return WakerID(len(h.wakers) - 1)
}

// ErrWithdrawn says that a stream isn't served for now, see [Hub.Withdraw].
var ErrWithdrawn = errors.New("stream: withdrawn")

// Withdraw takes a stream out of service, or back in. While it is out, Open and State
// fail with [ErrWithdrawn]. Its subscribers are woken, and their Pull says [Withdrawn].
// The last id that they were sent stays valid. The stream's log goes on being written.
func (h *Hub) Withdraw(stream int, out bool) {
	h.mu.Lock()
	bit := uint64(1) << stream
	if out && h.withdrawn&bit == 0 {
		h.wakeStream(stream, h.seq+1, h.seq+1, true)
	}
	h.withdrawn &^= bit
	if out {
		h.withdrawn |= bit
	}
	h.mu.Unlock()
	h.wakeRest()
}

// IsWithdrawn reports whether a stream is out of service.
func (h *Hub) IsWithdrawn(stream int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.withdrawn&(1<<stream) != 0
}

// hubLock is the hub's lock. Nothing may hold it for longer than it takes to do a bounded
// amount of work, whatever callers and producers send. A watch, which only tests set, is
// told how much was done in each hold, so that a test can fail above the bound.
type hubLock struct {
	mu    sync.Mutex
	watch *holdWatch // nil: nothing is counted
}

// holdWatch counts the work of one hold.
type holdWatch struct {
	work  int
	began func()         // the lock was taken; nil: not told
	ended func(work int) // it is about to be given back
}

func (l *hubLock) Lock() {
	l.mu.Lock()
	if l.watch != nil && l.watch.began != nil {
		l.watch.began()
	}
}

func (l *hubLock) Unlock() {
	if w := l.watch; w != nil {
		work := w.work
		w.work = 0
		w.ended(work)
	}
	l.mu.Unlock()
}

// did counts work of this hold: a subscriber, an entry or a partition that was touched is
// one unit each, and so is a KB that was copied.
func (l *hubLock) did(n int) {
	if l.watch != nil {
		l.watch.work += n
	}
}

// breathe gives the lock back for a moment, so that others have it between two runs of
// work.
func (l *hubLock) breathe() {
	l.Unlock()
	l.Lock()
}

// holdRun is how many units of work one hold of the lock does before it is given back.
// One call may exceed it by what cannot be split: the copy of one record, one vector of
// positions.
const holdRun = 4096

// wakeRun is how many subscribers are woken under one hold.
const wakeRun = 2048
