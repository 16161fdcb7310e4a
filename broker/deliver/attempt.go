package deliver

import (
	"context"
	"time"
)

// attempt tries the records of a batch once, and says what came of each. Those that were
// given up go to the dead letters.
func (e *engine) attempt(batch []*item) {
	p := batch[0].part
	var fresh, bury []*item
	for _, it := range batch {
		if it.givenUp {
			bury = append(bury, it)
		} else {
			fresh = append(fresh, it)
		}
	}
	bury = append(bury, e.judge(p, fresh, e.try(p.ctx, fresh))...)
	for _, it := range bury {
		e.buried(it, e.bury(p.ctx, it.burial()))
	}
	e.land(p)
}

// try asks the target about those that have a message.
func (e *engine) try(ctx context.Context, batch []*item) []Outcome {
	outcomes := make([]Outcome, len(batch))
	var messages []*Message
	var at []int
	for i, it := range batch {
		if it.msg == nil && it.why.Verdict == Pending {
			it.msg, it.why = e.prepare(it.rec)
		}
		if it.msg == nil {
			outcomes[i] = it.why
			continue
		}
		messages, at = append(messages, it.msg), append(at, i)
	}
	if len(messages) > 0 {
		for i, o := range e.send(ctx, messages) {
			outcomes[at[i]] = o
		}
	}
	return outcomes
}

// judge notes what an attempt came to. It returns the records that have to be buried, for
// which the attempt goes on.
func (e *engine) judge(p *partition, batch []*item, outcomes []Outcome) (bury []*item) {
	e.mu.Lock()
	defer e.mu.Unlock()
	defer e.wake()
	now := time.Now()
	found := foundOut(p, batch, outcomes)
	if changed := e.circuit.end(now, found); changed {
		e.say(event{kind: circuitChanged, open: e.circuit.open, outcome: found})
	}
	for i, it := range batch {
		if p.ctx.Err() != nil && outcomes[i].Verdict != Delivered {
			continue // it was cut off, which says nothing of the target
		}
		if e.judgeOne(now, it, outcomes[i]) {
			bury = append(bury, it)
		}
	}
	return bury
}

// foundOut is what an attempt says of the target: that it answers, if it has done so for
// one record. Pending: it was not asked, or the attempt was cut off.
func foundOut(p *partition, batch []*item, outcomes []Outcome) Outcome {
	found := Outcome{Verdict: Pending}
	for i, it := range batch {
		switch o := outcomes[i]; {
		case it.msg == nil, o.Verdict == Pending, o.NotAsked, p.ctx.Err() != nil && o.Verdict != Delivered:
		case !o.Down:
			return o
		default:
			found = o
		}
	}
	return found
}

// judgeOne reports whether the record has to be buried.
func (e *engine) judgeOne(now time.Time, it *item, o Outcome) (bury bool) {
	asked := it.msg != nil && o.Verdict != Pending
	if o.Verdict == Delivered {
		e.settle(it, o, asked)
		return false
	}
	if asked {
		e.totals.attempts[o.Cause]++
	}
	it.note(now, o)
	switch {
	case o.Verdict == Pending:
		e.again(it, now.Add(e.retry.wait(1, 0)))
	case o.Verdict == Gone:
		e.pauseLocked(Pause{On: true, Since: now, Why: "the target answered 410 Gone"})
		e.again(it, now)
	case o.Verdict == Failed && !e.retry.exhausted(it.attempts, it.first, now):
		e.again(it, now.Add(e.retry.wait(it.attempts, o.After)))
	case e.bury != nil:
		it.givenUp = true
		return true
	default:
		if !it.stuck {
			it.stuck = true
			e.say(event{kind: itemStuck, item: it, outcome: o})
		}
		e.again(it, now.Add(e.retry.wait(64, o.After)))
	}
	return false
}

// note remembers an attempt.
func (it *item) note(now time.Time, o Outcome) {
	if it.why = o; o.Verdict == Pending || o.Verdict == Gone {
		return
	}
	it.attempts++
	it.last = now
	if it.first.IsZero() {
		it.first = now
	}
}

// settle notes that a record is done.
func (e *engine) settle(it *item, o Outcome, asked bool) {
	if asked {
		e.totals.delivered++
	} else {
		e.totals.dropped[o.Cause]++
	}
	e.finish(it)
}

// buried notes whether a dead letter was written. Until it is, the record stays.
func (e *engine) buried(it *item, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	defer e.wake()
	e.circuit.probing = false
	switch {
	case err == nil:
		e.totals.deadLetters[it.why.Cause]++
		e.say(event{kind: itemBuried, item: it, outcome: it.why})
		e.finish(it)
	case it.part.ctx.Err() != nil: // another gateway will
	default:
		e.say(event{kind: buryFailed, item: it, outcome: it.why, err: err})
		e.again(it, time.Now().Add(e.retry.wait(it.attempts, 0)))
	}
}

// finish takes a record out. The next one of its lane may be tried.
func (e *engine) finish(it *item) {
	p, l := it.part, it.lane
	p.finish(it)
	if len(l.items) > 0 {
		e.ready = append(e.ready, l)
	}
	if p.paused && !p.full(e.window, 0.5) {
		p.paused = false
		e.fetch(p.id, true)
	}
}

// again has a record tried again at some time.
func (e *engine) again(it *item, at time.Time) {
	it.lane.due = at
	if !it.part.withdrawn {
		e.waiting.add(it.lane)
	}
}

// land notes the end of an attempt.
func (e *engine) land(p *partition) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.flying--
	p.flying--
	if p.withdrawn && p.flying == 0 {
		close(p.landed)
	}
	e.wake()
}
