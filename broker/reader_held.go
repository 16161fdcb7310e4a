package broker

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/record"
)

// A record that is held is looked at again, soon at first, and after some time ever less
// often.
const (
	holdSoon    = 20 * time.Millisecond
	holdPending = 500 * time.Millisecond
	holdStopped = 5 * time.Second
)

// held is a record that must not be passed over.
type held struct {
	since  time.Time
	again  time.Time // not to be looked at before
	offset int64
	stops  bool // the stream's rules want it so; else its schema may come
	reason record.Refusal
	more   string // the reason in more words; "": there are none
	stream string
}

// holding is a record that holds its partition, since now.
func (v *view) holding(rec *kgo.Record, refused record.Refusal) *held {
	h := &held{since: time.Now(), offset: rec.Offset, reason: refused.Undelivered(), stops: v.decoder.Stops(refused), stream: v.name}
	if err := v.decoder.Err(); err != nil {
		h.more = err.Error()
	}
	return h
}

// isHeld reports whether a partition is held.
func (r *Reader) isHeld(t *topic, p int32) bool {
	if t.shaping == nil || t.shaping.queues[p] == nil {
		return false
	}
	h := t.shaping.queues[p].held
	return h != nil && h.lasts(r.cfg.StaleAfter)
}

// holds notes that a partition waits at a record, or goes on.
func (r *Reader) holds(t *topic, q *shapeQueued, p int32, hold *held) {
	was := q.held
	switch q.held = hold; {
	case hold == nil && was == nil:
		return
	case hold == nil:
		if was.lasts(r.cfg.StaleAfter) {
			t.log.Info("a partition goes on at the record that held it", "stream", was.stream, "partition", p, "offset", was.offset)
		}
	case was != nil && was.offset == hold.offset:
		hold.since = was.since
	case hold.stops:
		t.log.Error("a partition is held at a record: "+hold.why(), "stream", hold.stream, "reason", hold.reason.String(), "partition", p, "offset", hold.offset)
	}
	if hold != nil {
		most := holdPending
		if hold.stops {
			most = holdStopped
		}
		hold.again = time.Now().Add(min(max(time.Since(hold.since)/2, holdSoon), most))
	}
	r.setStale(t, r.unfetchedSince(t))
}

// lasts reports whether a partition is held permanently, as far as is known: a schema
// that isn't known may come in a moment.
func (h *held) lasts(patience time.Duration) bool {
	return h.stops || time.Since(h.since) >= patience
}

// heldAt returns the record that has held a partition for longest; nil: none is held.
func (r *Reader) heldAt(t *topic) (first *held) {
	if t.shaping == nil {
		return nil
	}
	for _, q := range t.shaping.queues {
		h := q.held
		if h == nil || !h.lasts(r.cfg.StaleAfter) {
			continue
		}
		if first == nil || h.stops && !first.stops || h.stops == first.stops && h.since.Before(first.since) {
			first = h
		}
	}
	return first
}

// HeldPartition is a partition that waits at a record.
type HeldPartition struct {
	Topic     string // of a stream of several; "" otherwise
	Partition int32
	Offset    int64
	Since     time.Time
	Stream    string // whose rules hold it: all streams of its topic wait
	Stops     bool   // until the rules change; else the record's schema is awaited
	Reason    string // a refusal's label
	Why       string // in words, none of them the record's
}

// heldPartitions returns the partitions that are held permanently, as far as is known, in
// ascending order.
func (r *Reader) heldPartitions(t *topic) (all []HeldPartition) {
	if t.shaping == nil {
		return nil
	}
	for p, q := range t.shaping.queues {
		if h := q.held; h != nil && h.lasts(r.cfg.StaleAfter) {
			all = append(all, HeldPartition{"", p, h.offset, h.since, h.stream, h.stops, h.reason.String(), h.why()})
		}
	}
	slices.SortFunc(all, func(a, b HeldPartition) int { return int(a.Partition - b.Partition) })
	return all
}

// text says why a partition is held.
func (h *held) text() string {
	if h.stops {
		return "a record of stream " + h.stream + " holds its partition (on_error: stop): " + h.reason.Text()
	}
	return "a record of stream " + h.stream + " waits: " + h.reason.Text()
}

func (h *held) why() string {
	if h.more == "" {
		return h.reason.Text()
	}
	return h.reason.Text() + ": " + h.more
}
