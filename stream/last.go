package stream

import (
	"cmp"
	"context"
	"math"
	"slices"
)

// last finds the place just before the newest N events that the request would get, over all its
// streams together. Newest is by the records' timestamps, but never against the order
// of a partition: what is left out of a partition is older there than what is taken.
//
// Kafka is asked about a stream only if it can make a difference: when memory alone hasn't N, or when it
// reaches less far back in this stream than the oldest of those N.
func (h *Hub) last(ctx context.Context, r Request, unnamed []int, st *starts) error {
	n := r.From.N
	var all []mark
	memories := make([]memory, len(unnamed))
	since := make([]int64, len(unnamed))
	collect := func(i int, marks []mark) {
		for _, m := range marks {
			m.stream = i
			all = append(all, m)
		}
	}
	for i, u := range unnamed {
		var marks []mark
		memories[i], since[i], marks = h.recollect(r.Streams[u], r, n)
		collect(i, marks)
	}
	taken := newest(slices.Clone(all), n)
	oldest := int64(math.MinInt64)
	if len(taken) == n {
		oldest = slices.MinFunc(taken, func(a, b mark) int { return cmp.Compare(a.time, b.time) }).time
	}
	for i := range unnamed {
		if since[i] <= oldest {
			continue
		}
		marks, err := h.look(ctx, memories[i], r, n)
		if err != nil {
			return err
		}
		collect(i, marks)
	}
	taken = newest(all, n)
	for i, u := range unnamed {
		pos := slices.Clone(memories[i].head)
		for _, m := range taken {
			if m.stream == i {
				pos[m.partition] = min(pos[m.partition], m.offset)
			}
		}
		st.places[u] = place{epoch: memories[i].epoch, gen: memories[i].gen, pos: pos}
	}
	return nil
}

// mark is where an event stands, and when.
type mark struct {
	stream    int // index into what was asked for
	partition int32
	offset    int64
	time      int64
}

// newest takes n marks off the ends of the partitions, each time the one with the latest timestamp.
func newest(all []mark, n int) []mark {
	slices.SortFunc(all, func(a, b mark) int {
		return cmp.Or(cmp.Compare(a.stream, b.stream), cmp.Compare(a.partition, b.partition), cmp.Compare(a.offset, b.offset))
	})
	var tails [][]mark // of each partition
	for len(all) > 0 {
		i := 1
		for i < len(all) && all[i].stream == all[0].stream && all[i].partition == all[0].partition {
			i++
		}
		tails = append(tails, all[:i])
		all = all[i:]
	}
	var taken []mark
	for ; n > 0; n-- {
		latest := -1
		for i, t := range tails {
			if len(t) > 0 && (latest < 0 || t[len(t)-1].time > tails[latest][len(tails[latest])-1].time) {
				latest = i
			}
		}
		if latest < 0 {
			break
		}
		t := tails[latest]
		taken = append(taken, t[len(t)-1])
		tails[latest] = t[:len(t)-1]
	}
	return taken
}

// look is a question for the newest events older than memory. All that are asked while a
// reading is under way are answered by the next one.
type look struct {
	r       Request
	n       int
	epoch   string
	floor   []int64
	rings   map[int32][]mark // by partition, newest last
	done    chan struct{}
	err     error
	waiting context.Context
}

// look returns the marks of the request's newest events between what Kafka still has, within the bounds of
// catch-up, and memory.
func (h *Hub) look(ctx context.Context, m memory, r Request, n int) ([]mark, error) {
	b, err := h.bounds(ctx, m)
	if err != nil {
		return nil, err
	}
	if covers(b.Start, m.floor) {
		return nil, nil
	}
	if b.Epoch != m.epoch {
		return nil, ErrNotWarm
	}
	q := &look{r: r, n: n, epoch: m.epoch, floor: m.floor, rings: make(map[int32][]mark), done: make(chan struct{}), waiting: ctx}
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return nil, ErrClosed
	}
	ps := &h.passes
	ps.looking[m.stream] = append(ps.looking[m.stream], q)
	if !ps.seeking[m.stream] {
		ps.seeking[m.stream] = true
		ps.wg.Go(func() { ps.seek(m.stream) })
	}
	h.mu.Unlock()
	select {
	case <-q.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if q.err != nil {
		return nil, unavailable(ctx, q.err)
	}
	var marks []mark
	for _, ring := range q.rings {
		marks = append(marks, ring...)
	}
	return marks, nil
}

// seek reads for those who look until nobody does.
func (ps *passes) seek(stream int) {
	for {
		ps.hub.mu.Lock()
		asked := slices.DeleteFunc(ps.looking[stream], func(q *look) bool { return q.waiting.Err() != nil })
		ps.looking[stream] = nil
		ps.seeking[stream] = len(asked) > 0
		ps.hub.mu.Unlock()
		if len(asked) == 0 {
			return
		}
		err := ps.answer(stream, asked)
		for _, q := range asked {
			q.err = err
			close(q.done)
		}
	}
}

// answer makes one reading for all who asked.
func (ps *passes) answer(stream int, asked []*look) error {
	h := ps.hub
	select {
	case ps.slots <- struct{}{}:
		defer func() { <-ps.slots }()
	case <-ps.ctx.Done():
		return ErrClosed
	}
	m := memory{stream: stream, epoch: asked[0].epoch}
	b, err := h.bounds(ps.ctx, m)
	if err != nil {
		return err
	}
	// The share of each partition in what may be read: the newest records before memory.
	var to []int64
	for _, q := range asked {
		to = raise(to, q.floor)
	}
	from := make([]int64, len(to))
	for p := range from {
		from[p] = max(at(b.Start, p), to[p]-h.catchup.MaxRecords/int64(len(to)))
	}
	everyone := h.logs[stream].spec.Audience == AudienceEveryone
	byUser, anyUser := make(map[string][]*look), make(map[string][]*look)
	for _, q := range asked {
		if q.r.AnyUser {
			anyUser[q.r.Subject] = append(anyUser[q.r.Subject], q)
		} else {
			byUser[q.r.User] = append(byUser[q.r.User], q)
		}
	}
	return h.history.Read(ps.ctx, stream, m.epoch, from, to, func(p int32, events []Event, _ int64) error {
		for i := range events {
			ev := &events[i]
			if everyone {
				for _, q := range asked {
					q.see(ev)
				}
				continue
			}
			for _, user := range ev.Users {
				for _, q := range byUser[string(user)] {
					q.see(ev)
				}
			}
			for _, q := range anyUser[string(ev.Subject)] {
				q.see(ev)
			}
		}
		return nil
	})
}

// see remembers an event's mark if it is among the newest n of its partition so far.
func (q *look) see(ev *Event) {
	if ev.Offset >= at(q.floor, int(ev.Partition)) || q.r.Subject != "" && string(ev.Subject) != q.r.Subject {
		return
	}
	ring := append(q.rings[ev.Partition], mark{partition: ev.Partition, offset: ev.Offset, time: ev.Timestamp})
	if len(ring) >= 2*q.n { // forget the older half at once rather than one each time
		ring = append(ring[:0], ring[len(ring)-q.n:]...)
	}
	q.rings[ev.Partition] = ring
}
