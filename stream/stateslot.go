package stream

// stateSlot is one record that a table keeps. It holds no pointer.
type stateSlot struct {
	hash       [2]uint64     // of what each index goes by; see stateIndex
	links      [2]stateLinks // in each index
	time       int64         // the record's, as recordTimes has it
	offset     int64
	born       uint64 // stateTable.born when it came
	sum        uint64 // see stateSum
	body       stateRef
	subjectLen uint32
	keyLen     uint32
	partition  int32
	posting    uint32 // the first; of a free slot: the next one
	age        uint32 // where it stands in its heap of stateAges
	kind       stateKind
	keyed      bool // it is in byKey; the key may be empty
	kept       bool // it is in stateAges.kept
}

// stateSlots are a table's slots by number. They stand in chunks, so that a table that grows copies none
// of them under the hub's lock.
type stateSlots struct {
	chunks [][]stateSlot
	n      int
}

const stateSlotChunk = 1 << 6

// newStateSlots has the first slot, which stands for none.
func newStateSlots() stateSlots {
	var s stateSlots
	s.add()
	return s
}

func (s *stateSlots) at(id uint32) *stateSlot { return &s.chunks[id/stateSlotChunk][id%stateSlotChunk] }

func (s *stateSlots) len() int { return s.n }

// add returns the number of a slot that is new.
func (s *stateSlots) add() uint32 {
	if s.n == len(s.chunks)*stateSlotChunk {
		s.chunks = append(s.chunks, make([]stateSlot, stateSlotChunk))
	}
	s.n++
	return uint32(s.n - 1)
}

// stateKind is what a slot is there for.
type stateKind uint8

const (
	stateFree  stateKind = iota
	stateValue           // the latest event of a subject in a partition
	stateGone            // the same, and it is a tombstone
	stateGrave           // a tombstone of a key in a partition: older records of the key in other partitions are deleted
)

// statePosting links a slot into a user's chain.
type statePosting struct {
	uid        uint32
	slot       uint32
	next, prev uint32 // of the user
	other      uint32 // the slot's next, or the next free
}

// later reports whether a comes after b: by offset within a partition, by (time, partition, offset) across them. It is no
// order of all slots, but whoever compares the latest of each partition, as tables do, finds one winner.
func (a *stateSlot) later(b *stateSlot) bool {
	switch {
	case a.partition == b.partition:
		return a.offset > b.offset
	case a.time != b.time:
		return a.time > b.time
	}
	return a.partition > b.partition
}

const (
	stateSlotBytes    = 248 // a slot with its share of ages and indexes
	statePostingBytes = 40  // with what is known of the user
)
