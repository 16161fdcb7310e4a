package stream

// stateIndex finds slots by their subject, or by their key. Those of one text and partition are a
// chain, the newest first; its first slot is the head, and the heads of one text are siblings. So
// a slot is put in, taken out, and told to be the latest without a look at the others of its
// text, however many keys a subject has; what is looked through is at most the partitions.
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

// link makes a slot the head of its chain. The records of a partition come in order of their offsets.
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
