package stream

import (
	"math"
	"slices"
	"time"

	"sluice/stream/sse"
)

// publishRun is how many events are published under one hold of the lock.
const publishRun = 64

// Begin says that a stream's topic was found, at which epoch, and from which offset of
// each partition its reader starts. Called again with another epoch it says that the
// topic was deleted and created again. A reset tells subscribers so, and they go on in
// the new one.
func (h *Hub) Begin(stream int, epoch string, start []int64) {
	defer h.wakeRest()
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.logs[stream]
	h.observer.began(stream, 0, start)
	if l.epoch == "" {
		l.epoch, l.head = epoch, slices.Clone(start)
		l.base, l.baseEpoch, l.baseLineage = slices.Clone(start), l.epoch, l.lineage
		l.open()
		h.noteReading(l, h.now())
		return
	}
	moved := make([]Moved, max(len(start), len(l.head)))
	for p := range moved {
		moved[p] = Moved{Partition: int32(p), From: at(l.head, p), To: at(start, p)}
	}
	next := &generation{}
	l.lineage.end(next, l.head, h.seq+1, everyPartition)
	l.epoch, l.head, l.times, l.lineage = epoch, slices.Clone(start), recordTimes{}, next
	l.reads = nil
	h.noteReading(l, h.now())
	if l.state != nil {
		l.state.clear()
	}
	h.addJump(stream, ReasonRecreated, moved, true)
	l.back, l.began, l.start = nil, h.seq, slices.Clone(start)
}

// AddPartitions says that a topic has partitions beyond those known, and where each is
// read from. A cursor that doesn't name them begins at their beginning, as Kafka's own
// consumers would have to.
func (h *Hub) AddPartitions(stream int, start []int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.logs[stream]
	known := len(l.head)
	h.observer.began(stream, known, start)
	l.head = grow(l.head, known+len(start))
	l.open()
	if l.oldest() == nil {
		l.base = grow(l.base, len(l.head))
	}
	for i, next := range start { // a partition is added at 0; what it has lost since is passed over
		if next > 0 {
			h.addAdvance(l, int32(known+i), next, h.now())
		}
	}
}

// Jump says that the reader lost its position in a partition and goes on at to. A reset
// tells subscribers so.
func (h *Hub) Jump(stream int, partition int32, reason Reason, to int64) {
	defer h.wakeRest()
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.logs[stream]
	from, lineage := l.head[partition], l.lineage.of(int(partition))
	l.head[partition] = to
	if l.state != nil {
		l.state.jump(partition, to, to < from)
	}
	switch {
	case to < from:
		before := slices.Clone(l.head)
		before[partition] = from
		next := l.lineage.cut(int(partition), to)
		l.lineage.end(next, before, h.seq+1, partition)
		l.lineage = next
	case to > from && len(lineage) > 0: // another may have begun in what is passed over
		l.lineage.set(int(partition), lineage.with(noEpoch, from))
	}
	h.addJump(stream, reason, []Moved{{Partition: partition, From: from, To: to}}, to < from)
	if to <= from {
		l.rememberBack(jumpBack{seq: h.seq, partition: partition, to: to, leader: lineage.at(from)})
	}
	if l.state != nil && to < from { // the reader feeds it anew after this call
		h.forgetState(l, partition)
	}
}

// forgetState empties a partition's part of the state, in runs. Others have the lock
// between them.
func (h *Hub) forgetState(l *log, partition int32) {
	for next := l.state.forget(partition, 1); next != 0; next = l.state.forget(partition, next) {
		h.mu.did(holdRun)
		h.mu.breathe()
	}
}

// addJump adds a jump entry for a head that has moved, in a separate block, and wakes
// everybody. back says that the position went back. What is older can't be resumed from
// memory any more then, as its positions don't compare with those after.
func (h *Hub) addJump(stream int, reason Reason, moved []Moved, back bool) {
	l := h.logs[stream]
	b := l.open()
	if back {
		l.gen = l.number + uint64(len(l.blocks)) - 1
	}
	frame := h.resetBody(Reset{Reason: reason, Stream: l.spec.Name, Partitions: moved})
	body := l.bodies.Commit(append(l.bodies.Room(len(frame)), frame...))
	h.seq++
	e := entry{seq: h.seq, read: h.now(), kind: kindJump, partition: everyPartition, body: body}
	if reason != ReasonRecreated || l.layout != nil {
		e.partition, e.time, e.next = moved[0].Partition, moved[0].From, moved[0].To
	}
	l.jumps = append(l.jumps, l.push(b, e))
	h.wakeStream(stream, h.seq, h.seq, true)
}

// Advance says that the position of a partition passed over records that are no event.
func (h *Hub) Advance(stream int, partition int32, next int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.logs[stream]
	if next <= l.head[partition] {
		return
	}
	now := h.now()
	h.noteReading(l, now)
	h.mu.did(l.expire(now, &h.users, publishRun))
	h.addAdvance(l, partition, next, now)
}

func (h *Hub) addAdvance(l *log, partition int32, next, now int64) {
	if l.advance(partition, next, now, h.seq+1) {
		h.seq++
	}
}

// Publish adds events to a stream's log and wakes the subscribers they are for. Offsets
// ascend within a partition. Events that the log is past already are ignored, so that a
// reader may read again. It copies what it keeps and waits for no subscriber.
func (h *Hub) Publish(stream int, events []Event) {
	for len(events) > 0 {
		n, more := h.publishSome(stream, events[:min(len(events), publishRun)])
		if events = events[n:]; more {
			h.wakeRest()
			h.expireRest(stream)
		}
	}
}

// expireRest evicts what a log has beyond its bytes, in runs. The lock is not held.
func (h *Hub) expireRest(stream int) {
	for more := true; more; {
		h.mu.Lock()
		l := h.logs[stream]
		work := l.expire(h.now(), &h.users, 0)
		h.mu.did(work)
		more = work > 0 && l.over()
		h.mu.Unlock()
	}
}

// publishSome publishes the first of some events, as many as one hold of the lock has
// time for. more says that something is left to do for them: others must be woken, or
// older entries evicted.
func (h *Hub) publishSome(stream int, events []Event) (n int, more bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l, now := h.logs[stream], h.now()
	wall := time.Now().UnixMilli() // what timestamps compare with
	h.noteReading(l, now)
	first, work := uint64(0), 0 // the first entry that is for everybody
	for ; n < len(events) && work < holdRun && len(h.wakings) < maxWakings; n++ {
		ev := &events[n]
		if ev.Offset < l.head[ev.Partition] {
			continue
		}
		work += 1 + len(ev.Users) + len(ev.Data)>>7
		h.mu.did(1 + len(ev.Users) + len(ev.Data)>>10)
		ms, own := l.times.of(ev.Partition, ev.Timestamp, wall)
		gone, some := l.former(ev)
		part := wholeRecord
		if l.state != nil {
			l.state.apply(ev, ms, own, wall)
		}
		switch isShown := !ev.Hidden && (l.spec.Audience == AudienceEveryone || len(ev.Users) > 0); {
		case isShown:
			if some {
				part = firstHalf
			}
			work += h.publishOne(l, ev, part, ms, now)
			if !some {
				h.observer.read(stream, ev, Refusal{})
			}
			if first == 0 && l.spec.Audience == AudienceEveryone {
				first = h.seq
			}
		case !some: // nobody's: only the position moves
			h.addAdvance(l, ev.Partition, ev.Offset+1, now)
		}
		if some { // after ev, so that who follows the subject has passed this offset and is sent ev alone
			if part == firstHalf {
				part = secondHalf
			}
			work += h.publishOne(l, &gone, part, ms, now)
			h.mu.did(1 + len(gone.Users) + len(gone.Data)>>10)
			h.observer.read(stream, ev.withFormer(gone), Refusal{})
		}
	}
	if first != 0 {
		h.wakeStream(stream, first, h.seq, false)
	}
	more = h.wakeSome(wakeRun)
	h.mu.did(l.expire(now, &h.users, 4*publishRun))
	more = more || l.over()
	if l.state != nil {
		l.state.expire(wall)
	}
	return n, more
}

// publishOne adds an event to its log and wakes users it is for, and those who follow its
// subject.
func (h *Hub) publishOne(l *log, ev *Event, part half, ms, now int64) (work int) {
	h.seq++
	e := h.append(l, ev, part, ms, now)
	if l.spec.Audience == AudienceUser {
		work += h.wakeUsers(l.stream, l, e.begins())
	}
	if len(h.anyUser) > 0 && len(ev.Subject) > 0 {
		work += h.wakeSubject(l.stream, ev.Subject, e.begins())
	}
	return work
}

// append frames an event, which is of the moment ms, into the log and links it into its
// users' chains.
func (h *Hub) append(l *log, ev *Event, part half, ms, now int64) entry {
	b := l.tail()
	body := sse.AppendBody(l.bodies.Room(sse.BodyLen(ev.Name, ev.Data)+len(ev.Subject)), ev.Name, ev.Data)
	e := entry{
		seq:       h.seq,
		next:      ev.Offset + 1,
		time:      ms,
		read:      now,
		partition: ev.Partition,
		half:      part,
		posting:   uint32(len(b.postings)),
		body:      l.bodies.Commit(append(body, ev.Subject...)),
		subject:   uint32(len(ev.Subject)),
	}
	if l.spec.Audience == AudienceUser {
		to := l.coming()
		e.users = uint8(min(len(ev.Users), math.MaxUint8))
		for _, id := range ev.Users[:e.users] {
			uid := h.users.acquire(id)
			if int(uid) >= len(l.last) || l.last[uid] == 0 {
				l.bytes += h.users.cost(uid)
			}
			b.postings = append(b.postings, l.chainTo(uid, to, len(b.postings)))
		}
	}
	l.push(b, e)
	return e
}

func (h *Hub) wakeUsers(stream int, l *log, seq uint64) (n int) {
	b := l.blocks[len(l.blocks)-1]
	e := &b.entries[len(b.entries)-1]
	for _, p := range b.postings[e.posting : e.posting+uint32(e.users)] {
		n += h.wakeUser(p.uid, stream, seq)
	}
	return n
}

// SetStale says since when Kafka hasn't answered for a stream; the zero time: it answers.
// It wakes all its subscribers.
func (h *Hub) SetStale(stream int, since time.Time) {
	defer h.wakeRest()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.status[stream].stale.Equal(since) {
		return
	}
	h.status[stream].stale = since
	h.wakeStream(stream, h.seq+1, h.seq+1, true)
}

// SetWarm says that the replay window has been read: the stream may be opened.
func (h *Hub) SetWarm(stream int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.status[stream].warm {
		return
	}
	h.status[stream].warm = true
	n := 0
	for id := range h.expecting {
		if h.own[id].absent&(1<<stream) == 0 {
			continue
		}
		delete(h.expecting, id)
		if !h.subs.at(id).ended() {
			h.end(id, Widened)
		}
		if n++; n%wakeRun == 0 {
			h.mu.breathe()
		}
	}
}

// Refused says that a record is no event, and why. Only the record of decisions uses it.
func (h *Hub) Refused(stream int, r Refusal) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r.Offset >= at(h.logs[stream].head, int(r.Partition)) {
		h.observer.read(stream, &Event{Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp}, r)
	}
}
