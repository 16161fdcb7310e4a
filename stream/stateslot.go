package stream

// stateSlot is one record that a table keeps. It holds no pointer.
type stateSlot struct {
	subjectHash uint64 // of a grave: of the key
	keyHash     uint64
	time        int64
	offset      int64
	born        uint64 // stateTable.born when it came
	body        stateRef
	subjectLen  uint32
	keyLen      uint32
	partition   int32
	next        uint32 // slot with the same subjectHash (or the next grave, or the next free slot)
	nextKey     uint32 // slots with the same keyHash
	prevKey     uint32
	posting     uint32 // the first
	age         uint32 // place in its stateAges
	kind        stateKind
	keyed       bool // it has a key, which may be empty
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

const (
	stateSlotBytes    = 160 // a slot with its share of ages and indexes
	statePostingBytes = 28  // with the user's head
)

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

// stateAges has slots with the oldest timestamp on top: a binary heap.
type stateAges []stateAge

type stateAge struct {
	time int64
	slot uint32
}

func (a *stateAges) push(slots []stateSlot, id uint32) {
	*a = append(*a, stateAge{slots[id].time, id})
	a.up(slots, len(*a)-1)
}

func (a *stateAges) remove(slots []stateSlot, id uint32) {
	i, last := int(slots[id].age), len(*a)-1
	moved := (*a)[last]
	*a = (*a)[:last]
	if i == last {
		return
	}
	(*a)[i] = moved
	slots[moved.slot].age = uint32(i)
	a.down(slots, i)
	a.up(slots, int(slots[moved.slot].age))
}

func (a stateAges) up(slots []stateSlot, i int) {
	one := a[i]
	for i > 0 && a[(i-1)/2].time > one.time {
		a[i] = a[(i-1)/2]
		slots[a[i].slot].age = uint32(i)
		i = (i - 1) / 2
	}
	a[i] = one
	slots[one.slot].age = uint32(i)
}

func (a stateAges) down(slots []stateSlot, i int) {
	one := a[i]
	for {
		child := 2*i + 1
		if child >= len(a) {
			break
		}
		if child+1 < len(a) && a[child+1].time < a[child].time {
			child++
		}
		if a[child].time >= one.time {
			break
		}
		a[i] = a[child]
		slots[a[i].slot].age = uint32(i)
		i = child
	}
	a[i] = one
	slots[one.slot].age = uint32(i)
}
