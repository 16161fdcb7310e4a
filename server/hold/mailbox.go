package hold

import (
	"crypto/tls"
	"sync"
)

// mailbox is how others reach a worker. The worker takes all of it at once.
type mailbox[T any] struct {
	bell chan struct{} // rung when there is something; holds one ring

	mu     sync.Mutex // guards the rest; a leaf, taken under the hub's lock
	slots  slots[T]
	free   []uint32
	mail   mail[T]
	closed bool
}

// mail is what a worker is to look at.
type mail[T any] struct {
	woken   []uint32 // slots with something to send
	arrived []arrival[T]
	events  []event                 // of the worker's epoll
	each    []func(now int64, t *T) // to be done for every open connection
}

// arrival is a connection whose descriptor is the worker's from now on.
type arrival[T any] struct {
	slot    uint32
	fd      int
	conn    *tls.Conn // nil: plain
	framing framing
	head    []byte // status line and header
	opening []byte // first of the body
	early   []byte // of talking: what the client has sent already
	t       T
}

// event is one epoll event: for which slot, whose descriptor, what.
type event struct {
	slot, gen uint32
	what      uint32
}

func (m *mailbox[T]) ring() {
	select {
	case m.bell <- struct{}{}:
	default:
	}
}

// Wake tells the worker that a connection has something to send. The hub calls it with
// its lock held.
func (m *mailbox[T]) Wake(slot uint32) {
	m.mu.Lock()
	first := len(m.mail.woken) == 0
	m.mail.woken = append(m.mail.woken, slot)
	m.mu.Unlock()
	if first {
		m.ring()
	}
}

// post adds to the mail; false: the worker has ended.
func (m *mailbox[T]) post(add func(*mail[T])) bool {
	m.mu.Lock()
	closed := m.closed
	if !closed {
		add(&m.mail)
	}
	m.mu.Unlock()
	m.ring()
	return !closed
}

// take swaps the mail for an empty one whose memory may be used again.
func (m *mailbox[T]) take(empty mail[T]) (mail[T], slots[T]) {
	clear(empty.arrived)
	clear(empty.each)
	m.mu.Lock()
	defer m.mu.Unlock()
	full := m.mail
	m.mail = mail[T]{woken: empty.woken[:0], arrived: empty.arrived[:0], events: empty.events[:0], each: empty.each[:0]}
	return full, m.slots
}

// reserve takes a free slot.
func (m *mailbox[T]) reserve() uint32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.free) == 0 {
		n := uint32(len(m.slots) * slotChunk)
		// A new outer slice: the worker may be reading the old one.
		m.slots = append(m.slots[:len(m.slots):len(m.slots)], make([]slot[T], slotChunk))
		for i := uint32(slotChunk); i > 0; i-- {
			if n+i-1 != 0 { // slot 0 is none
				m.free = append(m.free, n+i-1)
			}
		}
	}
	last := len(m.free) - 1
	slot := m.free[last]
	m.free = m.free[:last]
	return slot
}

func (m *mailbox[T]) release(slot uint32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.free = append(m.free, slot)
}

func (m *mailbox[T]) inUse() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return max(0, len(m.slots)*slotChunk-1) - len(m.free)
}
