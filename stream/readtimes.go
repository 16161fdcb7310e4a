package stream

import "slices"

// readTimes remembers how far this gateway had read a stream at some moments, the newest last. It
// is how the age of a position is known whatever timestamps say: what this gateway read at a
// moment, or later, is no older than that.
type readTimes []readTime

type readTime struct {
	at   int64   // ms of the hub's clock
	head []int64 // everything from here on was read then or later
}

// readMoments is about how many moments are remembered of the time that a position may be old.
const readMoments = 64

// note remembers that nothing from head on has been read before now. maxAge is in ms.
func (r *readTimes) note(now, maxAge int64, head []int64) {
	if n := len(*r); n > 0 && now-(*r)[n-1].at < max(maxAge/readMoments, 1) {
		return
	}
	old := 0
	for old < len(*r) && (*r)[old].at < now-maxAge {
		old++
	}
	*r = append(slices.Delete(*r, 0, old), readTime{now, slices.Clone(head)})
}

// since returns a position from which on everything was read at cut or later, nil if none is known.
func (r readTimes) since(cut int64) []int64 {
	for _, one := range r {
		if one.at >= cut {
			return one.head
		}
	}
	return nil
}
