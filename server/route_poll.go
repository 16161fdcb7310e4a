package server

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"sluice/server/limit"
	"sluice/server/response"
	"sluice/stream"
	"sluice/stream/cursor"
	"sluice/stream/sse"
)

const (
	maxWait = time.Minute // of a poll

	// pageBytes is about how much of events one poll answers with.
	pageBytes = 256 << 10
)

// polls wakes those who wait for a poll's answer.
type polls struct {
	wakes wakeChannels
	waker stream.WakerID
}

func newPolls(hub *stream.Hub) *polls {
	p := new(polls)
	p.waker = hub.AddWaker(&p.wakes)
	return p
}

func (p *polls) reserve() wakeTarget { return wakeTarget{waker: p.waker, token: p.wakes.take()} }

func (p *polls) release(at wakeTarget) { p.wakes.give(at.token) }

// asked is what a poll asks for.
type asked struct {
	cursor string
	notes  []string      // of the cursor
	wait   time.Duration // for something to come
}

// readPoll returns what a poll asks for; nil: it is none.
func readPoll(r *http.Request) (*asked, *response.Problem) {
	query := r.URL.Query()
	position, notes := cursor.SplitNotes(lastSet(query["cursor"]))
	switch {
	case position != "":
	case query.Has("cursor"), query.Has("wait"):
		return nil, response.BadRequest("cursor", "A poll needs the cursor of a state, or of the poll before.")
	default:
		return nil, nil
	}
	ask := &asked{cursor: position, notes: notes}
	if text := query.Get("wait"); text != "" {
		var err error
		if ask.wait, err = time.ParseDuration(text); err != nil || ask.wait < 0 || ask.wait > maxWait {
			return nil, response.BadRequest("wait", "The wait parameter is a time like 25s, at most 60s.")
		}
	}
	return ask, nil
}

// pollOpens is how often a poll subscribes again because the log overran it.
const pollOpens = 3

// pollEnd says what a poll came to.
type pollEnd uint8

const (
	pollAnswers  pollEnd = iota // with the page, which may be empty
	pollGone                    // the client has gone
	pollRefused                 // it has been answered: the subscription could not be opened
	pollOverrun                 // the log has left behind what was not pulled
	pollUnread                  // what is older than memory did not come from Kafka in time
	pollShutDown                // the gateway goes away before that came
)

// poll answers with every event after the cursor, in order, as soon as there is one or
// when the wait is over. A position is a position: it makes the same promises as a
// stream, resets included. It reports whether it came to an answer.
//
// A poll always gets on. Its subscription ends with it, and a catch-up that has not begun
// to deliver by then would begin anew with the next poll. So a poll waits for its
// catch-up for up to OpenTimeout, also without a wait, and says 503 when nothing came.
func (s *Server) poll(w http.ResponseWriter, r *http.Request, held *pending, a *admission, ask *asked, format bodyFormat) bool {
	var why string
	if held.quota, why = s.limits.Acquire(a.principal.User, held.ip); why != "" {
		s.unavailable(w, r, why)
		return false
	}
	held.reserve(s.polls, &a.request)
	a.request.From, a.request.BeforeKafka = stream.From{}, s.mayCatchUp(a.principal.User, held.ip)
	p := &page{id: ask.cursor, format: format}
	over, stop := context.WithTimeout(context.Background(), untilExpiry(a.principal.Expires, ask.wait))
	defer stop()
	end := pollOverrun
	for tries := 0; end == pollOverrun && tries < pollOpens; tries++ {
		end = s.pollFrom(w, r, held, a, ask, p, over.Done())
	}
	switch end {
	case pollGone, pollRefused:
		return end == pollGone
	case pollUnread, pollOverrun:
		s.unavailable(w, r, kafka.String())
		return false
	case pollShutDown:
		s.unavailable(w, r, draining.String())
		return false
	}
	body := p.body()
	if len(body) > writeRun { // less fits into the socket's buffers
		part, callers := &stream.StatePart{Bytes: int64(len(body))}, s.limits.Callers(a.principal.User, held.ip)
		if !s.stateBudget.Acquire(part, callers) {
			s.unavailable(w, r, limit.StateBytes)
			return false
		}
		defer s.stateBudget.Release(part, callers)
	}
	format.setHeader(w.Header())
	s.cfg.Metrics.WroteAll(p.events, 0)
	s.writeBody(w, r, body)
	return true
}

// untilExpiry shortens a wait to what is left of an identity; zero: it has no end.
func untilExpiry(expires time.Time, wait time.Duration) time.Duration {
	if expires.IsZero() {
		return wait
	}
	return min(wait, time.Until(expires))
}

// pollFrom subscribes at the page's position and fills the page.
func (s *Server) pollFrom(w http.ResponseWriter, r *http.Request, held *pending, a *admission, ask *asked, p *page, over <-chan struct{}) pollEnd {
	a.request.Cursor, _ = cursor.SplitNotes(p.id)
	sub, opening, err := s.open(r.Context(), a.request)
	if err != nil {
		s.notOpened(w, r, err)
		return pollRefused
	}
	held.subscribed = true
	defer s.lenders.unsubscribe(sub, &held.lease, "answered") // before the slot is given back
	s.follow(sub, &held.lease, a, held.ip, byPoll)
	s.cfg.Metrics.Polling(opening)
	defer s.cfg.Metrics.Polled()

	for _, reset := range opening.Resets { // the last has the id: who takes only some of them is told again
		if reset.ID != "" {
			p.id = reset.ID
		}
		p.add([]byte(stream.ResetEvent), reset.AppendJSON(nil))
	}
	p.id = opening.ID
	read, end := s.awaitCatchup(r, a, ask, sub, p)
	if end == pollAnswers {
		end = s.await(r, a, sub, p, over)
	}
	if end != pollAnswers {
		return end
	}
	if !read {
		switch {
		case p.events > 0: // what memory has of the other streams
			p.add([]byte("sluice.unavailable"), unavailableData(kafka.String(), s.rules.retry()))
		case s.gate.isShut():
			return pollShutDown
		default:
			return pollUnread
		}
	}
	p.since, p.stale = sub.Stale()
	return pollAnswers
}

// awaitCatchup waits until catch-up has something for each stream that is older than
// memory: for the poll's wait, and for OpenTimeout where that is longer. read is false
// where it has not.
func (s *Server) awaitCatchup(r *http.Request, a *admission, ask *asked, sub stream.Sub, p *page) (read bool, end pollEnd) {
	if p.events > 0 || sub.CatchupProgress() != stream.CatchupPending {
		return true, pollAnswers
	}
	late := time.NewTimer(untilExpiry(a.principal.Expires, max(ask.wait, s.cfg.OpenTimeout)))
	defer late.Stop()
	ring := s.polls.wakes.ring(a.request.Token)
	for {
		select {
		case <-ring:
			if sub.CatchupProgress() != stream.CatchupPending {
				return true, pollAnswers
			}
		case <-late.C: // a reading that found nothing for the caller rings no bell, and has got on
			return sub.CatchupProgress() != stream.CatchupPending, pollAnswers
		case <-s.gate.shutting:
			return false, pollAnswers
		case <-r.Context().Done():
			return false, pollGone
		}
	}
}

// await fills the page with what there is, and waits for something to come.
func (s *Server) await(r *http.Request, a *admission, sub stream.Sub, p *page, over <-chan struct{}) pollEnd {
	last := false
	ring := s.polls.wakes.ring(a.request.Token)
	for {
		switch pulled := s.pull(r.Context(), sub, p); {
		case pulled == stream.Lagged && p.events == 0:
			return pollOverrun
		case pulled != stream.Drained || last || p.events > 0:
			return pollAnswers
		}
		select {
		case <-ring:
		case <-over:
			last = true
		case <-s.gate.shutting:
			last = true
		case <-r.Context().Done():
			return pollGone
		}
	}
}

// pull takes what there is, up to a page. It returns More where the page is full, and
// else how the last Pull ended.
func (s *Server) pull(ctx context.Context, sub stream.Sub, p *page) stream.Pulled {
	out := batches.Get().(*stream.Batch)
	defer batches.Put(out)
	for {
		pulled := sub.Pull(out, pageBytes)
		p.addFrames(bytes.Join(out.Bufs, nil))
		out.Reset()
		switch pulled {
		case stream.Drained:
			p.reached(sub.AppendID(nil))
			p.more = sub.CatchupProgress() != stream.CatchupNone
		case stream.More:
			if len(p.list) < pageBytes && ctx.Err() == nil {
				continue
			}
			p.more = true
		case stream.Lagged:
			p.more = true
		case stream.Unavailable:
			p.add([]byte("sluice.unavailable"), unavailableData(kafka.String(), s.rules.retry()))
		} // else it has ended: the position is that of the last event, and coming back repairs it
		return pulled
	}
}

// page is a poll's answer.
type page struct {
	format bodyFormat
	id     string // the position reached
	list   []byte // events, written
	events int
	more   bool // there is more already

	since time.Time // since when Kafka hasn't answered, if it is stale
	stale bool
}

// reached moves the page to a position. It is empty where the log has overrun the
// subscription since its last Pull: then the position before is good.
func (p *page) reached(id []byte) {
	if len(id) > 0 {
		p.id = string(id)
	}
}

func (p *page) add(name, data []byte) {
	p.list = p.format.event(p.list, p.events == 0, func(dst []byte) []byte {
		dst = appendText(append(dst, `{"id":`...), []byte(p.id))
		return append(appendEvent(dst, p.format, name, data), '}')
	})
	p.events++
}

// addFrames adds events as a pull writes them.
func (p *page) addFrames(wire []byte) {
	for {
		id, name, data, rest, ok := sse.Cut(wire)
		if !ok {
			return
		}
		p.id, wire = string(id), rest
		p.add(name, data)
	}
}

func (p *page) body() []byte {
	head := appendText([]byte(`{"cursor":`), []byte(p.id))
	if p.stale {
		head = append(head, `,"stale":"`...)
		head = append(append(head, response.Stamp(p.since)...), '"')
	}
	if p.more {
		head = append(head, `,"more":true`...)
	}
	const name = "page"
	dst := p.format.begin(nil, name, append(head, '}'))
	return p.format.end(append(dst, p.list...), name)
}
