package doctor

import (
	"slices"
	"time"
)

// shape is how a probe's events came, beside how they were sent.
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
	worst time.Duration // the longest that one was held back
	bunch int           // bytes that came together, by and large; for bunched
}

// paceOf judges a probe whose events were sent every so often. trip is what a request and its answer take by themselves.
//
// Times alone would tell a machine that stood still for a moment from a proxy that buffers badly, so it goes by order where it can: what was
// sent apart and came together has waited somewhere.
func paceOf(arrivals []arrival, every, trip time.Duration) pace {
	var p pace
	least := time.Duration(-1)
	together := 0
	for i, a := range arrivals {
		held := max(0, a.received-a.sent-trip)
		p.worst = max(p.worst, held)
		if least < 0 || held < least {
			least = held
		}
		if i > 0 && cameTogether(arrivals[i-1], a) {
			together++
		}
	}
	first, last := arrivals[0], arrivals[len(arrivals)-1]
	switch {
	case p.worst <= every/2:
		p.shape = atOnce
	case together == len(arrivals)-1 && first.received-trip > last.sent-every:
		p.shape = untilEnd
	case together > 0:
		p.shape, p.bunch = bunched, bunchSize(arrivals)
	case least > every/2:
		p.shape = delayed
	default: // a moment's delay
		p.shape = atOnce
	}
	return p
}

// cameTogether says of two events, one after the other, that they came in less than half the time that lay between them.
func cameTogether(a, b arrival) bool { return 2*(b.received-a.received) < b.sent-a.sent }

// bunchSize is the median of what came together; the last bunch is left out, which the end may have pushed.
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
