package stream

import "slices"

// A position is a vector: per partition the next offset to come. A vector shorter than the
// stream has partitions counts as 0, the beginning, in those missing: a partition
// that a cursor doesn't know was added after it (see [Hub.AddPartitions]).

// at returns the next offset of partition p.
func at(pos []int64, p int) int64 {
	if p < len(pos) {
		return pos[p]
	}
	return 0
}

// covers reports whether a is nowhere below b.
func covers(a, b []int64) bool {
	for p, next := range b {
		if at(a, p) < next {
			return false
		}
	}
	return true
}

// raise lifts pos to where it is below to, and returns it, grown to to's length.
func raise(pos, to []int64) []int64 {
	pos = grow(pos, len(to))
	for p, next := range to {
		pos[p] = max(pos[p], next)
	}
	return pos
}

// grow returns pos with at least n partitions.
func grow(pos []int64, n int) []int64 {
	if len(pos) >= n {
		return pos
	}
	return append(slices.Grow(pos, n-len(pos)), make([]int64, n-len(pos))...)
}

// distance is how many offsets lie between from and to where from is below.
func distance(from, to []int64) (n int64) {
	for p, next := range to {
		n += max(0, next-at(from, p))
	}
	return n
}
