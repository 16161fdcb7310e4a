package hold

import "math/bits"

const (
	wheelStep  = 128  // ms a slot of the wheel stands for
	wheelSlots = 1024 // power of two; 131 s around
)

// wheel tells which slots are due, at the cost of two links each. It is coarse, by
// wheelStep ms and always early, and lazy: a slot whose time has moved on is only found
// out when its old time comes. Most events move a heartbeat, and none of them touches the
// wheel.
type wheel struct {
	heads [wheelSlots]uint32 // first slot of each list; 0: none
	used  [wheelSlots / 64]uint64
	turn  int64 // steps up to this one have been taken
}

// links are where a slot is in the wheel. A slot is in at most one list.
type links struct {
	next, prev uint32
	bucket     uint16 // 1 + list; 0: in none
}

// add puts a slot where it will be found at due, or at the far end of the wheel, to be
// put again.
func (w *wheel) add(at func(uint32) *links, slot uint32, due int64) {
	step := min(max(due/wheelStep, w.turn+1), w.turn+wheelSlots-1)
	i := step % wheelSlots
	l := at(slot)
	l.bucket, l.prev, l.next = uint16(i)+1, 0, w.heads[i]
	if l.next != 0 {
		at(l.next).prev = slot
	}
	w.heads[i] = slot
	w.used[i/64] |= 1 << (i % 64)
}

func (w *wheel) remove(at func(uint32) *links, slot uint32) {
	l := at(slot)
	if l.bucket == 0 {
		return
	}
	i := int(l.bucket - 1)
	if l.prev != 0 {
		at(l.prev).next = l.next
	} else if w.heads[i] = l.next; l.next == 0 {
		w.used[i/64] &^= 1 << (i % 64)
	}
	if l.next != 0 {
		at(l.next).prev = l.prev
	}
	*l = links{}
}

// take removes and returns a slot whose step has come, 0 if there is none.
func (w *wheel) take(at func(uint32) *links, now int64) uint32 {
	step := now / wheelStep
	w.turn = max(w.turn, step-wheelSlots) // once around finds every list
	for {
		if slot := w.heads[w.turn%wheelSlots]; slot != 0 {
			w.remove(at, slot)
			return slot
		}
		if w.turn >= step {
			return 0
		}
		w.turn++
	}
}

// next is when take will find something, in ms; false: never.
func (w *wheel) next() (int64, bool) {
	const words = int64(len(w.used))
	start := w.turn % wheelSlots
	for n := range words + 1 {
		word := (start/64 + n) % words
		used := w.used[word]
		switch n {
		case 0:
			used &= ^uint64(0) << (start % 64)
		case words: // once around: what the first look left out
			used &= 1<<(start%64) - 1
		}
		if used != 0 {
			i := word*64 + int64(bits.TrailingZeros64(used))
			return (w.turn + (i-start+wheelSlots)%wheelSlots) * wheelStep, true
		}
	}
	return 0, false
}
