package server

import (
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"sluice/server/deflate"
	"sluice/server/limit"
	"sluice/stream"
	"sluice/stream/cursor"
)

const (
	// batchBytes is about how much one write carries: enough that the cost of the call is
	// spread thin, little enough that a slow client's place in the log moves often.
	batchBytes = 32 << 10

	// expiringLead is how far ahead a page is told that its identity ends: time to renew a
	// cookie.
	expiringLead tick = 10_000
)

// reason is why a stream ended. It is a metric label, and the reason of sluice.closing.
type reason uint8

const (
	gone      reason = iota // the client went away
	slow                    // the client took nothing for WriteTimeout
	lagged                  // the client fell off the end of the log, or further behind than it may
	kafka                   // catch-up found Kafka away
	expiring                // the identity ended
	maxAge                  // the stream was old enough
	draining                // the gateway goes away
	revoked                 // the identity was ended before its time
	dismissed               // an operator closed it
	withdrawn               // a stream that it reads is no longer served
	reload                  // a stream that it was opened without can be read now
	evicted                 // a newer stream of the same user took its room
	reasons                 // how many there are
)

func (r reason) String() string {
	return [reasons]string{"gone", "slow", "lagged", "kafka", "expiring", "max_age", "draining", "revoked", "operator", "withdrawn", "reload", "evicted"}[r]
}

// sessionRules are what all sessions of a server share.
type sessionRules struct {
	began     time.Time // tick 0
	heartbeat tick
	retryMin  tick
	retryMax  tick
	random    func(lo, hi tick) tick // of [lo, hi]
	evictions *limit.Evictions       // streams that gave way to newer ones of their user
	snapshots *snapshots             // what streams that begin with a state are still to be sent
	frames    *deflate.Frames        // of streams that are sent compressed; nil: none are
	skipped   func([]stream.Reset)   // a client that lags too far was moved to live, and told so; nil: it is closed instead
}

func (t *sessionRules) now() tick { return tick(time.Since(t.began) / time.Millisecond) }

// retry is how long one client is to wait before it comes back.
func (t *sessionRules) retry() tick { return t.random(t.retryMin, t.retryMax) }

// nextBeat is when a stream silent from now on is due a heartbeat. The interval is what
// was promised or a little less, so that clients that came together don't beat together
// for ever.
func (t *sessionRules) nextBeat(now tick) tick { return now + t.random(t.heartbeat*4/5, t.heartbeat) }

// session is one connection's stream: where it is in the log, and what is due when. It is
// a small value without I/O. A carrier asks it what to write now and keeps time for it,
// with one timer each or one wheel for a hundred thousand. Only its carrier calls it, one
// goroutine at a time.
type session struct {
	sub stream.Sub
	course
}

// course is all of a session but its subscription. It has no pointers, so that a slot can
// keep it.
type course struct {
	lease // what it has taken, until its carrier ends that

	beat tick // a heartbeat, unless something is written before
	warn tick // sluice.closing with reason expiring; never, once said
	end  tick // the end of the stream by itself

	why    reason // of the end: what is to come at end, or what came
	stale  bool   // the client was last told that Kafka is away
	ending bool   // the end of all sessions is in end

	messages bool // it is sent as messages of a WebSocket
	deflated bool // it is sent compressed

	sum deflate.Sum // of what has been sent, if it is sent compressed
}

// newSession is a session beginning now. expires may be zero: never.
func newSession(t *sessionRules, now tick, sub stream.Sub, expires time.Time, age time.Duration) session {
	s := session{sub, course{beat: t.nextBeat(now), warn: never, end: never}}
	if age > 0 {
		s.endBy(now+t.random(ticks(age)*9/10, ticks(age)), maxAge)
	}
	if !expires.IsZero() {
		end := now + max(0, ticks(time.Until(expires)))
		s.warn = end - expiringLead
		s.endBy(end, expiring)
	}
	return s
}

// endBy ends the stream at the time given, if it doesn't end before anyway.
func (c *course) endBy(at tick, why reason) {
	if at < c.end {
		c.end, c.why = at, why
	}
}

// hurry sets the end once all sessions are to end. ending is 1 + the spread over which
// they are, 0: they aren't.
func (c *course) hurry(t *sessionRules, now tick, ending int64) {
	spread := tick(ending - 1)
	if spread < 0 || c.ending && spread > 0 {
		return
	}
	c.ending = true
	c.endBy(now+t.random(0, spread), draining)
}

// due is when fill has something to do even if the hub wakes nobody.
func (c *course) due() tick { return min(c.beat, c.warn, c.end) }

// verdict says what comes after what fill appended has been written.
type verdict uint8

const (
	wait verdict = iota // nothing, until the hub wakes it or it is due
	more                // fill again
	end                 // the end of the stream; why says why
)

// fill appends all that is due now, as the client reads it.
func (s *session) fill(t *sessionRules, now tick, out *stream.Batch) verdict {
	if !s.deflated {
		return s.fillPlain(t, now, out)
	}
	plain := batches.Get().(*stream.Batch)
	defer batches.Put(plain)
	defer plain.Reset()
	next := s.fillPlain(t, now, plain)
	s.sum = t.frames.Write(out, plain, s.sum, next == end)
	return next
}

// deflate has the stream sent compressed from its opening on, which it returns so.
func (s *session) deflate(opening []byte) []byte {
	s.deflated = true
	opening, s.sum = deflate.Begin(opening)
	return opening
}

// fillPlain appends all that is due now.
func (s *session) fillPlain(t *sessionRules, now tick, out *stream.Batch) verdict {
	if now >= s.warn {
		s.warn = never
		out.Append(appendExpiring(nil, max(0, s.end-now), t.retry()))
	}
	if now >= s.end {
		if s.why != expiring { // which has been said
			s.say(t, out, s.id())
		}
		return end
	}
	if since, stale := s.sub.Stale(); stale != s.stale {
		s.stale = stale
		if stale {
			out.Append(appendStale(nil, since))
		} else {
			out.Append(appendFresh(nil))
		}
	}
	next := wait
	var pulled stream.Pulled
	if s.snapshot {
		if pulled = s.sub.Over(); pulled == stream.Drained {
			done, cut := t.snapshots.fill(s.sub.Key(), out, batchBytes)
			if s.snapshot, pulled = !done, stream.More; cut {
				s.why = slow
				return end
			}
		}
	} else {
		pulled = s.sub.Pull(out, batchBytes)
	}
	switch pulled {
	case stream.More:
		next = more
	case stream.Lagged:
		if t.skipped != nil {
			if resets, ok := s.sub.Skip(out); ok {
				t.skipped(resets)
				break
			}
		}
		s.why = lagged
		s.say(t, out, "")
		return end
	case stream.Unavailable:
		s.why = kafka
		out.Append(appendUnavailable(nil, s.why.String(), t.retry()))
		return end
	case stream.Closed:
		s.why = draining
		s.say(t, out, "")
		return end
	case stream.Withdrawn:
		s.why = withdrawn
		s.say(t, out, "")
		return end
	case stream.Dismissed:
		s.why = dismissed
		s.say(t, out, s.id())
		return end
	case stream.Widened:
		s.why = reload
		s.say(t, out, s.id())
		return end
	case stream.Evicted:
		s.why = evicted
		out.Append(appendClosing(nil, s.evictedID(t), s.why, max(evictedRetry, t.retry())))
		return end
	case stream.Ended:
		s.why = revoked
		s.say(t, out, s.id())
		return end
	}
	if out.Bytes == 0 && now >= s.beat {
		out.Compose(func(dst []byte) []byte { return appendHeartbeat(dst, s.sub, t.began.Add(now.duration())) })
	}
	if out.Bytes > 0 {
		s.beat = t.nextBeat(now)
	}
	return next
}

// say says that the stream ends now.
func (s *session) say(t *sessionRules, out *stream.Batch, id string) {
	out.Append(appendClosing(nil, id, s.why, t.retry()))
}

// id is the position reached; "" where there is none to come back to.
func (s *session) id() string {
	if s.snapshot {
		return ""
	}
	return string(s.sub.AppendID(nil))
}

// evictedID is what an evicted client is to come back with: its position, its notes and
// one more. "" has it keep the id that it has: the log has overtaken it, and a note alone
// would take the place of its position.
func (s *session) evictedID(t *sessionRules) string {
	id := string(s.sub.AppendID(nil))
	if id == "" {
		return ""
	}
	if s.snapshot { // it has no position to lose
		position, _ := cursor.SplitNotes(id)
		id = strings.TrimPrefix(id[len(position):], "~")
	}
	return t.evictions.Remember(s.quota.User, id)
}

// evictedRetry is how long an evicted stream is told to stay away, at least.
const evictedRetry tick = 60_000

// tick is a moment, or a span, in milliseconds of the server's monotonic clock. A
// number instead of a time.Time keeps sessions small and free of pointers, and
// a step of the wall clock moves no heartbeat.
type tick int64

// never is after every moment.
const never tick = math.MaxInt64

// ticks rounds up: nothing is due before its time.
func ticks(d time.Duration) tick {
	whole := tick(d / time.Millisecond)
	if d%time.Millisecond > 0 {
		whole++
	}
	return whole
}

func (t tick) duration() time.Duration { return time.Duration(t) * time.Millisecond }

// between returns a random tick of [lo, hi].
func between(lo, hi tick) tick {
	if hi <= lo {
		return lo
	}
	return lo + tick(rand.Int64N(int64(hi-lo)+1))
}
