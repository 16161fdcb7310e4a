package status

import (
	"sync/atomic"
	"time"
)

// absentFor is how long it is believed which streams are absent.
const absentFor = time.Second

// Absence is which streams can't be read for now and have not been read yet: their topics
// don't exist, or may not be read. A request that names such a stream among others is
// served the others, so that one missing topic keeps no page from its events. See
// stream.Widened.
type Absence struct{ last atomic.Pointer[absentAt] }

type absentAt struct {
	mask uint64 // by stream
	time time.Time
}

// Mask says which streams are absent now, from what is at most absentFor old.
func (a *Absence) Mask(source Source, now time.Time) uint64 {
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
