package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/record"
	"sluice/stream"
)

// Reader follows the topics of its streams and hands their events to a sink. It survives
// whatever Kafka does: it waits for a topic that isn't there, takes up new partitions and
// topics that were re-created, and says since when Kafka is away.
//
// Two goroutines do it, and mu lets only one of them act at a time: polling takes records
// as they come; watching asks every few seconds what topics there are and where they end.
type Reader struct {
	cfg     Config
	opts    []kgo.Opt
	sink    Sink
	log     *slog.Logger
	streams int
	kick    chan struct{} // one slot: watching is wanted now; a second wish before it looks adds nothing

	highsAt time.Time // when high watermarks were last asked; the watching goroutine's alone

	mu     sync.Mutex // guards the topics' state and makes the sink's calls one at a time; taken before the hub's lock, and never held across a question to Kafka
	cl     *kgo.Client
	topics map[string]*topic
	events []stream.Event // of one run; kept for the room of its Users
}

// NewReader checks the configuration; nothing is asked of Kafka yet. Errors name the key
// at fault.
func NewReader(cfg Config, streams []StreamConfig, sink Sink, log *slog.Logger) (*Reader, error) {
	if cfg.Refresh == 0 {
		cfg.Refresh = 3 * time.Second
	}
	if cfg.StaleAfter == 0 {
		cfg.StaleAfter = 5 * time.Second
	}
	if cfg.HighWatermarks == 0 {
		cfg.HighWatermarks = 10 * time.Second
	}
	if cfg.OfflineHold == 0 {
		cfg.OfflineHold = 10 * time.Second
	}
	opts, err := readerOptions(cfg.logged(log))
	opts = append(opts, kgo.MaxDecompressBatchBytes(maxBatchBytes(streams)))
	errs := []error{err, check(streams)}
	r := &Reader{cfg: cfg, opts: opts, sink: sink, log: log, streams: len(streams), kick: make(chan struct{}, 1), topics: make(map[string]*topic)}
	for i, s := range streams {
		d, err := s.decoder()
		errs = append(errs, err)
		t := r.topics[s.Topic]
		if t == nil {
			t = newTopic(s.Topic, log)
			r.topics[s.Topic] = t
		}
		t.views = append(t.views, newView(i, s, d))
		t.replay = max(t.replay, s.Replay)
		t.keepState(s)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if err := kgo.ValidateOpts(opts...); err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	return r, nil
}

// Run reads until ctx ends, and returns nil then. It may be called once.
func (r *Reader) Run(ctx context.Context) error {
	// The context is the client's, too: Close would race with a fetch that begins meanwhile.
	cl, err := kgo.NewClient(append(slices.Clip(r.opts), kgo.WithContext(ctx))...)
	if err != nil {
		return fmt.Errorf("kafka: %w", err)
	}
	defer cl.Close()
	now := time.Now()
	r.mu.Lock()
	r.cl = cl
	r.highsAt = now // not before there is something to tell
	for _, t := range r.topics {
		t.answered = now
	}
	r.mu.Unlock()

	var watching sync.WaitGroup
	watching.Go(func() { r.watch(ctx) })
	defer watching.Wait()
	for ctx.Err() == nil {
		if r.take(cl.PollFetches(ctx)) {
			continue
		}
		select { // nothing but errors: Kafka repeats them as fast as it is asked
		case <-ctx.Done():
		case <-time.After(errorPause):
		}
	}
	return nil
}

const (
	errorPause = 250 * time.Millisecond // after a poll that brought nothing but errors of no partition
	faultPause = 900 * time.Millisecond // before a partition that fails is fetched again
)

// take hands on what a poll brought. It says whether there was anything but errors of no
// partition.
func (r *Reader) take(fetches kgo.Fetches) (useful bool) {
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
					r.failed(t, fp.Partition, fp.Err)
				}
				if len(fp.Records) > 0 && !t.lost[fp.Partition] { // a lost one is read again from its position
					useful = true
					r.takeRun(t, fp.Partition, fp.Records)
					r.delivers(t)
				}
				if isLarge { // what came before it has been taken
					useful = true
					r.skip(t, large)
				}
			}
			r.warmed(t)
		}
	}
	return useful
}

// takeRun decodes a partition's records for each stream and moves the position past them.
func (r *Reader) takeRun(t *topic, partition int32, records []*kgo.Record) {
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
		r.feed(t, partition, records[:older], min(next, base))
		records = records[older:]
	}
	if next > base {
		r.tellRecords(t, partition, records)
		r.publish(t, partition, records, next)
	}
	t.next[partition] = next
	t.succeeds(partition)
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
			v.refuse(t.log, rec, refused)
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

// failed acts on what a fetch of a partition came back with. What Kafka would repeat as
// fast as it is asked is not asked for a while, so that it doesn't take the place of what
// other topics have.
func (r *Reader) failed(t *topic, partition int32, err error) {
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
		r.fails(t, partition, err)
		r.wakeWatch()
	case errors.Is(err, kerr.UnknownTopicID), errors.Is(err, kerr.UnknownTopicOrPartition):
		r.pause(t, partition)
		r.fails(t, partition, err)
		r.wakeWatch()
	default:
		r.pause(t, partition)
		r.fails(t, partition, err)
	}
}

// skip passes over a batch that unpacks to more than the client takes. The client has
// stopped at it, so it is started anew behind it, as for a lost partition.
func (r *Reader) skip(t *topic, batch *kgo.ErrDecompressTooLarge) {
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
		v.skip(t.log, p, first, batch.NextOffset)
		if batch.NextOffset > t.base[p] {
			r.sink.Refused(v.stream, p, first, time.Now().UnixMilli(), record.BatchTooLarge.String())
		}
	}
	if at := max(first, t.base[p]); batch.NextOffset > at {
		r.tell(t, p, lineage{{-1, at}}) // the batch isn't looked into
	}
	r.pass(t, p, batch.NextOffset)
}

// pause keeps the client from fetching a partition that fails.
func (r *Reader) pause(t *topic, partition int32) {
	if _, paused := t.paused[partition]; !paused {
		t.paused[partition] = time.Now()
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
	for p, since := range t.paused {
		if time.Since(since) >= faultPause {
			due = append(due, p)
			delete(t.paused, p)
		}
	}
	if len(due) > 0 {
		t.resumed = time.Now()
		r.cl.ResumeFetchPartitions(map[string][]int32{t.name: due})
	}
}

// unpause forgets what was paused of a topic that is read anew.
func (r *Reader) unpause(t *topic) {
	if len(t.paused) > 0 {
		r.cl.ResumeFetchPartitions(map[string][]int32{t.name: slices.Collect(maps.Keys(t.paused))})
		clear(t.paused)
	}
}

// jump moves the position of a partition by something that must be said.
func (r *Reader) jump(t *topic, partition int32, reason stream.Reason, to int64) {
	if reason == stream.ReasonRetention && to <= t.base[partition] {
		r.pass(t, partition, to) // only the state misses it, and it shows nothing that Kafka has deleted
		return
	}
	if t.next[partition] < t.base[partition] {
		r.feed(t, partition, nil, t.base[partition]) // there is no more to come of it
	}
	from := max(t.next[partition], t.base[partition]) // where the sink stands
	t.log.Warn("the reader lost its place and goes on elsewhere: events are missing or come again",
		"reason", string(reason), "partition", partition, "from", from, "to", to)
	if l := t.lineage(partition); len(l) > 0 { // as the sink does
		if l = l.before(min(from, to)); to > from {
			l = append(slices.Clone(l), epochStart{-1, from})
		}
		t.lineages[partition] = l
	}
	t.next[partition], t.base[partition] = to, to
	r.sayJump(t, partition, reason, to)
	if reason == stream.ReasonTruncated {
		r.feedAnew(t, partition)
	}
}

// sayJump counts a jump and tells the sink of it.
func (r *Reader) sayJump(t *topic, partition int32, reason stream.Reason, to int64) {
	for _, v := range t.views {
		v.jumps[reason]++
		r.sink.Jump(v.stream, partition, reason, to)
	}
}

// newJumpCounts counts nothing yet of each reason that a reader can have: rates need a zero
// to start from.
func newJumpCounts() map[stream.Reason]uint64 {
	return map[stream.Reason]uint64{stream.ReasonRetention: 0, stream.ReasonTruncated: 0, stream.ReasonRecreated: 0}
}

// warmed says once when a topic has been read to where it ended at start, but for
// partitions that nobody has answered for in a while.
func (r *Reader) warmed(t *topic) {
	if t.warm {
		return
	}
	for p, at := range t.warmAt {
		if t.next[p] < at && !t.isOffline(int32(p), r.cfg.OfflineHold) {
			return
		}
	}
	t.warm = true
	for _, v := range t.views {
		r.sink.SetWarm(v.stream)
	}
}

func (r *Reader) wakeWatch() {
	select {
	case r.kick <- struct{}{}:
	default:
	}
}
