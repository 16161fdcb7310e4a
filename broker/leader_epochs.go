package broker

import (
	"context"
	"errors"
	"io"
	"math"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"sluice/stream"
)

// epochStart says that a partition's records from offset start on were written under a
// leader epoch (KIP-320); -1: not known.
type epochStart struct {
	epoch int32
	start int64
}

// lineage has the leader epochs of a partition up to where it has been read, ascending,
// as far as they are known.
type lineage []epochStart

const (
	maxLineage = 64 // epochs kept of a partition, the newest

	// lineageSteps is how many elections back brokers are asked for when reading begins,
	// one question each.
	lineageSteps   = 16
	lineageTimeout = 2 * time.Second
)

// at returns the epoch of the last record before an offset; -1 where it isn't known or
// there is none.
func (l lineage) at(next int64) int32 {
	for i := len(l) - 1; i >= 0; i-- {
		if l[i].start < next {
			return l[i].epoch
		}
	}
	return -1
}

// newest returns the newest epoch known; -1 where none is.
func (l lineage) newest() int32 {
	for i := len(l) - 1; i >= 0; i-- {
		if l[i].epoch >= 0 {
			return l[i].epoch
		}
	}
	return -1
}

// before returns the epochs that began before an offset.
func (l lineage) before(next int64) lineage {
	for len(l) > 0 && l[len(l)-1].start >= next {
		l = l[:len(l)-1]
	}
	return l
}

// after returns where the first epoch above one began; false: it isn't known.
func (l lineage) after(epoch int32) (start int64, known bool) {
	for i, e := range l {
		if e.epoch < 0 {
			continue
		}
		if e.epoch > epoch {
			return e.start, i > 0 && l[i-1].epoch >= 0 && l[i-1].epoch <= epoch
		}
	}
	return 0, false
}

// lineage returns what is known of a partition.
func (t *topic) lineage(p int32) lineage {
	if int(p) >= len(t.lineages) {
		return nil
	}
	return t.lineages[p]
}

// tell says to the streams which epochs a partition's records were written under, beyond
// those said already.
func (r *Reader) tell(t *topic, p int32, epochs lineage) {
	for int(p) >= len(t.lineages) {
		t.lineages = append(t.lineages, nil)
	}
	for _, e := range epochs {
		l := t.lineages[p]
		if n := len(l); n > 0 && (l[n-1].epoch == e.epoch || e.start < l[n-1].start || e.epoch >= 0 && e.epoch < l.newest()) || n == 0 && e.epoch < 0 {
			continue // said already, or no newer than what is
		}
		if l = l.before(e.start); len(l) == 0 || l[len(l)-1].epoch != e.epoch {
			l = append(slices.Clone(l), e)
		}
		t.lineages[p] = l[max(0, len(l)-maxLineage):]
		for _, v := range t.views {
			r.sink.SetLeaderEpoch(v.stream, p, e.epoch, e.start)
		}
	}
}

// tellAfterGap is tell after a jump forward over what was not read: it begins at from.
// The sink takes the leader of that for unknown; asked is what brokers say of it.
func (r *Reader) tellAfterGap(t *topic, p int32, from, to int64, asked lineage) {
	for _, e := range asked.before(to) {
		e.start = max(e.start, from)
		r.tell(t, p, lineage{e})
	}
}

// tellEpochs is tell for batches that were read from the position on. Offsets between the
// position and the first batch of a new epoch were no records any more when it was read,
// so either leader may have written them.
func (r *Reader) tellEpochs(t *topic, p int32, epochs lineage) {
	next := max(t.next[p], t.base[p])
	for _, e := range epochs {
		if l := t.lineage(p); len(l) > 0 && l[len(l)-1].epoch != e.epoch && e.start > next {
			r.tell(t, p, lineage{{-1, next}})
		}
		r.tell(t, p, lineage{e})
	}
}

// tellRecords is tellEpochs for records about to be published.
func (r *Reader) tellRecords(t *topic, p int32, records []*kgo.Record) {
	if len(records) == 0 {
		return
	}
	known := int32(-1)
	if l := t.lineage(p); len(l) > 0 {
		known = l[len(l)-1].epoch
	}
	if records[0].LeaderEpoch == known && records[len(records)-1].LeaderEpoch == known {
		return // epochs ascend, so all between are of it
	}
	next := max(t.next[p], t.base[p])
	for _, rec := range records {
		if rec.LeaderEpoch != known {
			if known >= 0 && rec.Offset > next {
				r.tell(t, p, lineage{{-1, next}})
			}
			known = rec.LeaderEpoch
			r.tell(t, p, lineage{{known, rec.Offset}})
		}
		next = rec.Offset + 1
	}
}

// diverged returns where the log parts from what was read, given where the leader says
// that the epoch before the position ended. If it names an older epoch, it has nothing of
// the newer ones that were read.
func (t *topic) diverged(p int32, end stream.EpochEnd) int64 {
	if end.Epoch < 0 {
		return math.MaxInt64
	}
	if start, known := t.lineage(p).after(end.Epoch); known {
		return min(start, end.End)
	}
	return end.End
}

// epochEnds asks a topic's leaders where leader epochs ended (OffsetForLeaderEpoch), each
// leader once and all at the same time: of each partition, by its index, the largest
// epoch not above epochs[p] that the leader knows, and the offset after its last record.
// It is -1 where epochs[p] is, there is no leader, or brokers don't support it or don't
// allow it. A partition has an error where asking again may help.
func epochEnds(ctx context.Context, cl *kgo.Client, topic string, m topicMeta, epochs []int32) ([]stream.EpochEnd, []error) {
	ends, errs := make([]stream.EpochEnd, len(epochs)), make([]error, len(epochs))
	reqs := make(map[int32]*kmsg.OffsetForLeaderEpochRequest)
	for p, epoch := range epochs {
		ends[p] = stream.EpochEnd{Epoch: -1}
		if epoch < 0 || p >= len(m.leaders) || m.leaders[p] < 0 {
			continue
		}
		req := reqs[m.leaders[p]]
		if req == nil {
			req = kmsg.NewPtrOffsetForLeaderEpochRequest()
			rt := kmsg.NewOffsetForLeaderEpochRequestTopic()
			rt.Topic = topic
			req.Topics = append(req.Topics, rt)
			reqs[m.leaders[p]] = req
		}
		rp := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
		rp.Partition, rp.CurrentLeaderEpoch, rp.LeaderEpoch = int32(p), m.epochs[p], epoch
		req.Topics[0].Partitions = append(req.Topics[0].Partitions, rp)
	}
	var asking sync.WaitGroup
	for leader, req := range reqs {
		asking.Go(func() { // each writes only what it asks for
			kresp, err := cl.Broker(int(leader)).Request(ctx, req)
			if err != nil {
				if mayAskAgain(err) {
					for _, p := range req.Topics[0].Partitions {
						errs[p.Partition] = err
					}
				}
				return
			}
			answered := make(map[int32]bool)
			for _, rt := range kresp.(*kmsg.OffsetForLeaderEpochResponse).Topics {
				for _, rp := range rt.Partitions {
					if p := rp.Partition; p < 0 || int(p) >= len(epochs) || m.leaders[p] != leader || epochs[p] < 0 {
						continue
					}
					answered[rp.Partition] = true
					switch err := kerr.ErrorForCode(rp.ErrorCode); {
					case err == nil && rp.LeaderEpoch >= 0 && rp.EndOffset >= 0:
						ends[rp.Partition] = stream.EpochEnd{Epoch: rp.LeaderEpoch, End: rp.EndOffset}
					case err != nil && kerr.IsRetriable(err):
						errs[rp.Partition] = partitionError(err)
					}
				}
			}
			for _, p := range req.Topics[0].Partitions {
				if !answered[p.Partition] {
					errs[p.Partition] = errNotAnswered
				}
			}
		})
	}
	asking.Wait()
	return ends, errs
}

// mayAskAgain reports whether a request that failed as a whole may go better the next
// time. Otherwise the broker doesn't know it.
func mayAskAgain(err error) bool {
	var network net.Error
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, kgo.ErrClientClosed) ||
		errors.Is(err, io.EOF) || errors.As(err, &network) || kerr.IsRetriable(err)
}

// askLineages asks the leaders for the epochs of their partitions, from the newest back;
// what isn't known, or not said in time, is left out.
func askLineages(ctx context.Context, cl *kgo.Client, topic string, m topicMeta) []lineage {
	ctx, cancel := context.WithTimeout(ctx, lineageTimeout)
	defer cancel()
	lineages := make([]lineage, len(m.leaders))
	epochs := slices.Clone(m.epochs)
	newer := make([]stream.EpochEnd, len(epochs)) // the last answer
	for p := range newer {
		newer[p].Epoch = -1
	}
	for step := 0; step <= lineageSteps && slices.ContainsFunc(epochs, func(e int32) bool { return e >= 0 }); step++ {
		ends, errs := epochEnds(ctx, cl, topic, m, epochs)
		for p, end := range ends {
			if epochs[p] < 0 {
				continue
			}
			epochs[p] = -1
			if errs[p] != nil || end.Epoch < 0 {
				continue
			}
			if was := newer[p]; was.Epoch >= 0 {
				if end.End >= was.End && step > 1 {
					continue // of the epoch before nothing is left, and of those before it neither
				}
				lineages[p] = append(lineages[p], epochStart{was.Epoch, end.End})
			}
			newer[p] = end
			if end.Epoch == 0 { // there is none before
				lineages[p] = append(lineages[p], epochStart{0, 0})
				continue
			}
			epochs[p] = end.Epoch - 1
		}
	}
	for _, l := range lineages {
		slices.Reverse(l)
	}
	return lineages
}
