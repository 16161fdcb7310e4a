package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/record"
	"sluice/stream"
)

const (
	catchupMaxBytes = 4 << 20 // of an answer, as sent; at most two answers of a broker are in memory

	// catchupTries is how often brokers may fail in a row, without any progress, before a
	// read gives up.
	catchupTries = 5
	catchupPause = 200 * time.Millisecond // between two such tries

	maxIdle = 20 // fetches in a row that may bring nothing, although there are records
)

// catchup reads partitions of one topic from one position to another, once.
type catchup struct {
	*topicHistory
	epoch   string
	to      []int64
	decoder *record.Decoder
	events  []stream.Event
	emit    func(stream.HistoryRun) error

	id     topicID
	byName bool              // leaders don't know the topic's id: brokers are being upgraded
	left   []partitionOffset // what is still to be read, one entry for each partition
}

// newCatchup is a reading of a topic's partitions. One that from has no position of is
// read from its first record.
func newCatchup(t *topicHistory, epoch string, from, to []int64) *catchup {
	c := &catchup{topicHistory: t, epoch: epoch, to: to}
	for p := range to {
		if start := positionAt(from, int32(p)); start < to[p] {
			c.left = append(c.left, partitionOffset{int32(p), start})
		}
	}
	return c
}

// positionAt is a partition's position; 0: there is none.
func positionAt(positions []int64, partition int32) int64 {
	if int(partition) < len(positions) {
		return positions[partition]
	}
	return 0
}

// read reads all that is left. When a broker fails, it finds out anew which broker leads
// which partition.
func (c *catchup) read(ctx context.Context) error {
	tries := 0
	for len(c.left) > 0 {
		before := c.recordsLeft()
		err := c.round(ctx)
		switch {
		case err == nil:
			continue
		case ctx.Err() != nil:
			return ctx.Err()
		case c.recordsLeft() < before:
			tries = 0
		}
		var stop *stopError
		if errors.As(err, &stop) {
			return stop.err
		}
		if tries++; tries == catchupTries {
			return unavailable(err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(catchupPause):
		}
	}
	return ctx.Err()
}

// stopError ends a read. Asking again would not help.
type stopError struct{ err error }

func (e *stopError) Error() string { return e.err.Error() }

// recordsLeft is how many offsets are still to be read.
func (c *catchup) recordsLeft() (n int64) {
	for _, at := range c.left {
		n += c.to[at.partition] - at.offset
	}
	return n
}

// round reads from the brokers that lead now. For each broker a goroutine fetches, while
// this one hands on what came before. It ends with the first error, or when all is read.
func (c *catchup) round(ctx context.Context) error {
	asking, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	m, err := c.describe(asking)
	if err != nil {
		return err
	}
	if epoch := c.topicHistory.epoch(); epoch != c.epoch && epoch != noEpoch && c.epoch != noEpoch {
		if c.isElsewhere(asking, c.epoch) {
			return errLagging
		}
		return &stopError{stream.ErrRecreated}
	}
	if c.id = m.id; c.byName {
		c.id = topicID{}
	}
	byLeader := make(map[int32][]partitionOffset)
	for _, at := range c.left {
		if int(at.partition) >= len(m.leaders) {
			return fmt.Errorf("partition %d does not exist, or the broker that was asked does not know it yet", at.partition)
		}
		leader := m.leaders[at.partition]
		byLeader[leader] = append(byLeader[leader], at)
	}

	ctx, cancel = context.WithCancel(ctx)
	var fetching sync.WaitGroup
	fetches := make(chan fetched) // no room: a goroutine is one answer ahead and no more
	for leader, offsets := range byLeader {
		fetching.Go(func() { c.fetchFrom(ctx, leader, offsets, fetches) })
	}
	ended := make(chan struct{})
	go func() { fetching.Wait(); close(ended) }() // ends with the fetching, which is cancelled below
	defer func() { cancel(); <-ended }()
	for {
		select {
		case got := <-fetches:
			if got.err != nil {
				if errors.Is(got.err, kerr.UnknownTopicID) || errors.Is(got.err, kerr.InconsistentTopicID) {
					c.byName = c.lacksIDs()
				}
				return got.err
			}
			if err := c.handOn(ctx, got); err != nil {
				return &stopError{err}
			}
		case <-ended:
			return ctx.Err()
		}
	}
}

// fetchFrom fetches from one broker until it has read its partitions or fails. It sends
// what it fetched, and its error, to fetches.
func (c *catchup) fetchFrom(ctx context.Context, leader int32, offsets []partitionOffset, fetches chan<- fetched) {
	send := func(r fetched) bool {
		select {
		case fetches <- r:
			return true
		case <-ctx.Done():
			return false
		}
	}
	idle := 0
	for len(offsets) > 0 {
		asking, cancel := context.WithTimeout(ctx, requestTimeout)
		got, err := fetch(asking, c.cl, leader, c.topic, c.id, offsets, catchupMaxBytes)
		cancel()
		if err != nil {
			send(fetched{err: err})
			return
		}
		moved := false
		for _, r := range got {
			i := indexOfPartition(offsets, r.partition)
			at := offsets[i]
			if r.err != nil {
				send(fetched{err: c.judgeError(ctx, at, r.err)})
				return
			}
			if to := c.to[at.partition]; r.next == at.offset && r.empty && r.lastStableOffset >= to && idle > 0 {
				if c.isHole(ctx) {
					r.next = to
				} else if idle == maxIdle {
					send(fetched{err: &stopError{fmt.Errorf("%w: nothing comes from partition %d between offsets %d and %d", stream.ErrUnavailable, at.partition, at.offset, to)}})
					return
				}
			}
			if r.next == at.offset {
				continue
			}
			moved = true
			if !send(r) {
				return
			}
			// Another partition is first next time, so that one with large batches starves
			// none.
			offsets = append(offsets[:i], offsets[i+1:]...)
			if r.next < c.to[at.partition] {
				offsets = append(offsets, partitionOffset{at.partition, r.next})
			}
		}
		if idle++; moved {
			idle = 0
		}
		if idle > 0 { // a transaction is open before the end, or the broker is slow and may not have waited
			select {
			case <-ctx.Done():
				return
			case <-time.After(catchupPause):
			}
		}
	}
}

// isHole reports whether an answer without any batch means that no batch is left below
// the last stable offset. Compaction removes batches. With remote storage the answer may
// just be late.
func (c *catchup) isHole(ctx context.Context) bool {
	asking, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	p, err := c.readPolicy(asking)
	return err == nil && p.known && !p.remote
}

// judgeError says what a partition's error means for the read.
func (c *catchup) judgeError(ctx context.Context, at partitionOffset, err error) error {
	if !errors.Is(err, kerr.OffsetOutOfRange) {
		if isMoving(err) || errors.Is(err, kerr.UnknownTopicID) || errors.Is(err, kerr.InconsistentTopicID) {
			return err // the next round sees whether the topic was created anew
		}
		return &stopError{unavailable(err)}
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	listed, err := kadm.NewClient(c.cl).ListStartOffsets(ctx, c.topic)
	start, err := allOffsets(listed, err, c.topic, len(c.to))
	if err != nil {
		return err
	}
	if first := start[at.partition]; at.offset < first {
		return &stopError{&stream.GoneError{Partition: at.partition, Start: first}}
	}
	return fmt.Errorf("partition %d ends before offset %d", at.partition, at.offset)
}

// handOn decodes what was fetched, gives it to the caller and notes the new position.
func (c *catchup) handOn(ctx context.Context, got fetched) error {
	to := c.to[got.partition]
	for _, run := range got.runs(to) {
		n := 0
		for _, rec := range run.records {
			if n == len(c.events) {
				c.events = append(c.events, stream.Event{})
			}
			refused, err := c.decode(ctx, rec, &c.events[n])
			if err != nil {
				return err
			}
			if refused.Delivers() || len(c.events[n].Former) > 0 {
				n++
			}
		}
		if err := c.emit(stream.HistoryRun{Partition: got.partition, Events: c.events[:n], Next: run.next, Leader: run.leader}); err != nil {
			return err
		}
	}
	i := indexOfPartition(c.left, got.partition)
	if c.left[i].offset = min(got.next, to); c.left[i].offset == to {
		c.left = append(c.left[:i], c.left[i+1:]...)
	}
	return nil
}

// decode decodes a record. For a schema that isn't known it waits a while. Where the
// stream's rules stop at the record it goes no further: what comes after it would be sent
// without it.
func (c *catchup) decode(ctx context.Context, rec *kgo.Record, ev *stream.Event) (record.Refusal, error) {
	refused := c.decoder.Decode(rec, ev)
	if !c.decoder.Holds(refused) {
		return refused, nil
	}
	waiting, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	for !c.decoder.Stops(refused) && c.decoder.Holds(refused) && c.decoder.Wait(waiting, rec) == nil {
		refused = c.decoder.Decode(rec, ev)
	}
	if c.decoder.Holds(refused) {
		return refused, fmt.Errorf("%w: partition %d, offset %d: %s", stream.ErrUnavailable, rec.Partition, rec.Offset, refused.Text())
	}
	return refused, nil
}

// indexOfPartition returns the index of the partition.
func indexOfPartition(offsets []partitionOffset, partition int32) int {
	for i, at := range offsets {
		if at.partition == partition {
			return i
		}
	}
	return -1 // not reached: an answer has only partitions that were asked for
}
