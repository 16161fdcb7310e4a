package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sluice/stream/cursor"
)

// errMoved says that a topic was created anew or lost records between the look at Kafka
// and subscribing.
var errMoved = errors.New("stream: moved")

// memory is what a log can serve at a moment.
type memory struct {
	stream      int
	name, epoch string
	gen         uint64
	warm        bool
	floor, head []int64
	layout      *layout // nil: the stream has one topic
	epochs      []lineage
	young       []int64 // from here on everything was read within Catchup.MaxAge; nil: nothing is known to be
}

func (h *Hub) memory(stream int) memory {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.logs[stream]
	return memory{
		stream: stream, name: l.spec.Name, epoch: l.epoch, gen: l.gen,
		warm:  l.epoch != "" && h.status[stream].warm,
		floor: slices.Clone(l.floor()), head: slices.Clone(l.head), layout: l.layout, epochs: l.lineage.epochs,
		young: slices.Clone(l.reads.since(h.now() - h.catchup.MaxAge.Milliseconds())),
	}
}

// bounds asks Kafka what it holds.
func (h *Hub) bounds(ctx context.Context, m memory) (Bounds, error) {
	b, err := h.history.Bounds(ctx, m.stream)
	if err != nil {
		return b, unavailableError(ctx, err)
	}
	return b, nil
}

func unavailableError(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, context.Canceled): // not by the caller: a reading for several ends with the hub
		return ErrClosed
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// resume finds where a cursor's segment stands, and what has to be said about it.
func (h *Hub) resume(ctx context.Context, m memory, seg *cursor.Segment, r *Request) (streamStart, []Reset, error) {
	start := streamStart{epoch: m.epoch, gen: m.gen}
	if seg.IsLost() {
		return start, []Reset{{Reason: ReasonInvalid, Stream: m.name}}, nil
	}
	if !r.takes(seg) {
		return start, []Reset{{Reason: ReasonScope, Stream: m.name}}, nil
	}
	var gone Reset // topics of several that were deleted
	switch {
	case m.layout != nil && seg.Epoch != cursor.Several && len(m.topicsOf(seg)) == 0: // of when the stream had another topic
		return start, []Reset{{Reason: ReasonInvalid, Stream: m.name}}, nil
	case m.layout != nil:
		found, ahead, moved, err := h.locateTopics(ctx, m, seg, r)
		if err != nil {
			return start, nil, err
		}
		seg, start.ahead, gone = &found, ahead, Reset{Reason: ReasonRecreated, Stream: m.name, Partitions: moved}
	case seg.Epoch == cursor.Several:
		one := m.ofOne(*seg)
		seg = &one
	}
	start, resets, err := h.resumeAt(ctx, m, seg, start, r)
	return start, append(said(gone), resets...), err
}

// resumeAt finds where a position stands.
func (h *Hub) resumeAt(ctx context.Context, m memory, seg *cursor.Segment, start streamStart, r *Request) (streamStart, []Reset, error) {
	start.pos = grow(slices.Clone(seg.Offsets), len(m.head)) // what it doesn't name begins at its beginning
	truncated := Reset{Reason: ReasonTruncated, Stream: m.name}
	if seg.Epoch == m.epoch {
		var asked bool
		var err error
		if truncated.Partitions, start.leaders, asked, err = h.holdEpochs(ctx, m, seg.Leaders, start.pos, r.reach); err != nil {
			return start, nil, err
		}
		start.came = slices.Clone(start.pos)
		if !asked && covers(start.pos, m.floor) && covers(m.head, start.pos) {
			start.pos = start.pos[:len(m.head)] // what else it names it has at 0
			return start, said(truncated), nil
		}
	}
	if err := r.reach(); err != nil {
		return start, nil, err
	}
	b, err := h.bounds(ctx, m) // also after leader epochs: they may have been of another topic
	if err != nil {
		return start, nil, err
	}
	if b.Epoch != m.epoch || m.lacks(b, start.pos) { // our own reader is about to notice that the topic is another one
		return start, nil, ErrNotWarm
	}
	if seg.Epoch != m.epoch {
		r := Reset{Reason: ReasonRecreated, Stream: m.name}
		for p := range max(len(b.Start), len(start.pos)) {
			r.Partitions = append(r.Partitions, Moved{Partition: int32(p), From: at(start.pos, p), To: at(b.Start, p)})
		}
		start.pos = grow(slices.Clone(b.Start), len(m.head))
		far, err := h.limit(ctx, m, start.pos, false)
		return start, said(r, far), err
	}
	return h.fit(ctx, m, b, start, truncated)
}

// fit moves a position to where Kafka has records, partition by partition. truncated is
// what has moved already.
func (h *Hub) fit(ctx context.Context, m memory, b Bounds, start streamStart, truncated Reset) (streamStart, []Reset, error) {
	retention := Reset{Reason: ReasonRetention, Stream: m.name}
	compacted := Reset{Reason: ReasonCompacted, Stream: m.name}
	pos := start.pos
	for p, next := range pos {
		part := int32(p)
		switch {
		case next > at(b.End, p) && next > at(m.head, p):
			truncated.Partitions = append(truncated.Partitions, Moved{Partition: part, From: next, To: at(b.End, p)})
			pos[p] = at(b.End, p)
		case next >= at(m.floor, p): // in memory, whatever Kafka still has of it
		case next < at(b.Start, p): // memory may have older than Kafka
			pos[p] = min(at(b.Start, p), at(m.floor, p))
			retention.Partitions = append(retention.Partitions, Moved{Partition: part, From: next, To: pos[p]})
		case next < at(b.Compacted, p):
			compacted.Partitions = append(compacted.Partitions, Moved{Partition: part, From: next, To: next})
		}
	}
	truncated.Partitions = lowest(truncated.Partitions)
	start.pos = pos[:max(len(m.head), min(len(pos), len(b.End)))]
	far, err := h.limit(ctx, m, start.pos, true)
	return start, said(truncated, retention, compacted, far), err
}

// said returns those of the resets that concern a partition.
func said(resets ...Reset) []Reset {
	return slices.DeleteFunc(resets, func(r Reset) bool { return len(r.Partitions) == 0 })
}

// youngDistance is how many records a position may lie behind, in all partitions
// together, and never be too old. So few are read in no time, and their timestamps may be
// of anything.
const youngDistance = 10_000

// limit moves the partitions of pos that are further behind than catch-up may read to the
// head. byAge has it ask how old a position is: no older than when this gateway read past
// it, and no older than the timestamps from there on say.
func (h *Hub) limit(ctx context.Context, m memory, pos []int64, byAge bool) (Reset, error) {
	r := Reset{Reason: ReasonBounds, Stream: m.name}
	if covers(pos, m.floor) {
		return r, nil
	}
	beyond := m.floor
	if behind := distance(pos, m.head); behind <= h.catchup.MaxRecords {
		if !byAge || behind <= youngDistance || m.youngFrom(pos) {
			return r, nil
		}
		cut := time.Now().Add(-h.catchup.MaxAge).UnixMilli()
		young, err := h.history.OffsetsAt(ctx, m.stream, cut)
		if err != nil {
			return r, unavailableError(ctx, err)
		}
		young = slices.Clone(young)
		for p := range young {
			if m.young != nil {
				young[p] = min(young[p], at(m.young, p))
			}
		}
		if aged, err := h.aged(ctx, m, pos, young, cut); err != nil || !aged {
			return r, err
		}
		beyond = young
	}
	for p, next := range m.head {
		if from := at(pos, p); from < at(m.floor, p) && from < at(beyond, p) {
			r.Partitions = append(r.Partitions, Moved{Partition: int32(p), From: from, To: next})
			pos[p] = next
		}
	}
	return r, nil
}

// youngFrom reports whether everything that memory doesn't have from pos on was read
// within Catchup.MaxAge.
func (m *memory) youngFrom(pos []int64) bool {
	for p, floor := range m.floor {
		if from := at(pos, p); from < floor && (m.young == nil || from < at(m.young, p)) {
			return false
		}
	}
	return true
}

var errAged = errors.New("stream: an event is too old")

// aged reports whether an event older than cut lies between pos and young, the first
// records that are younger. That young is above pos doesn't say so by itself: what is
// between may be holes that compaction left.
func (h *Hub) aged(ctx context.Context, m memory, pos, young []int64, cut int64) (bool, error) {
	to := make([]int64, len(m.floor))
	for p := range to {
		to[p] = min(at(young, p), m.floor[p])
	}
	if covers(pos, to) {
		return false, nil
	}
	select { // as many at once as there are passes
	case h.passes.ageing <- struct{}{}:
		defer func() { <-h.passes.ageing }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	err := h.history.Read(ctx, m.stream, m.epoch, pos, to, func(run HistoryRun) error {
		if slices.ContainsFunc(run.Events, func(ev Event) bool { return ev.Timestamp < cut }) {
			return errAged
		}
		return nil
	})
	var gone *GoneError
	switch {
	case errors.Is(err, errAged):
		return true, nil
	case err == nil, errors.As(err, &gone), errors.Is(err, ErrRecreated): // catch-up itself says these
		return false, nil
	}
	return false, unavailableError(ctx, err)
}

// beginUnnamed finds the start of the streams that the cursor doesn't name. It returns
// resets where the bounds of catch-up don't allow what was asked for.
func (h *Hub) beginUnnamed(ctx context.Context, r Request, unnamed []int, st *starts) ([]Reset, error) {
	if r.From.Kind == FromLast {
		return nil, h.lastN(ctx, r, unnamed, st)
	}
	if err := r.reach(); err != nil {
		return nil, err
	}
	var resets []Reset
	for _, n := range unnamed {
		m := h.memory(r.Streams[n])
		var pos []int64
		if r.From.Kind == FromSince {
			offsets, err := h.history.OffsetsAt(ctx, m.stream, r.From.Since.UnixMilli())
			if err != nil {
				return nil, unavailableError(ctx, err)
			}
			pos = slices.Clone(offsets)
		} else {
			b, err := h.bounds(ctx, m)
			if err != nil {
				return nil, err
			}
			if b.Epoch != m.epoch { // as in resume
				return nil, ErrNotWarm
			}
			pos = slices.Clone(b.Start)
		}
		pos = grow(pos, len(m.head))
		far, err := h.limit(ctx, m, pos, false)
		if err != nil {
			return nil, err
		}
		resets = append(resets, said(far)...)
		st.streams[n] = streamStart{epoch: m.epoch, gen: m.gen, pos: pos}
	}
	return resets, nil
}

// carry joins the segments of streams that aren't read. They are repeated in every id,
// since the caller may read them again on its next connection. Streams that this gateway
// doesn't know are among them, since a role or a configuration may come back. They are
// written anew, in today's form and sealed with today's key, so that an id never outlives
// the keys and forms of before.
//
// A segment that can't be read, or would make an id too long, has lost its stream's
// position. To refuse the id would cost all positions. So for a stream of this gateway a
// lost segment is carried instead, and a reset says so once the stream is read.
func (h *Hub) carry(others []cursor.Segment, read, readLen int) string {
	var kept []string
	for i := range others {
		if len(kept) == cursor.MaxSegments-read {
			break
		}
		for _, text := range [...]string{h.rewrite(&others[i]), h.lost(others[i].Stream)} {
			if n := len("~") + len(text); text != "" && readLen+n <= cursor.MaxID {
				kept = append(kept, text)
				readLen += n
				break
			}
		}
	}
	return strings.Join(kept, "~")
}

// rewrite writes a segment as this gateway does; "" for one that can't be read. A plain
// one stays in the form it came in.
func (h *Hub) rewrite(s *cursor.Segment) string {
	if s.Err != nil {
		return ""
	}
	return string(h.ids.Append(nil, *s, s.Packed))
}

// lost is the segment that says that a stream's position is lost; "" for a stream that
// isn't ours.
func (h *Hub) lost(stream string) string {
	if _, ok := h.Lookup(stream); !ok {
		return ""
	}
	return string(h.ids.Append(nil, cursor.Segment{Stream: stream, Epoch: cursor.Lost}, false))
}

// absent makes segments of streams that can't be read yet and that the cursor doesn't
// name. A client that comes back with one is told by a reset that events may be missing:
// there may be some from before it came back.
func (h *Hub) absent(streams []int, named []cursor.Segment) (unnamed []cursor.Segment) {
	for _, i := range streams {
		name := h.logs[i].spec.Name
		if !slices.ContainsFunc(named, func(s cursor.Segment) bool { return s.Stream == name }) {
			unnamed = append(unnamed, cursor.Segment{Stream: name, Err: ErrNotWarm})
		}
	}
	return unnamed
}
