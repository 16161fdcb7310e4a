package stream

// stateAges has slots in the order in which they become too old. Most stand in young, by time.
// What is too old by its time, and yet among the newest records of its partition, stands in
// kept, by offset.
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
