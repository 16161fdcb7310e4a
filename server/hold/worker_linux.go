package hold

import (
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"sluice/stream"
)

const (
	// lingerTime is how long a client may take to read the end before the descriptor is
	// closed anyway. Closing at once could answer something the client has sent with a
	// reset, which destroys what it hasn't read yet.
	lingerTime = 1000
)

// worker owns connections: their descriptors, and their slots once they have arrived.
type worker[T any] struct {
	mailbox[T]
	craft   *Craft[T]
	timeout int64 // WriteTimeout, ms
	poll    *poll
	done    chan struct{}
	wakes   atomic.Uint64 // how often it has slept and been woken

	// touched by run only
	slots         slots[T]
	wheel         wheel
	rests         map[uint32]*rest
	secures       map[uint32]*secure
	again         []uint32 // to be filled once more, after everybody else had a turn
	batch         stream.Batch
	iov           iovecs
	size          []byte                      // a chunk's header
	plain, sealed []byte                      // what goes into a TLS connection, and what has come out
	heard         []byte                      // what a client has sent is read into
	spent         struct{ events, bytes int } // of this pass
}

// rest is what a full socket didn't take.
type rest struct {
	bufs  [][]byte
	since int64 // when it last took something
	then  Verdict
}

// run is the worker's goroutine. It sleeps until somebody rings or a timer is due.
func (w *worker[T]) run() {
	defer close(w.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var box mail[T]
	for {
		if len(w.again) == 0 {
			var due <-chan time.Time
			if at, ok := w.wheel.next(); ok {
				timer.Reset(time.Duration(at-w.craft.Now()) * time.Millisecond)
				due = timer.C
			}
			select {
			case <-w.bell:
			case <-due:
			}
			w.wakes.Add(1)
		}
		box, w.slots = w.take(box)
		now := w.craft.Now()
		for i := range box.arrived {
			w.arrive(&box.arrived[i], now)
		}
		for _, e := range box.events {
			w.event(e, now)
		}
		if len(box.events) > 0 {
			w.poll.seen()
		}
		for _, slot := range box.woken {
			w.serve(slot, now)
		}
		for _, do := range box.each {
			w.each(do, now)
		}
		w.refill(now)
		w.tick(now)
		w.count()
		if w.ended() {
			return
		}
	}
}

// arrive begins a connection: its header, its opening and what there is already go out in
// one call.
func (w *worker[T]) arrive(a *arrival[T], now int64) {
	s := w.slots.at(a.slot)
	s.t, s.fd, s.gen, s.framing, s.state, s.again = a.t, int32(a.fd), s.gen+1, a.framing, open, false
	if s.secure = a.conn != nil; s.secure {
		w.secures[a.slot] = &secure{conn: a.conn}
		wire := wireOf(a.conn)
		wire.fd, wire.sent = a.fd, &w.sealed
	}
	if err := w.poll.add(a.fd, a.slot, s.gen, s.secure || s.framing == talking); err != nil {
		w.finish(a.slot, s, Gone)
		w.drop(a.slot, s)
		return
	}
	w.batch.Append(a.opening)
	w.fill(a.slot, s, now, a.head)
	if len(a.early) > 0 && s.isOpen() {
		w.told(a.slot, s, now, a.early)
	}
	if s.secure && s.isOpen() {
		w.receiveSealed(a.slot, s, now) // what TLS has read ahead no epoll tells of
	}
}

// serve fills a connection that has been woken, unless it is still to take what it was
// given.
func (w *worker[T]) serve(slot uint32, now int64) {
	if s := w.slots.at(slot); s.state == open && !s.again {
		w.fill(slot, s, now, nil)
	}
}

// refill gives those who have more to come another turn.
func (w *worker[T]) refill(now int64) {
	turn := w.again
	w.again = w.again[len(w.again):]
	for _, slot := range turn {
		s := w.slots.at(slot)
		if s.state == open && s.again {
			s.again = false
			w.fill(slot, s, now, nil)
		}
	}
	if len(w.again) == 0 {
		w.again = turn[:0]
	}
}

// fill asks what the connection is due now and writes it.
func (w *worker[T]) fill(slot uint32, s *slot[T], now int64, head []byte) {
	b := &w.batch
	then := w.craft.Fill(&s.t, now, b)
	w.spent.events += b.Events
	w.spent.bytes += b.Bytes
	w.iov.reset()
	if head != nil {
		w.iov.add(head)
	}
	if s.framing == chunked && b.Bytes > 0 {
		w.iov.add(append(strconv.AppendInt(w.size[:0], int64(b.Bytes), 16), '\r', '\n'))
	}
	for _, buf := range b.Bufs {
		w.iov.add(buf)
	}
	if s.framing == chunked {
		switch {
		case b.Bytes > 0 && then == End:
			w.iov.add(lastChunk)
		case b.Bytes > 0:
			w.iov.add(chunkEnd)
		case then == End:
			w.iov.add(lastChunk[2:])
		}
	}
	var left [][]byte
	var err error
	if s.secure {
		left, err = w.seal(slot, s, then)
	} else {
		left, err = w.iov.write(int(s.fd))
	}
	switch {
	case err != nil:
		w.finish(slot, s, Gone)
		w.drop(slot, s)
	case left != nil:
		w.block(slot, s, now, left, then)
	default:
		w.written(slot, s, now, then)
	}
	w.batch.Reset()
}

var (
	chunkEnd  = []byte("\r\n")
	lastChunk = []byte("\r\n0\r\n\r\n")
)

// written goes on after everything was taken.
func (w *worker[T]) written(slot uint32, s *slot[T], now int64, then Verdict) {
	switch then {
	case More:
		s.again = true
		w.again = append(w.again, slot)
	case End:
		w.finish(slot, s, Ended)
		s.state = lingering
		if s.secure {
			w.secures[slot].deaf = true
		}
		if s.secure || s.framing == talking {
			w.watch(slot, s)
		}
		unix.Shutdown(int(s.fd), unix.SHUT_WR)
		w.rearm(slot, now+lingerTime)
		return
	}
	w.arm(slot, s, now)
}

// event handles what epoll said.
func (w *worker[T]) event(e event, now int64) {
	s := w.slots.at(e.slot)
	if s.state == unused || s.gen != e.gen {
		return // of the descriptor that was here before
	}
	if s.framing == talking && !s.secure && e.what&unix.EPOLLIN != 0 && s.isOpen() {
		w.listen(e.slot, s, now) // also to the last words of one that has closed its side
	}
	if e.what&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 && s.state != unused {
		if s.state != lingering {
			w.finish(e.slot, s, Gone)
		}
		w.drop(e.slot, s)
		return
	}
	if s.secure && e.what&unix.EPOLLIN != 0 && s.isOpen() {
		w.receiveSealed(e.slot, s, now)
	}
	if s.state != blocked || e.what&unix.EPOLLOUT == 0 {
		return
	}
	r := w.rests[e.slot]
	w.iov.reset()
	for _, buf := range r.bufs {
		w.iov.add(buf)
	}
	left, err := w.iov.write(int(s.fd))
	switch {
	case err != nil:
		w.finish(e.slot, s, Gone)
		w.drop(e.slot, s)
	case left != nil:
		r.bufs, r.since = left, now
	default:
		delete(w.rests, e.slot)
		s.state = open
		w.watch(e.slot, s)
		if r.then == Wait {
			r.then = More // it was not served while it was blocked
		}
		w.written(e.slot, s, now, r.then)
	}
}

// each does something to every open connection, which may change when it is due.
func (w *worker[T]) each(do func(now int64, t *T), now int64) {
	for i := range w.slots {
		for j := range w.slots[i] {
			s, slot := &w.slots[i][j], uint32(i*slotChunk+j)
			if s.state == open || s.state == blocked {
				do(now, &s.t)
				w.arm(slot, s, now)
			}
		}
	}
}

// tick serves those whose time has come.
func (w *worker[T]) tick(now int64) {
	for {
		slot := w.wheel.take(w.slots.links, now)
		if slot == 0 {
			return
		}
		s := w.slots.at(slot)
		// A list's slots are taken up to wheelStep early; their session is asked as of the
		// list's end.
		until := now + wheelStep
		switch {
		case s.state == lingering:
			w.drop(slot, s)
		case w.due(slot, s) > until: // it has moved on since
			w.arm(slot, s, now)
		case s.state == blocked:
			w.finish(slot, s, Slow)
			w.drop(slot, s)
		case s.state == open && !s.again:
			w.fill(slot, s, until, nil)
		case s.state == open:
			w.arm(slot, s, now)
		}
	}
}

// due is when a slot has to be looked at.
func (w *worker[T]) due(slot uint32, s *slot[T]) int64 {
	if s.state == blocked {
		return w.rests[slot].since + w.timeout
	}
	return w.craft.Due(&s.t)
}

// arm puts a slot into the wheel, if it isn't there early enough already.
func (w *worker[T]) arm(slot uint32, s *slot[T], now int64) {
	due := w.due(slot, s)
	if s.bucket != 0 {
		i := int64(s.bucket - 1)
		planned := (w.wheel.turn + (i-w.wheel.turn%wheelSlots+wheelSlots)%wheelSlots) * wheelStep
		if planned <= due {
			return
		}
	}
	w.rearm(slot, due)
}

func (w *worker[T]) rearm(slot uint32, due int64) {
	w.wheel.remove(w.slots.links, slot)
	w.wheel.add(w.slots.links, slot, due)
}

// finish tells the craft that the stream has ended.
func (w *worker[T]) finish(slot uint32, s *slot[T], why Why) {
	w.craft.Gone(&s.t, why)
	delete(w.rests, slot)
	s.again = false
}

// drop closes the descriptor and frees the slot.
func (w *worker[T]) drop(slot uint32, s *slot[T]) {
	w.wheel.remove(w.slots.links, slot)
	unix.Close(int(s.fd)) // takes it out of the epoll too
	if s.secure {
		delete(w.secures, slot)
	}
	var none T
	s.t, s.fd, s.state, s.secure = none, -1, unused, false
	w.release(slot)
}

func (w *worker[T]) count() {
	if w.spent.bytes > 0 {
		w.craft.Wrote(w.spent.events, w.spent.bytes)
		w.spent.events, w.spent.bytes = 0, 0
	}
}

// ended closes what is left if the worker is to end.
func (w *worker[T]) ended() bool {
	w.mu.Lock()
	ended := w.closed && len(w.mail.arrived) == 0 // nothing is posted after closed was set
	w.mu.Unlock()
	if !ended {
		return false
	}
	for i := range w.slots {
		for j := range w.slots[i] {
			s, slot := &w.slots[i][j], uint32(i*slotChunk+j)
			switch s.state {
			case unused:
				continue
			case open, blocked:
				w.finish(slot, s, Gone)
			}
			w.drop(slot, s)
		}
	}
	return true
}
