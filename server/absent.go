package server

import (
	"slices"
	"sync/atomic"
	"time"

	"sluice/server/status"
)

// absentFor is how long it is believed which streams are absent.
const absentFor = time.Second

// absence is which streams can't be read for now and have not been read yet: their topics
// don't exist, or may not be read. A request that names such a stream among others is
// served the others, so that one missing topic keeps no page from its events. See
// stream.Widened.
type absence struct{ last atomic.Pointer[absentAt] }

type absentAt struct {
	mask uint64 // by stream
	time time.Time
}

// mask says which streams are absent now, from what is at most absentFor old.
func (a *absence) mask(source status.Source, now time.Time) uint64 {
	if last := a.last.Load(); last != nil && now.Sub(last.time) < absentFor {
		return last.mask
	}
	looked := &absentAt{time: now}
	for i, s := range source.Status() {
		if !s.Warm && s.HeldUp(now) {
			looked.mask |= 1 << i
		}
	}
	a.last.Store(looked)
	return looked.mask
}

// leaveOut takes the streams that are absent out of a request, unless nothing would be
// left.
func (a *admission) leaveOut(absent uint64) {
	is := func(i int) bool { return absent&(1<<i) != 0 }
	if absent == 0 || !slices.ContainsFunc(a.request.Streams, func(i int) bool { return !is(i) }) {
		return
	}
	var streams []int
	var names []string
	for n, i := range a.request.Streams {
		if is(i) {
			a.request.Absent = append(a.request.Absent, i)
		} else {
			streams, names = append(streams, i), append(names, a.names[n])
		}
	}
	a.request.Streams, a.names = streams, names
}
