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
	errorPause = 250 * time.Millisecond // after a poll that brought only errors without a partition
	faultPause = 900 * time.Millisecond // before a partition that fails is fetched again
)

// takeFetches hands on what a poll brought. It reports whether there was more than errors
// without a partition.
func (r *Reader) takeFetches(fetches kgo.Fetches) (useful bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range fetches {
		for j := range fetches[i].Topics {
			ft := &fetches[i].Topics[j]
			t := r.topics[ft.Topic]
			if t == nil || !t.begun || t.isOther(ft.TopicID) {
				continue // fetched before the topic was created anew
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
				if t.shaping != nil {
					if len(fp.Records) > 0 || isLarge {
						useful = true
						r.toShape(t, fp.Partition, shapeFetched{records: fp.Records, large: large})
					}
					continue
				}
				if len(fp.Records) > 0 && !t.lost[fp.Partition] { // a lost one is read again from its position
					useful = true
					r.takeRecords(t, fp.Partition, fp.Records)
					r.noteDelivery(t)
				}
				if isLarge { // the records before it have been taken
					useful = true
					r.skipBatch(t, large)
				}
			}
			r.checkWarm(t)
		}
	}
	return useful
}

// takeRecords decodes a partition's records for each stream and moves the position past
// them.
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
		r.fillState(t, partition, records[:older], min(next, base))
		records = records[older:]
	}
	if next > base {
		r.tellRecords(t, partition, records)
		r.publish(t, partition, records, next)
	}
	t.next[partition] = next
	t.noteRecords(partition)
}

// publish gives records to each stream. If the last ones are events, their offsets say
// how far the stream is. Otherwise the sink is told.
func (r *Reader) publish(t *topic, partition int32, records []*kgo.Record, next int64) {
	for _, v := range t.views {
		events := r.decode(t, v, records, true)
		covered := max(t.next[partition], t.base[partition])
		if n := len(events); n > 0 {
			r.sink.Publish(v.stream, events)
			covered = events[n-1].Offset + 1
		}
		if covered < next {
			r.sink.Advance(v.stream, v.at(partition), next)
		}
	}
}

// decode returns a stream's events of records. They are valid until the next call. live
// is false for records that only a state needs.
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
		refused := v.decodeInto(rec, ev)
		ev.Partition = v.at(rec.Partition)
		if refused != 0 {
			v.noteRefused(t.log, rec, refused)
		}
		if live && !refused.Delivers() {
			r.sink.Refused(v.stream, v.refusal(rec, refused))
		}
		switch {
		case refused.Delivers():
			v.events++
			n++
		case v.state && (ev.Tombstone || ev.ByKey || t.compacted || refused&record.Filtered != 0):
			n++ // no event, and yet it takes the place of its key's record, or its subject's
		case live && len(ev.FormerData) > 0:
			n++ // or it tells somebody that it is gone
		}
	}
	return r.events[:n]
}

// decodeInto makes an event of a record, or takes the one that is ready.
func (v *view) decodeInto(rec *kgo.Record, ev *stream.Event) record.Refusal {
	if v.ready == nil {
		return v.decoder.Decode(rec, ev)
	}
	one := v.shapedOf(rec.Offset)
	users := append(ev.Users[:0], one.event.Users...)
	*ev = one.event
	ev.Users = users
	v.err = one.err
	return one.refused
}

// handleFetchError acts on the error of a fetch. Kafka would repeat some errors at once.
// Such a partition is paused, so that it doesn't take the turn of other topics.
func (r *Reader) handleFetchError(t *topic, partition int32, err error) {
	var loss *kgo.ErrDataLoss
	switch {
	case errors.As(err, &loss):
		r.forgetShaping(t, partition) // some of it may be what was lost
		to := t.diverged(partition, stream.EpochEnd{Epoch: loss.ResetToEpoch, End: loss.ResetTo})
		if to = min(to, loss.ResetTo); to < max(t.next[partition], t.base[partition]) {
			r.jump(t, partition, stream.ReasonTruncated, to)
		}
		if t.next[partition] != loss.ResetTo { // the client went on elsewhere, or the state is filled anew
			t.lost[partition] = true
			r.wakeWatch()
		}
	case errors.Is(err, kerr.OffsetOutOfRange):
		r.forgetShaping(t, partition)
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

// skipBatch passes over a batch that unpacks to more than the client accepts. The client
// has stopped there. So the partition counts as lost, and the client begins anew behind
// the batch.
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
		v.skipBatch(t.log, t.name, p, first, batch.NextOffset)
		if batch.NextOffset > t.base[p] {
			r.sink.Refused(v.stream, stream.Refusal{Partition: v.at(p), Offset: first, Timestamp: time.Now().UnixMilli(), Reason: record.BatchTooLarge.String()})
		}
	}
	if at := max(first, t.base[p]); batch.NextOffset > at {
		r.tellLineage(t, p, lineage{{-1, at}}) // nobody looks into the batch
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

// resume lets the client try paused partitions again once their time has come. The topic
// may have got an id.
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

// unpause forgets the paused partitions of a topic that is read anew.
func (r *Reader) unpause(t *topic) {
	if len(t.pausedSince) > 0 {
		r.cl.ResumeFetchPartitions(map[string][]int32{t.name: slices.Collect(maps.Keys(t.pausedSince))})
		clear(t.pausedSince)
	}
}
