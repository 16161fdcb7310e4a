package server

import (
	"bytes"
	"net/http"
	"time"

	"sluice/stream"
)

const (
	maxWait = time.Minute // of a poll

	// pageBytes is about how much of events one poll answers with.
	pageBytes = 256 << 10
)

// polls wakes those who wait for a poll's answer.
type polls struct {
	bells bells
	waker stream.WakerID
}

func newPolls(hub *stream.Hub) *polls {
	p := new(polls)
	p.waker = hub.AddWaker(&p.bells)
	return p
}

// asked is what a poll asks for.
type asked struct {
	cursor string
	wait   time.Duration // for something to come
}

// readPoll returns what a poll asks for; nil: it is none.
func readPoll(r *http.Request) (*asked, *problem) {
	query := r.URL.Query()
	switch {
	case query.Get("cursor") != "":
	case query.Has("cursor"), query.Has("wait"):
		return nil, badRequest("cursor", "A poll needs the cursor of a state, or of the poll before.")
	default:
		return nil, nil
	}
	ask := &asked{cursor: query.Get("cursor")}
	if text := query.Get("wait"); text != "" {
		var err error
		if ask.wait, err = time.ParseDuration(text); err != nil || ask.wait < 0 || ask.wait > maxWait {
			return nil, badRequest("wait", "The wait parameter is a time like 25s, at most 60s.")
		}
	}
	return ask, nil
}

// poll answers with every event after the cursor, in order, as soon as there is one or when the wait is over. A position is a
// position: it makes the same promises as a stream, resets included. It reports whether it came to an answer.
func (s *Server) poll(w http.ResponseWriter, r *http.Request, a *admission, ask *asked) bool {
	ip := s.cfg.Proxies.client(r)
	stake, why := s.limits.take(a.principal.User, ip)
	if why != "" {
		s.unavailable(w, r, why)
		return false
	}
	defer s.limits.give(stake)
	token := s.polls.bells.take()
	defer s.polls.bells.give(token)
	a.request.Cursor, a.request.From = ask.cursor, stream.From{}
	a.request.Waker, a.request.Token = s.polls.waker, token
	sub, opening, err := s.open(r.Context(), a.request)
	if err != nil {
		s.notOpened(w, r, err)
		return false
	}
	defer sub.Leave("answered") // before the token is given back
	if a.principal.Login != nil {
		s.logins.attach(sub, a.principal)
		defer s.logins.detach(sub.Key())
	}
	if s.revoked.refuses(a.principal, time.Now()) { // since it was asked
		sub.End()
	}
	s.roster.add(sub, ip, byPoll)
	s.cfg.Metrics.polling(opening)
	defer s.cfg.Metrics.polled()

	p := &page{id: ask.cursor}
	for _, reset := range opening.Resets { // the last has the id: who takes only some of them is told again
		if reset.ID != "" {
			p.id = reset.ID
		}
		p.add(stream.ResetEvent, reset.AppendJSON(nil))
	}
	p.id = opening.ID
	if !s.await(r, a, ask, sub, token, p) {
		return true // the client has gone
	}
	setStateHeader(w.Header())
	since, stale := sub.Stale()
	s.cfg.Metrics.wroteAll(p.events, 0)
	s.writeBody(w, r, p.body(since, stale))
	return true
}

// await fills the page; false: the client has gone.
func (s *Server) await(r *http.Request, a *admission, ask *asked, sub stream.Sub, token uint32, p *page) bool {
	wait := ask.wait
	if expires := a.principal.Expires; !expires.IsZero() {
		wait = min(wait, time.Until(expires))
	}
	over := time.NewTimer(wait)
	defer over.Stop()
	last := wait <= 0
	ring := s.polls.bells.ring(token)
	for {
		if s.pull(sub, p) || last || p.events > 0 {
			return true
		}
		select {
		case <-ring:
		case <-over.C:
			last = true
		case <-s.gate.shutting:
			last = true
		case <-r.Context().Done():
			return false
		}
	}
}

// pull takes what there is, up to a page; true: the page is at its end.
func (s *Server) pull(sub stream.Sub, p *page) bool {
	out := batches.Get().(*stream.Batch)
	defer batches.Put(out)
	for {
		pulled := sub.Pull(out, pageBytes)
		p.addFrames(bytes.Join(out.Bufs, nil))
		out.Reset()
		switch pulled {
		case stream.Drained:
			p.id = string(sub.AppendID(nil))
			return false
		case stream.More:
			if len(p.list) < pageBytes {
				continue
			}
		case stream.Unavailable:
			p.add("sluice.unavailable", unavailableData(kafka.String(), s.terms.retry()))
		} // else it has ended: the position is that of the last event, and coming back repairs it
		return true
	}
}

// page is a poll's answer.
type page struct {
	id     string // the position reached
	list   []byte // events as JSON
	events int
}

func (p *page) add(name string, data []byte) {
	if p.events > 0 {
		p.list = append(p.list, ',')
	}
	p.events++
	p.list = appendText(append(p.list, `{"id":`...), []byte(p.id))
	p.list = append(appendEvent(p.list, name, data), '}')
}

// addFrames adds events as a pull writes them.
func (p *page) addFrames(wire []byte) {
	for {
		id, name, data, rest, ok := stream.CutFrame(wire)
		if !ok {
			return
		}
		p.id, wire = id, rest
		p.add(name, data)
	}
}

func (p *page) body(since time.Time, stale bool) []byte {
	dst := appendText([]byte(`{"cursor":`), []byte(p.id))
	if stale {
		dst = append(dst, `,"stale":"`...)
		dst = append(append(dst, stamp(since)...), '"')
	}
	dst = append(append(dst, `,"events":[`...), p.list...)
	return append(dst, "]}\n"...)
}
