package deliver

import "time"

// attempt tries the first record of a lane once, and says what came of it. A record that
// was given up goes to the dead letters.
func (e *engine) attempt(it *item) {
	if it.givenUp {
		e.buried(it, e.bury(it.part.ctx, it.burial()))
		return
	}
	o := e.try(it)
	if e.judge(it, o) {
		e.buried(it, e.bury(it.part.ctx, it.burial()))
	}
}

// try asks the target, unless there is no message to send.
func (e *engine) try(it *item) Outcome {
	if it.msg == nil && it.why.Verdict == Pending {
		it.msg, it.why = e.prepare(it.rec)
	}
	if it.msg == nil {
		return it.why
	}
	return e.send(it.part.ctx, it.msg)
}

// judge notes what an attempt came to. It reports whether the record has to be buried, in
// which case its attempt goes on.
func (e *engine) judge(it *item, o Outcome) (bury bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	asked := it.msg != nil && o.Verdict != Pending
	if it.part.ctx.Err() != nil && o.Verdict != Delivered {
		e.circuit.probing = false
		e.land(it) // it was cut off, which says nothing of the target
		return false
	}
	found := o
	if !asked {
		found = Outcome{Verdict: Pending}
	}
	if changed := e.circuit.end(now, found); changed {
		e.say(event{kind: circuitChanged, open: e.circuit.open, outcome: o})
	}
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
	e.circuit.probing = false
	switch {
	case err == nil:
		e.totals.deadLetters[it.why.Cause]++
		e.say(event{kind: itemBuried, item: it, outcome: it.why})
		e.finish(it)
	case it.part.ctx.Err() != nil:
		e.land(it)
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
	e.land(it)
}

// again has a record tried again at some time.
func (e *engine) again(it *item, at time.Time) {
	it.lane.due = at
	if !it.part.withdrawn {
		e.waiting.add(it.lane)
	}
	e.land(it)
}

// land notes the end of an attempt.
func (e *engine) land(it *item) {
	e.flying--
	it.part.flying--
	if it.part.withdrawn && it.part.flying == 0 {
		close(it.part.landed)
	}
	e.wake()
}
