package doctor

import (
	"slices"
	"time"
)

// shape is how a probe's events came, and how they were sent.
type shape int

const (
	atOnce   shape = iota // each as it was sent
	delayed               // each on its own, and late
	bunched               // several at a time, while the stream was open
	untilEnd              // all together at the end
)

// pace is what the arrivals of a probe come to.
type pace struct {
	shape shape
	held  time.Duration // how long an event was held back: the median
	worst time.Duration // the longest
	bunch int           // bytes that came together, by and large; for bunched
}

// paceOf judges a probe whose events were sent every so often. trip is what a request and
// its answer take by themselves.
//
// Times alone hardly tell a machine that stood still for a moment from a proxy that holds
// back. So it goes by order where it can: what was sent apart and came together has
// waited somewhere. Where it can't, it goes by the median.
func paceOf(arrivals []arrival, every, trip time.Duration) pace {
	held := make([]time.Duration, len(arrivals))
	together := 0
	for i, a := range arrivals {
		held[i] = max(0, a.received-a.sent-trip)
		if i > 0 && cameTogether(arrivals[i-1], a) {
			together++
		}
	}
	slices.Sort(held)
	p := pace{held: held[len(held)/2], worst: held[len(held)-1]}
	first, last := arrivals[0], arrivals[len(arrivals)-1]
	switch {
	case together > 0 && together == len(arrivals)-1 && first.received-trip > last.sent-every:
		p.shape = untilEnd
	case p.held <= every/3:
		p.shape = atOnce
	case 3*together >= len(arrivals): // fewer are a moment's
		p.shape, p.bunch = bunched, bunchSize(arrivals)
	default:
		p.shape = delayed
	}
	return p
}

// cameTogether says of two events, one after the other, that they came in less than a
// fifth of the time that lay between them.
func cameTogether(a, b arrival) bool { return 5*(b.received-a.received) < b.sent-a.sent }

// bunchSize is the median of what came together; the last bunch is left out, which the
// end may have pushed.
func bunchSize(arrivals []arrival) int {
	var sizes []int
	size := 0
	for i, a := range arrivals {
		if i > 0 && !cameTogether(arrivals[i-1], a) {
			sizes = append(sizes, size)
			size = 0
		}
		size += a.size
	}
	if len(sizes) == 0 {
		return size
	}
	slices.Sort(sizes)
	return sizes[len(sizes)/2]
}
