package stream

import (
	order "container/heap"
	"slices"
	"time"
)

// MaxAhead is how far in the future a record's timestamp may lie: clocks differ a little.
const MaxAhead = time.Minute

// lastTime is the last moment that RFC 3339 and JSON can write, in ms since 1970.
var lastTime = time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC).UnixMilli()

// Time returns the moment of a number of milliseconds since 1970. The number comes from
// outside: a producer may set a record's timestamp to anything. The moment lies in the
// years 1970 to 9999, which RFC 3339 and JSON can write. A number outside gives the
// nearest of those.
func Time(ms int64) time.Time { return time.UnixMilli(min(max(ms, 0), lastTime)) }

// BoundTime returns t if it lies in the years 1970 to 9999, else the nearest moment that
// does. The zero time, which stands for none, stays.
func BoundTime(t time.Time) time.Time {
	switch {
	case t.IsZero():
		return t
	case t.Unix() < 0:
		return time.UnixMilli(0).In(t.Location())
	case t.Unix() > lastTime/1000:
		return time.UnixMilli(lastTime).In(t.Location())
	}
	return t
}

// recordTimes says when records are of, by their timestamps. A timestamp that lies in the
// future is a producer's fault, and would make its record newer than all others for ever.
// Such a record is as new as the newest record before it in its partition whose timestamp
// can be.
type recordTimes struct {
	newest []int64 // by partition: the newest timestamp that can be, in ms
}

// of returns when a record is of, in ms, and whether that is its timestamp. The records
// of a partition come in order of their offsets; now is in ms since 1970.
func (t *recordTimes) of(partition int32, timestamp, now int64) (ms int64, own bool) {
	if timestamp <= now+MaxAhead.Milliseconds() {
		t.see(partition, timestamp)
		return timestamp, true
	}
	return at(t.newest, int(partition)), false
}

func (t *recordTimes) see(partition int32, timestamp int64) {
	t.newest = grow(t.newest, int(partition)+1)
	t.newest[partition] = max(t.newest[partition], timestamp)
}

// ahead are the slots of records whose timestamps lie in the future, the next to come
// first. Once its time has come a record counts by its timestamp, as a gateway has it
// that reads it then.
type ahead []aheadSlot

type aheadSlot struct {
	time int64  // the record's timestamp
	born uint64 // of the slot: another number once it is used again
	slot uint32
}

// maxWait is how far ahead a timestamp may lie for its slot to wait. Beyond, it is
// nonsense.
const maxWait = 7 * 24 * time.Hour

func (a ahead) Len() int           { return len(a) }
func (a ahead) Less(i, j int) bool { return a[i].time < a[j].time }
func (a ahead) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *ahead) Push(x any)        { *a = append(*a, x.(aheadSlot)) }
func (a *ahead) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

// wait notes that a slot's record is ahead of its time.
func (t *stateTable) wait(id uint32, timestamp, now int64) {
	if timestamp > now+maxWait.Milliseconds() {
		return
	}
	if len(t.ahead) > 2*t.used+StateRun { // those removed meanwhile are the most of it
		t.ahead = t.waiting()
		order.Init(&t.ahead)
	}
	order.Push(&t.ahead, aheadSlot{time: timestamp, born: t.slots.at(id).born, slot: id})
}

func (t *stateTable) waiting() ahead {
	left := t.ahead[:0]
	for _, a := range t.ahead {
		if t.slots.at(a.slot).born == a.born {
			left = append(left, a)
		}
	}
	return left
}

// arrive gives slots whose time has come their own time.
func (t *stateTable) arrive(now int64) {
	for n := 0; n < StateRun && len(t.ahead) > 0 && t.ahead[0].time <= now+MaxAhead.Milliseconds(); n++ {
		a := order.Pop(&t.ahead).(aheadSlot)
		s := t.slots.at(a.slot)
		if s.born != a.born {
			continue
		}
		t.goes(a.slot)
		ages := t.agesOf(s)
		ages.remove(&t.slots, a.slot)
		s.time = a.time
		t.log.times.see(s.partition, s.time)
		ages.push(&t.slots, a.slot, s.time <= t.bound(s.kind, s.lasting, now))
		t.came(a.slot)
	}
}

// readTimes remembers how far this gateway had read a stream at some moments, the newest
// last. It is how the age of a position is known whatever timestamps say: what this
// gateway read at a moment, or later, is no older than that.
type readTimes []readTime

type readTime struct {
	at   int64   // ms of the hub's clock
	head []int64 // everything from here on was read then or later
}

// readMoments is about how many moments are remembered of the time that a position may be
// old.
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

// since returns a position from which on everything was read at cut or later, nil if none
// is known.
func (r readTimes) since(cut int64) []int64 {
	for _, one := range r {
		if one.at >= cut {
			return one.head
		}
	}
	return nil
}
