package stream

// stateIndex finds slots by their subject, or by their key. Those of one text and
// partition are a chain, the newest first. Its first slot is the head, and the heads of
// one text are siblings. So a slot is put in, taken out, and told to be the latest
// without a look at the others of its text, however many keys a subject has. What is
// looked through is at most the partitions.
type stateIndex struct {
	which int               // of stateSlot.hash and links
	heads map[uint64]uint32 // hash → the first head
	text  func(*stateTable, *stateSlot) []byte
}

// stateLinks are a slot's neighbours in an index; 0 is none.
type stateLinks struct {
	next, prev           uint32 // in its chain: the older and the newer
	sibling, siblingPrev uint32 // of a head: the other partitions', or of another text with the same hash
}

// first returns the first head of a hash, 0 if there is none.
func (x *stateIndex) first(hash uint64) uint32 { return x.heads[hash] }

// head returns the head of a text's chain in a partition, 0 if there is none.
func (x *stateIndex) head(t *stateTable, hash uint64, text []byte, partition int32) uint32 {
	id := x.heads[hash]
	for id != 0 && (t.slots.at(id).partition != partition || string(x.text(t, t.slots.at(id))) != string(text)) {
		id = t.slots.at(id).links[x.which].sibling
		t.looked++
	}
	t.looked++
	return id
}

// link makes a slot the head of its chain. The records of a partition come in order of
// their offsets.
func (x *stateIndex) link(t *stateTable, id uint32) {
	s := t.slots.at(id)
	hash, l := s.hash[x.which], &s.links[x.which]
	head := x.head(t, hash, x.text(t, s), s.partition)
	if head == 0 {
		l.sibling = x.heads[hash]
		x.between(t, id, hash)
		return
	}
	before := &t.slots.at(head).links[x.which]
	l.sibling, l.siblingPrev = before.sibling, before.siblingPrev
	l.next, before.prev = head, id
	before.sibling, before.siblingPrev = 0, 0
	x.between(t, id, hash)
}

// between tells a head's siblings of it.
func (x *stateIndex) between(t *stateTable, id uint32, hash uint64) {
	l := t.slots.at(id).links[x.which]
	if l.siblingPrev == 0 {
		x.heads[hash] = id
	} else {
		t.slots.at(l.siblingPrev).links[x.which].sibling = id
	}
	if l.sibling != 0 {
		t.slots.at(l.sibling).links[x.which].siblingPrev = id
	}
}

// unlink takes a slot out.
func (x *stateIndex) unlink(t *stateTable, id uint32) {
	s := t.slots.at(id)
	hash, l := s.hash[x.which], s.links[x.which]
	switch {
	case l.prev != 0:
		t.slots.at(l.prev).links[x.which].next = l.next
		if l.next != 0 {
			t.slots.at(l.next).links[x.which].prev = l.prev
		}
	case l.next != 0: // the next is the head now
		head := &t.slots.at(l.next).links[x.which]
		head.prev, head.sibling, head.siblingPrev = 0, l.sibling, l.siblingPrev
		x.between(t, l.next, hash)
	default:
		switch {
		case l.siblingPrev != 0:
			t.slots.at(l.siblingPrev).links[x.which].sibling = l.sibling
		case l.sibling != 0:
			x.heads[hash] = l.sibling
		default:
			delete(x.heads, hash)
		}
		if l.sibling != 0 {
			t.slots.at(l.sibling).links[x.which].siblingPrev = l.siblingPrev
		}
	}
}

// stateAges has slots in the order in which they become too old. Most stand in young, by
// time. What is too old by its time, and yet among the newest records of its partition,
// stands in kept, by offset.
type stateAges struct {
	young stateHeap
	kept  []stateHeap // by partition
	old   int         // slots in kept
}

func (a *stateAges) len() int { return len(a.young) + a.old }

// push adds a slot, to kept or to young.
func (a *stateAges) push(slots *stateSlots, id uint32, kept bool) {
	s := slots.at(id)
	if s.kept = kept; !kept {
		a.young.push(slots, id, s.time)
		return
	}
	for len(a.kept) <= int(s.partition) {
		a.kept = append(a.kept, nil)
	}
	a.kept[s.partition].push(slots, id, s.offset)
	a.old++
}

func (a *stateAges) remove(slots *stateSlots, id uint32) {
	s := slots.at(id)
	if !s.kept {
		a.young.remove(slots, id)
		return
	}
	a.kept[s.partition].remove(slots, id)
	a.old--
}

// stateHeap is a binary heap of slots with the least key on top.
type stateHeap []stateAge

type stateAge struct {
	key  int64
	slot uint32
}

func (h *stateHeap) push(slots *stateSlots, id uint32, key int64) {
	*h = append(*h, stateAge{key, id})
	h.up(slots, len(*h)-1)
}

func (h *stateHeap) remove(slots *stateSlots, id uint32) {
	i, last := int(slots.at(id).age), len(*h)-1
	moved := (*h)[last]
	*h = (*h)[:last]
	if i == last {
		return
	}
	(*h)[i] = moved
	slots.at(moved.slot).age = uint32(i)
	h.down(slots, i)
	h.up(slots, int(slots.at(moved.slot).age))
}

func (h stateHeap) up(slots *stateSlots, i int) {
	one := h[i]
	for i > 0 && h[(i-1)/2].key > one.key {
		h[i] = h[(i-1)/2]
		slots.at(h[i].slot).age = uint32(i)
		i = (i - 1) / 2
	}
	h[i] = one
	slots.at(one.slot).age = uint32(i)
}

func (h stateHeap) down(slots *stateSlots, i int) {
	one := h[i]
	for {
		child := 2*i + 1
		if child >= len(h) {
			break
		}
		if child+1 < len(h) && h[child+1].key < h[child].key {
			child++
		}
		if h[child].key >= one.key {
			break
		}
		h[i] = h[child]
		slots.at(h[i].slot).age = uint32(i)
		i = child
	}
	h[i] = one
	slots.at(one.slot).age = uint32(i)
}
