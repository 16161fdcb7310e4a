package stream

import (
	"slices"
	"time"
)

// Cause says in a word what happened to a record for somebody.
type Cause string

// The causes.
const (
	CauseWritten      Cause = "written"       // it was handed to a connection of theirs
	CauseWrittenLater Cause = "written_later" // nobody was there, or not any more; they came back, and were handed it then
	CauseNotYet       Cause = "not_yet"       // there is a connection that is still to be handed it
	CauseSkipped      Cause = "skipped"       // the connection was too slow and was moved to live, and told so
	CauseLagged       Cause = "lagged"        // the connection was too slow and was closed, and they have not come back for it
	CauseDisconnected Cause = "disconnected"  // the connection ended before, and they have not come back for it
	CauseSubject      Cause = "subject"       // the connection was for another subject
	CauseEvent        Cause = "event"         // the connection was for events of another name
	CauseBefore       Cause = "before"        // the connection's position was past it already
	CauseRole         Cause = "role"          // they may not read the stream
	CauseStream       Cause = "stream"        // the connection was not for this stream
	CauseNotConnected Cause = "not_connected" // nobody was there, and they have not come back for it
	CauseWrongUser    Cause = "wrong_user"    // it belongs to somebody else
	CausePoison       Cause = "poison"        // it could not be made an event
	CauseFiltered     Cause = "filtered"      // the stream's rules leave it out

	// Of a record that nothing is known of:
	CauseForgotten Cause = "forgotten" // it is older than the record of decisions
	CauseNotRead   Cause = "not_read"  // this gateway has not read it yet
	CauseNoRecord  Cause = "no_record" // it is neither an event nor refused: a transaction marker, aborted, compacted
)

// causes are those of connections, the one that says most first: it stands for all of
// somebody's.
var causes = []Cause{CauseWritten, CauseWrittenLater, CauseNotYet, CauseSkipped, CauseLagged, CauseDisconnected, CauseSubject, CauseEvent, CauseBefore, CauseRole, CauseStream, CauseNotConnected}

// Verdict is what happened to a record for a user, or for one connection.
type Verdict struct {
	Cause Cause
	User  string    // "": nobody
	At    time.Time // when it was written, skipped, or a stream was denied; zero: not known, or nothing happened

	// Of the connection that it is about; all zero where there is none.
	Key     uint64 // see Sub.Key
	Filter  Filter
	AnyUser bool
	Since   time.Time
	Until   time.Time // zero: it is still there
	Ended   string    // why, as Sub.CloseFor was told

	// Came is when the user came after the record, with nothing to resume from before it.
	// Zero: they didn't.
	Came time.Time
}

// judge says what happened to a record for one connection. ok is false for one that has
// nothing to do with it: it ended before the record was read, or began after it.
func (d *Decisions) judge(r *fact, v *visit) (got Verdict, ok bool) {
	h := d.hub
	if v.until != 0 && v.last < r.seq {
		return got, false
	}
	got = Verdict{User: v.user, Key: v.key, Filter: *v.filter(r.seq), AnyUser: v.anyUser, Since: h.wall(v.since), Ended: v.why}
	if v.until != 0 {
		got.Until = h.wall(v.until)
	}
	there := v.seq < r.seq // when it was read
	if i := slices.IndexFunc(r.marks, func(m handing) bool { return m.key == v.key }); i >= 0 {
		got.Cause, got.At = CauseWritten, h.wall(r.marks[i].at)
		if !there {
			got.Cause = CauseWrittenLater
		}
		return got, true
	}
	got.Cause = d.missed(r, v, there)
	for _, s := range v.skips {
		if got.Cause == CauseSkipped && s.from <= r.seq && r.seq <= s.to {
			got.At = h.wall(s.at)
		}
	}
	return got, got.Cause != ""
}

// missed says why a connection was not handed a record, as far as marks say; "": it began
// after it.
func (d *Decisions) missed(r *fact, v *visit, there bool) Cause {
	var start []int64
	if v.start != nil {
		start = v.start[r.stream]
	}
	covered := at(start, int(r.partition)) > r.offset
	switch {
	case !there && (start == nil || covered):
		return ""
	case v.mask&(1<<r.stream) == 0 && !there:
		return ""
	case v.mask&(1<<r.stream) == 0 && v.denied&(1<<r.stream) != 0:
		return CauseRole
	case v.mask&(1<<r.stream) == 0:
		return CauseStream
	case !v.filter(r.seq).leavesSubject([]byte(r.subject)):
		return causeIf(there, CauseSubject)
	case !v.filter(r.seq).leavesName(r.name):
		return causeIf(there, CauseEvent)
	case covered:
		return CauseBefore
	case slices.ContainsFunc(v.skips, func(s skip) bool { return there && s.from <= r.seq && r.seq <= s.to }):
		return CauseSkipped
	case r.written > len(r.marks) && d.reached(r, v): // it is among those that were not marked
		if !there {
			return CauseWrittenLater
		}
		return CauseWritten
	case v.until == 0:
		return CauseNotYet
	case v.why == string(CauseLagged):
		return CauseLagged
	}
	return CauseDisconnected
}

func causeIf(is bool, cause Cause) Cause {
	if !is {
		return ""
	}
	return cause
}

// reached reports whether a connection has been handed all that is for it up to a record.
func (d *Decisions) reached(r *fact, v *visit) bool {
	h := d.hub
	seq, pos := v.reached, v.pos
	if v.until == 0 {
		id := uint32(v.key)
		seq, pos = h.reachedBy(id, h.subs.at(id))
	}
	if pos != nil {
		return at(pos[r.stream], int(r.partition)) > r.offset
	}
	return seq > r.seq
}

// verdict says what happened to a record for a user with these connections, the newest
// first, and what each of them had of it.
func (d *Decisions) verdict(r *fact, user string, visits []*visit) (Verdict, []Verdict) {
	h := d.hub
	v := Verdict{User: user, Cause: CauseNotConnected}
	switch {
	case r.poison != "":
		v.Cause = r.refused()
		return v, nil
	case h.logs[r.stream].spec.Audience == AudienceUser && !r.isFor(user, h.users.hash):
		v.Cause = CauseWrongUser
		return v, nil
	}
	var each []Verdict
	for _, one := range visits {
		if got, ok := d.judge(r, one); ok {
			each = append(each, got)
		} else if one.seq >= r.seq && one.mask&(1<<r.stream) != 0 {
			v.Came = h.wall(one.since)
		}
	}
	if len(each) > 0 {
		if v = best(each); v.Cause != CauseStream {
			return v, each
		}
	}
	// They read other streams, or none: it may be that they asked for this one, and were
	// refused.
	if d := d.lastDenial(user, r.stream); d != nil {
		v = Verdict{User: user, Cause: CauseRole, At: h.wall(d.at)}
	}
	return v, each
}

// best is the verdict that says most.
func best(each []Verdict) Verdict {
	rank := func(v Verdict) int { return slices.Index(causes, v.Cause) }
	return slices.MinFunc(each, func(a, b Verdict) int { return rank(a) - rank(b) })
}

// lastDenial is the latest time that a user was denied a stream, nil if there is none.
func (d *Decisions) lastDenial(user string, stream int) *denial {
	for n := d.denials.n; n > d.denials.oldest(); n-- {
		if one, _ := d.denials.at(n - 1); one.user == user && one.mask&(1<<stream) != 0 {
			return one
		}
	}
	return nil
}

func (r *fact) isFor(user string, hash func([]byte) uint64) bool {
	return slices.Contains(r.users, user) || slices.Contains(r.others, hash([]byte(user)))
}

// refused is the cause of a record that is no event, for everybody; "": it is one.
func (r *fact) refused() Cause {
	switch {
	case r.poison == "":
		return ""
	case r.intended:
		return CauseFiltered
	}
	return CausePoison
}
