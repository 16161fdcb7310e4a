package broker

import (
	"context"
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"sluice/stream"
)

// epochEnds asks a topic's leaders where leader epochs ended (OffsetForLeaderEpoch). Each
// leader is asked once, and all at the same time. The answer for a partition is the
// largest epoch not above epochs[p] that its leader knows, and the offset after the last
// record of it.
//
// The epoch in the answer is -1 if epochs[p] is, if there is no leader, or if brokers
// don't support or allow the question. A partition has an error if asking again may help.
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
		asking.Go(func() { // each goroutine writes only the partitions that it asks for
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

const (
	// lineageSteps is how many elections are asked about when reading begins. Each one
	// takes a question.
	lineageSteps   = 16
	lineageTimeout = 2 * time.Second
)

// askLineages asks the leaders for the epochs of their partitions, from the newest back.
// It leaves out what nobody knows, and what nobody answers in time.
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
					continue // no record is left of the epoch before, nor of any before that
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

// epochStart says that the records of a partition from offset start on were written under
// a leader epoch (KIP-320). -1: it is not known.
type epochStart struct {
	epoch int32
	start int64
}

// lineage has the leader epochs of a partition up to where it has been read, ascending,
// as far as they are known.
type lineage []epochStart

const maxLineage = 64 // epochs kept of a partition, the newest

// at returns the epoch of the last record before an offset. -1: it is not known, or there
// is none.
func (l lineage) at(next int64) int32 {
	for i := len(l) - 1; i >= 0; i-- {
		if l[i].start < next {
			return l[i].epoch
		}
	}
	return -1
}

// newest returns the newest epoch that is known. -1: none is.
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

// after returns where the first epoch above one began. false: it is not known.
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

// epochsOf returns the leader epochs of batches, and where each begins. -1: the format of
// a batch has none. offset is where reading began.
//
// A batch has its base offset (8 bytes), the length of the rest (4), the partition leader
// epoch (4) and, from there on, the magic byte (1). Formats from 2 on have the epoch. The
// last batch may be cut short.
func epochsOf(batches []byte, offset int64) (epochs lineage) {
	const lengthEnd, epochEnd, magicAt = 12, 16, 16
	for len(batches) > magicAt {
		n := int64(int32(binary.BigEndian.Uint32(batches[lengthEnd-4:]))) + lengthEnd
		if n <= magicAt || n > int64(len(batches)) {
			break
		}
		epoch := int32(-1)
		if batches[magicAt] >= 2 {
			epoch = int32(binary.BigEndian.Uint32(batches[epochEnd-4:]))
		}
		if len(epochs) == 0 || epochs[len(epochs)-1].epoch != epoch {
			epochs = append(epochs, epochStart{epoch, max(offset, int64(binary.BigEndian.Uint64(batches)))})
		}
		batches = batches[n:]
	}
	return epochs
}
