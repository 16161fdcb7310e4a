package deliver

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// withdraw begins no further attempt of partitions, and waits for those under way until
// ctx ends. Then they are cut off: whether the target has their records is not known, so
// they count as not delivered.
func (e *engine) withdraw(ctx context.Context, ids []partitionID) {
	var leaving []*partition
	e.mu.Lock()
	for _, id := range ids {
		if p := e.partitions[id]; p != nil && p.withdraw() {
			leaving = append(leaving, p)
		}
	}
	e.mu.Unlock()
	for _, p := range leaving {
		select {
		case <-p.landed:
		case <-ctx.Done():
		}
		p.cancel()
	}
}

// withdraw has no further attempt begin. It reports whether that is news.
func (p *partition) withdraw() (news bool) {
	if p.withdrawn {
		return false
	}
	p.withdrawn = true
	if p.flying == 0 {
		close(p.landed)
	}
	return true
}

// cutOff ends all attempts under way. It is for an end that must not wait: whether the
// target has these records is not known, so they are delivered again.
func (e *engine) cutOff() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range e.partitions {
		p.cancel()
	}
}

// drop forgets partitions, which belong to another gateway now. What attempts that are
// still under way come to counts for nothing.
func (e *engine) drop(ids []partitionID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, id := range ids {
		p := e.partitions[id]
		if p == nil {
			continue
		}
		p.cancel()
		p.withdraw()
		for _, it := range p.items {
			e.waiting.remove(it.lane)
		}
		if p.paused {
			p.paused = false
			e.fetch(id, true) // the client keeps a pause across rebalances
		}
		delete(e.partitions, id)
	}
	e.wake()
}

// owned returns all partitions.
func (e *engine) owned() (ids []partitionID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for id := range e.partitions {
		ids = append(ids, id)
	}
	return ids
}

// committable returns how far partitions are done that have not been committed so far.
// No ids: all.
func (e *engine) committable(ids ...partitionID) map[partitionID]kgo.EpochOffset {
	e.mu.Lock()
	defer e.mu.Unlock()
	at := make(map[partitionID]kgo.EpochOffset)
	add := func(p *partition) {
		if p != nil && p.low > p.saved {
			at[p.id] = kgo.EpochOffset{Epoch: p.epoch, Offset: p.low}
		}
	}
	for _, id := range ids {
		add(e.partitions[id])
	}
	if len(ids) == 0 {
		for _, p := range e.partitions {
			add(p)
		}
	}
	return at
}

// committed notes what Kafka has.
func (e *engine) committed(at map[partitionID]kgo.EpochOffset) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for id, o := range at {
		if p := e.partitions[id]; p != nil {
			p.saved = max(p.saved, o.Offset)
		}
	}
}

// Pause says whether an operator or the target has paused a delivery. Records are kept,
// and nothing is sent.
type Pause struct {
	On    bool
	Since time.Time
	Why   string
}

func (e *engine) pause(why string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pauseLocked(Pause{On: true, Since: time.Now(), Why: why})
}

// pauseLocked keeps the first reason, and says it once.
func (e *engine) pauseLocked(p Pause) {
	if !e.paused.On {
		e.paused = p
		e.say(event{kind: deliveryPaused, pause: p})
	}
}

// resume goes on, at once: what waited for a target that was gone or down is tried.
func (e *engine) resume() (was bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	was = e.paused.On
	e.paused, e.circuit = Pause{}, circuit{}
	e.wake()
	return was
}
