package broker

import "encoding/binary"

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
