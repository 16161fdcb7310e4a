package broker

import (
	"errors"
	"maps"
	"slices"
	"sort"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/record"
	"sluice/stream"
)

const (
	errorPause = 250 * time.Millisecond // after a poll that brought nothing but errors of no partition
	faultPause = 900 * time.Millisecond // before a partition that fails is fetched again
)

// takeFetches hands on what a poll brought. It says whether there was anything but errors of no
// partition.
func (r *Reader) takeFetches(fetches kgo.Fetches) (useful bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range fetches {
		for j := range fetches[i].Topics {
			ft := &fetches[i].Topics[j]
			t := r.topics[ft.Topic]
			if t == nil || !t.begun || t.isOther(ft.TopicID) {
				continue // fetched before the topic was re-created
			}
			for k := range ft.Partitions {
				fp := &ft.Partitions[k]
				if int(fp.Partition) >= len(t.next) || fp.Partition < 0 {
					continue
				}
				large, isLarge := errors.AsType[*kgo.ErrDecompressTooLarge](fp.Err)
				if fp.Err != nil && !isLarge {
					useful = true
					r.handleFetchError(t, fp.Partition, fp.Err)
				}
				if len(fp.Records) > 0 && !t.lost[fp.Partition] { // a lost one is read again from its position
					useful = true
					r.takeRecords(t, fp.Partition, fp.Records)
					r.noteDelivery(t)
				}
				if isLarge { // what came before it has been taken
					useful = true
					r.skipBatch(t, large)
				}
			}
			r.checkWarm(t)
		}
	}
	return useful
}

// takeRecords decodes a partition's records for each stream and moves the position past them.
func (r *Reader) takeRecords(t *topic, partition int32, records []*kgo.Record) {
	first := 0
	for first < len(records) && records[first].Offset < t.next[partition] {
		first++ // fetched before the position jumped ahead
	}
	if records = records[first:]; len(records) == 0 {
		return
	}
	next := records[len(records)-1].Offset + 1
	base := t.base[partition]
	if t.next[partition] < base {
		older := sort.Search(len(records), func(i int) bool { return records[i].Offset >= base })
		r.feedState(t, partition, records[:older], min(next, base))
		records = records[older:]
	}
	if next > base {
		r.tellRecords(t, partition, records)
		r.publish(t, partition, records, next)
	}
	t.next[partition] = next
	t.noteRecords(partition)
}

// publish hands records on to each stream. Where the last ones are events, their own
// offsets say where it stands; where they are not, the sink is told once.
func (r *Reader) publish(t *topic, partition int32, records []*kgo.Record, next int64) {
	for _, v := range t.views {
		events := r.decode(t, v, records, true)
		covered := max(t.next[partition], t.base[partition])
		if n := len(events); n > 0 {
			r.sink.Publish(v.stream, events)
			covered = events[n-1].Offset + 1
		}
		if covered < next {
			r.sink.Advance(v.stream, partition, next)
		}
	}
}

// decode returns a stream's events of records, good until the next call. live is false
// for what only the state gets.
func (r *Reader) decode(t *topic, v *view, records []*kgo.Record, live bool) []stream.Event {
	n := 0
	for _, rec := range records {
		if rec.Attrs.IsControl() {
			continue
		}
		if n == len(r.events) {
			r.events = slices.Grow(r.events, 1)[:n+1]
		}
		v.records++
		ev := &r.events[n]
		refused := v.decoder.Decode(rec, ev)
		if refused != 0 {
			v.noteRefused(t.log, rec, refused)
		}
		if live && !refused.Delivers() {
			r.sink.Refused(v.stream, rec.Partition, rec.Offset, rec.Timestamp.UnixMilli(), refused.String())
		}
		switch {
		case refused.Delivers():
			v.events++
			n++
		case v.state && (ev.Tombstone || t.compacted): // no event, and yet it takes the place of its key's record
			ev.Users, ev.Subject = ev.Users[:0], nil
			n++
		}
	}
	return r.events[:n]
}

// handleFetchError acts on what a fetch of a partition came back with. What Kafka would repeat as
// fast as it is asked is not asked for a while, so that it doesn't take the place of what
// other topics have.
func (r *Reader) handleFetchError(t *topic, partition int32, err error) {
	var loss *kgo.ErrDataLoss
	switch {
	case errors.As(err, &loss):
		to := t.diverged(partition, stream.EpochEnd{Epoch: loss.ResetToEpoch, End: loss.ResetTo})
		if to = min(to, loss.ResetTo); to < max(t.next[partition], t.base[partition]) {
			r.jump(t, partition, stream.ReasonTruncated, to)
		}
		if t.next[partition] != loss.ResetTo { // the client went on elsewhere, or its state is fed anew
			t.lost[partition] = true
			r.wakeWatch()
		}
	case errors.Is(err, kerr.OffsetOutOfRange):
		t.lost[partition] = true
		r.noteFetchError(t, partition, err)
		r.wakeWatch()
	case errors.Is(err, kerr.UnknownTopicID), errors.Is(err, kerr.UnknownTopicOrPartition):
		r.pause(t, partition)
		r.noteFetchError(t, partition, err)
		r.wakeWatch()
	default:
		r.pause(t, partition)
		r.noteFetchError(t, partition, err)
	}
}

// skipBatch passes over a batch that unpacks to more than the client takes. The client has
// stopped at it, so it is started anew behind it, as for a lost partition.
func (r *Reader) skipBatch(t *topic, batch *kgo.ErrDecompressTooLarge) {
	p := batch.Partition
	if t.lost[p] {
		return
	}
	t.lost[p] = true
	r.wakeWatch()
	if t.next[p] >= batch.NextOffset {
		return
	}
	first := max(batch.Offset, t.next[p])
	for _, v := range t.views {
		v.skipBatch(t.log, p, first, batch.NextOffset)
		if batch.NextOffset > t.base[p] {
			r.sink.Refused(v.stream, p, first, time.Now().UnixMilli(), record.BatchTooLarge.String())
		}
	}
	if at := max(first, t.base[p]); batch.NextOffset > at {
		r.tellLineage(t, p, lineage{{-1, at}}) // the batch isn't looked into
	}
	r.advance(t, p, batch.NextOffset)
}

// pause keeps the client from fetching a partition that fails.
func (r *Reader) pause(t *topic, partition int32) {
	if _, paused := t.pausedSince[partition]; !paused {
		t.pausedSince[partition] = time.Now()
		r.cl.PauseFetchPartitions(map[string][]int32{t.name: {partition}})
	}
}

// resume lets the client try paused partitions again whose time has come. The topic may
// have got an id.
func (r *Reader) resume(t *topic, id topicID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t.id = id
	var due []int32
	for p, since := range t.pausedSince {
		if time.Since(since) >= faultPause {
			due = append(due, p)
			delete(t.pausedSince, p)
		}
	}
	if len(due) > 0 {
		t.resumedAt = time.Now()
		r.cl.ResumeFetchPartitions(map[string][]int32{t.name: due})
	}
}

// unpause forgets what was paused of a topic that is read anew.
func (r *Reader) unpause(t *topic) {
	if len(t.pausedSince) > 0 {
		r.cl.ResumeFetchPartitions(map[string][]int32{t.name: slices.Collect(maps.Keys(t.pausedSince))})
		clear(t.pausedSince)
	}
}
