package stream

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// fakeKafka is a model of what Kafka promises: partitions of records with holes,
// retention, and topics created anew. It is the test's, not a mock of ours: the hub under
// test is real, and so are its bytes.
type fakeKafka struct {
	gate      chan struct{} // each run that Read emits takes one first; nil: none needed
	meanwhile func()        // done once, before Bounds or OffsetsAt says its answer; nil: nothing

	mu     sync.Mutex // guards the rest
	topics []fakeTopic
	down   error // what every question is answered with
	asked  int   // questions for bounds and times
	reads  int   // calls of Read
}

type fakeTopic struct {
	epoch      int
	partitions [][]*Event // by offset; nil: no event there
	start      []int64
	compacted  []int64
	epochs     []lineage // of each partition's log; empty: brokers say none

	lost map[lostLog][]*Event // of leaders that have been followed by others, as they left them
}

type lostLog struct {
	partition int
	epoch     int32
}

// log returns a partition's log as a leader of an epoch had it at the end, or has it now.
func (t *fakeTopic) log(p int, epoch int32) []*Event {
	if log, lost := t.lost[lostLog{p, epoch}]; lost {
		return log
	}
	return t.partitions[p]
}

// lineage returns the leader epochs of a partition.
func (t *fakeTopic) lineage(p int) lineage {
	if p < len(t.epochs) {
		return t.epochs[p]
	}
	return nil
}

// elect makes a replica the leader that has the records of a partition before end only:
// an election that is unclean where end is below the log's end. Records get leader epochs
// from then on.
func (t *fakeTopic) elect(p int, end int64) {
	for len(t.epochs) < len(t.partitions) {
		t.epochs = append(t.epochs, lineage{{0, 0}})
	}
	if t.lost == nil {
		t.lost = make(map[lostLog][]*Event)
	}
	t.lost[lostLog{p, t.epochs[p].newest()}] = t.partitions[p]
	t.partitions[p] = slices.Clone(t.partitions[p][:end])
	next := t.epochs[p].newest() + 1
	kept := t.epochs[p]
	for len(kept) > 0 && kept[len(kept)-1].start > end { // an epoch without records has begun too
		kept = kept[:len(kept)-1]
	}
	t.epochs[p] = append(slices.Clone(kept), epochStart{next, end})
}

// elect is fakeTopic.elect.
func (k *fakeKafka) elect(stream, p int, end int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.topics[stream].elect(p, end)
}

// ends says where an epoch ended, as a leader answers OffsetForLeaderEpoch.
func (t *fakeTopic) ends(p int, epoch int32) EpochEnd {
	known := t.lineage(p)
	if epoch > known.newest() || epoch < 0 {
		return EpochEnd{Epoch: -1}
	}
	answer := EpochEnd{Epoch: epoch, End: int64(len(t.partitions[p]))}
	for i := len(known) - 1; i >= 0; i-- {
		if known[i].epoch <= epoch {
			answer.Epoch = known[i].epoch
			break
		}
		answer.End = known[i].start
	}
	return answer
}

// EpochEnds is [EpochHistory.EpochEnds].
func (k *fakeKafka) EpochEnds(_ context.Context, stream int, epochs []int32) ([]EpochEnd, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked++
	if k.down != nil {
		return nil, k.down
	}
	ends := make([]EpochEnd, len(epochs))
	for p, epoch := range epochs {
		ends[p] = EpochEnd{Epoch: -1}
		if p < len(k.topics[stream].partitions) {
			ends[p] = k.topics[stream].ends(p, epoch)
		}
	}
	return ends, nil
}

// newKafka has topics of some partitions each.
func newKafka(topics, partitions int) *fakeKafka {
	k := &fakeKafka{}
	for range topics {
		k.topics = append(k.topics, fakeTopic{partitions: make([][]*Event, partitions), start: make([]int64, partitions)})
	}
	return k
}

func (t *fakeTopic) epochText() string { return fmt.Sprintf("ep%d", t.epoch) }

func (k *fakeKafka) Bounds(_ context.Context, stream int) (Bounds, error) {
	defer k.pass()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked++
	if k.down != nil {
		return Bounds{}, k.down
	}
	t := &k.topics[stream]
	b := Bounds{Epoch: t.epochText(), Start: slices.Clone(t.start), Compacted: slices.Clone(t.compacted)}
	for _, p := range t.partitions {
		b.End = append(b.End, int64(len(p)))
	}
	return b, nil
}

// pass does what happens meanwhile.
func (k *fakeKafka) pass() {
	if act := k.meanwhile; act != nil {
		k.meanwhile = nil
		act()
	}
}

func (k *fakeKafka) OffsetsAt(_ context.Context, stream int, ms int64) ([]int64, error) {
	k.pass()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked++
	if k.down != nil {
		return nil, k.down
	}
	t := &k.topics[stream]
	var at []int64
	for p, recs := range t.partitions {
		o := t.start[p]
		for o < int64(len(recs)) && (recs[o] == nil || recs[o].Timestamp < ms) {
			o++
		}
		at = append(at, o)
	}
	return at, nil
}

func (k *fakeKafka) Read(ctx context.Context, stream int, epoch string, from, to []int64, emit func(HistoryRun) error) error {
	k.mu.Lock()
	k.reads++
	k.mu.Unlock()
	for p := range to {
		for next := at(from, p); next < to[p]; {
			if k.gate != nil {
				select {
				case <-k.gate:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			k.mu.Lock()
			t := &k.topics[stream]
			if k.down != nil {
				err := k.down
				k.mu.Unlock()
				return err
			}
			if t.epochText() != epoch {
				k.mu.Unlock()
				return ErrRecreated
			}
			if next < t.start[p] {
				gone := &GoneError{Partition: int32(p), Start: t.start[p]}
				k.mu.Unlock()
				return gone
			}
			var run []Event
			epochs := t.lineage(p)
			end := min(next+7, to[p])
			for _, e := range epochs { // a run is of one epoch
				if e.start > next {
					end = min(end, e.start)
				}
			}
			for ; next < end; next++ { // beyond the log's end it finds nothing
				if next >= int64(len(t.partitions[p])) {
					continue
				}
				if ev := t.partitions[p][next]; ev != nil {
					run = append(run, *ev)
				}
			}
			leader := int32(noEpoch)
			if next <= int64(len(t.partitions[p])) {
				leader = epochs.at(next)
			}
			k.mu.Unlock()
			if err := emit(HistoryRun{int32(p), run, next, leader}); err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	}
	return nil
}

// recreate deletes a topic and creates it again.
func (k *fakeKafka) recreate(stream, partitions int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.topics[stream] = fakeTopic{epoch: k.topics[stream].epoch + 1, partitions: make([][]*Event, partitions), start: make([]int64, partitions)}
}

// truncate loses the records of a partition from end on.
func (k *fakeKafka) truncate(stream, p int, end int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	t := &k.topics[stream]
	t.partitions[p] = t.partitions[p][:end]
}

// retain is Kafka's retention: the records of a partition before start are gone.
func (k *fakeKafka) retain(stream, p int, start int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.topics[stream].start[p] = start
}

// add gives a topic one more partition.
func (k *fakeKafka) add(stream int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	t := &k.topics[stream]
	t.partitions = append(t.partitions, nil)
	t.start = append(t.start, 0)
}

// answer sets what every question is answered with; nil: as it should be.
func (k *fakeKafka) answer(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.down = err
}

// put adds an event to the end of a partition. It fills in which and where, and the time
// if there is none.
func (k *fakeKafka) put(stream, p int, ev Event) int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	t := &k.topics[stream]
	ev.Partition, ev.Offset = int32(p), int64(len(t.partitions[p]))
	if ev.Timestamp == 0 {
		ev.Timestamp = time.Now().UnixMilli()
	}
	t.partitions[p] = append(t.partitions[p], &ev)
	return ev.Offset
}

// hole adds n records that are no event: markers, aborted ones, what compaction took.
func (k *fakeKafka) hole(stream, p, n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	t := &k.topics[stream]
	t.partitions[p] = append(t.partitions[p], make([]*Event, n)...)
}
