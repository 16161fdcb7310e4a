package stream

import (
	"context"
	"slices"
	"time"
)

// newestQuery is a question for the newest events older than memory. All that are asked
// while a reading is under way are answered by the next reading, or by what that one has
// found.
type newestQuery struct {
	key     newestKey
	filter  Filter
	n       int
	epoch   string
	floor   []int64
	got     *newestAnswer // the answer
	done    chan struct{}
	err     error
	waiting context.Context
}

// newestKey is whose events are asked for. Of a stream for everyone, user is "".
type newestKey struct {
	stream int
	user   string
	filter string // its mark and more, see Filter.key
	any    bool   // of every user
}

// maxQueryMarks is how many marks the queries of one reading may keep together, some 32
// MiB of them. A query beyond it waits for the next reading.
const maxQueryMarks = 2 << 20

// newestFromKafka shows pick the newest of the request's events between what Kafka still
// has, within the bounds of catch-up, and memory.
func (h *Hub) newestFromKafka(ctx context.Context, m memory, r Request, pick *newestPick, index int) error {
	if err := r.reach(); err != nil {
		return err
	}
	b, err := h.bounds(ctx, m)
	if err != nil {
		return err
	}
	if covers(b.Start, m.floor) {
		return nil
	}
	if b.Epoch != m.epoch {
		return ErrNotWarm
	}
	key := newestKey{stream: m.stream, user: r.User, filter: r.Filter.key(), any: r.AnyUser}
	if h.logs[m.stream].spec.Audience == AudienceEveryone {
		key.user, key.any = "", false
	}
	from := h.newestFrom(b.Start, m.floor)
	got := h.passes.answers.find(key, m, from, pick.n)
	if got == nil {
		if got, err = h.askNewest(ctx, &newestQuery{key: key, filter: r.Filter, n: pick.n, epoch: m.epoch, floor: m.floor, done: make(chan struct{}), waiting: ctx}); err != nil {
			return err
		}
	}
	for p, marks := range got.marks {
		for _, one := range slices.Backward(marks) {
			if one.offset >= at(m.floor, int(p)) || one.offset < at(from, int(p)) {
				continue
			}
			if !pick.show(index, p, one.offset, one.time) {
				break
			}
		}
	}
	return nil
}

// newestFrom is how far back a query reads: each partition has its share in what may be
// read.
func (h *Hub) newestFrom(start, floor []int64) []int64 {
	from := make([]int64, len(floor))
	for p := range from {
		from[p] = max(at(start, p), floor[p]-h.catchup.MaxRecords/int64(len(floor)))
	}
	return from
}

// askNewest has a query answered by a reading.
func (h *Hub) askNewest(ctx context.Context, q *newestQuery) (*newestAnswer, error) {
	stream := q.key.stream
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return nil, ErrClosed
	}
	ps := &h.passes
	if ps.streams[stream].queries.add(q) {
		ps.wg.Go(func() { ps.serveQueries(stream) })
	}
	h.mu.Unlock()
	select {
	case <-q.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if q.err != nil {
		return nil, unavailableError(ctx, q.err)
	}
	return q.got, nil
}

// serveQueries reads for the queries of a stream until there are none.
func (ps *catchupPasses) serveQueries(stream int) {
	for {
		ps.hub.mu.Lock()
		looks := &ps.streams[stream].queries
		asked := slices.DeleteFunc(looks.waiting, (*newestQuery).gone)
		looks.put(nil, len(asked) > 0)
		ps.hub.mu.Unlock()
		if len(asked) == 0 {
			return
		}
		for len(asked) > 0 {
			asked = ps.answerQueries(stream, asked)
		}
	}
}

// gone reports whether nobody waits for the answer any more.
func (q *newestQuery) gone() bool { return q.waiting.Err() != nil }

// answerQueries makes one reading for some queries, as many as it has room for, and
// returns the others.
func (ps *catchupPasses) answerQueries(stream int, asked []*newestQuery) (later []*newestQuery) {
	g := newestReading{hub: ps.hub, stream: stream, epoch: asked[0].epoch, everyone: ps.hub.logs[stream].spec.Audience == AudienceEveryone}
	for _, q := range asked {
		switch {
		case q.gone():
		case q.epoch != g.epoch || !g.take(q):
			later = append(later, q)
		}
	}
	err := g.read(ps)
	for _, one := range g.all {
		for _, q := range one.asked {
			q.got, q.err = &one.newestAnswer, err
			close(q.done)
		}
	}
	return later
}

// newestReading is one reading for some queries.
type newestReading struct {
	hub       *Hub
	stream    int
	epoch     string
	everyone  bool
	to        []int64 // up to where
	room      int     // marks taken
	times     recordTimes
	all       []*newestFound
	byKey     map[newestKey]*newestFound
	byUser    map[string][]*newestFound
	bySubject map[string][]*newestFound // of everybody's, or of every user's
	plain     []*newestFound            // of everybody's, of whatever subject
}

// newestFound is what a reading finds for one key.
type newestFound struct {
	newestAnswer
	filter Filter
	asked  []*newestQuery
}

// take takes a query into the reading; false: there is no room.
func (g *newestReading) take(q *newestQuery) bool {
	one := g.byKey[q.key]
	if one == nil {
		room := 2 * q.n * len(q.floor)
		if len(g.all) > 0 && g.room+room > maxQueryMarks {
			return false
		}
		g.room += room
		one = &newestFound{newestAnswer: newestAnswer{key: q.key, epoch: q.epoch, marks: make(map[int32][]offsetTime)}, filter: q.filter}
		if g.byKey == nil {
			g.byKey, g.byUser, g.bySubject = make(map[newestKey]*newestFound), make(map[string][]*newestFound), make(map[string][]*newestFound)
		}
		g.byKey[q.key] = one
		g.all = append(g.all, one)
		g.file(one)
	}
	one.n = max(one.n, q.n)
	one.to = raise(one.to, q.floor)
	g.to = raise(g.to, q.floor)
	one.asked = append(one.asked, q)
	return true
}

// file puts one where events are looked up.
func (g *newestReading) file(one *newestFound) {
	switch user := one.key.user; {
	case !g.everyone && !one.key.any:
		g.byUser[user] = append(g.byUser[user], one)
	case len(one.filter.subjectSet) == 0:
		g.plain = append(g.plain, one)
	default:
		for _, subject := range one.filter.subjectSet {
			g.bySubject[subject] = append(g.bySubject[subject], one)
		}
	}
}

// read reads what isn't known already of what was asked for.
func (g *newestReading) read(ps *catchupPasses) error {
	if len(g.all) == 0 {
		return nil
	}
	h := g.hub
	select {
	case ps.slots <- struct{}{}:
		defer func() { <-ps.slots }()
	case <-ps.ctx.Done():
		return ErrClosed
	}
	m := h.memory(g.stream)
	if m.epoch != g.epoch {
		return ErrNotWarm
	}
	b, err := h.bounds(ps.ctx, m)
	if err != nil {
		return err
	}
	horizon := h.newestFrom(b.Start, g.to)
	from := slices.Clone(g.to)
	for _, one := range g.all {
		one.gen = m.gen
		one.from = slices.Clone(horizon)
		one.begin = slices.Clone(horizon)
		if known := ps.answers.known(one.key, m, horizon, one.n); known != nil {
			one.marks, one.begin = known.marks, raise(slices.Clone(known.to), horizon)
			one.to = raise(one.to, known.to)
		}
		for p := range from {
			from[p] = min(from[p], at(one.begin, p))
		}
	}
	if err := h.history.Read(ps.ctx, g.stream, g.epoch, from, g.to, g.emit); err != nil {
		return err
	}
	for _, one := range g.all {
		one.trim()
		ps.answers.remember(&one.newestAnswer)
	}
	return nil
}

// emit looks through a run of one partition's events.
func (g *newestReading) emit(run HistoryRun) error {
	if g.gone() {
		return errNobody
	}
	now := time.Now().UnixMilli()
	for i := range run.Events {
		ev := &run.Events[i]
		ms, _ := g.times.of(ev.Partition, ev.Timestamp, now)
		if !ev.Hidden {
			g.see(ev, ms)
		}
		if gone, some := ev.toFormer(); some && !g.everyone {
			g.see(&gone, ms)
		}
	}
	return nil
}

// see shows an event to all who may be sent it.
func (g *newestReading) see(ev *Event, ms int64) {
	for _, one := range g.plain {
		one.see(ev, ms)
	}
	for _, one := range g.bySubject[string(ev.Subject)] {
		one.see(ev, ms)
	}
	if g.everyone {
		return
	}
	for _, user := range ev.Users {
		for _, one := range g.byUser[string(user)] {
			one.see(ev, ms)
		}
	}
}

// gone reports whether nobody waits for any answer any more.
func (g *newestReading) gone() bool {
	for _, one := range g.all {
		if slices.ContainsFunc(one.asked, func(q *newestQuery) bool { return !q.gone() }) {
			return false
		}
	}
	return true
}

// see remembers an event's mark if it is among the newest n of its partition so far. ms
// is when it is of, as recordTimes has it.
func (g *newestFound) see(ev *Event, ms int64) {
	p := int(ev.Partition)
	if ev.Offset < at(g.begin, p) || ev.Offset >= at(g.to, p) || !g.filter.leavesEvent(ev) {
		return
	}
	marks := append(g.marks[ev.Partition], offsetTime{ev.Offset, ms})
	if len(marks) >= 2*g.n { // forget the older half at once rather than one each time
		marks = append(marks[:0], marks[len(marks)-g.n:]...)
	}
	g.marks[ev.Partition] = marks
}
