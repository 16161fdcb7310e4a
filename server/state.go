package server

import (
	"encoding/json"
	"net/http"
	"time"

	"sluice/stream"
	"sluice/stream/sse"
)

// state answers GET and HEAD /state: the latest event of each subject of the caller's, or
// with ?cursor= what came after that.
func (s *Server) state(w http.ResponseWriter, r *http.Request) {
	if refused := embedded(r); refused != nil {
		refused.write(w)
		return
	}
	if !s.gate.enter() {
		s.unavailable(w, r, draining.String())
		return
	}
	defer s.gate.leave()
	a, refused := s.admit(r)
	if refused != nil {
		s.refuse(w, r, refused)
		return
	}
	ask, refused := readPoll(r)
	if refused != nil {
		refused.write(w)
		return
	}
	if r.Method == http.MethodHead && ask != nil {
		setStateHeader(w.Header())
		return
	}
	if ask != nil {
		a.notes = ask.notes
	}
	release, refused := s.claim(r, a.principal, a.notes)
	if refused != nil {
		s.refuse(w, r, refused)
		return
	}
	if ask != nil {
		if !s.poll(w, r, &a, ask) {
			release()
		}
		return
	}
	if !s.writeState(w, r, &a) {
		release()
	}
}

// writeState answers with the state, in runs: what is made of it at a time is one run. It
// reports whether it came to an answer.
func (s *Server) writeState(w http.ResponseWriter, r *http.Request, a *admission) bool {
	head, err := s.cfg.Hub.StateHead(a.stateRequest())
	if err != nil {
		s.notOpened(w, r, err)
		return false
	}
	if tag := etag(&head.State, a.names, time.Now()); matches(r.Header.Values("If-None-Match"), tag) {
		setStateHeader(w.Header())
		w.Header().Set("ETag", tag)
		w.WriteHeader(http.StatusNotModified)
		return true
	}
	ip := s.cfg.Proxies.client(r)
	stake, why := s.limits.takeState(a.principal.User, ip)
	if why != "" {
		s.unavailable(w, r, why)
		return false
	}
	defer s.limits.give(stake)
	state, err := s.holdState(r.Context(), a, s.limits.callers(a.principal.User, ip))
	if err != nil {
		s.notOpened(w, r, err)
		return false
	}
	defer state.release()
	setStateHeader(w.Header())
	w.Header().Set("ETag", etag(&state.State, a.names, time.Now()))
	body := s.newBody(w, r)
	defer body.rest()
	body.end(s.writeEvents(body, state, a.names))
	return true
}

// writeEvents writes a state as JSON; false: the client takes no more.
func (s *Server) writeEvents(body *bodyWriter, state *heldState, names []string) bool {
	specs := s.cfg.Hub.Specs()
	more := body.run(func(dst []byte) []byte { return appendStateHead(dst, &state.State, names) })
	first := true
	for _, part := range state.Parts {
		for i := 0; more && i < len(part.Latest); i++ {
			more = body.run(func(dst []byte) []byte {
				if !first {
					dst = append(dst, ',')
				}
				first = false
				return appendLatest(dst, specs, &part.Latest[i])
			})
		}
	}
	return more && body.run(func(dst []byte) []byte { return append(dst, "]}\n"...) })
}

// stateRequest is whose state a request may see.
func (a *admission) stateRequest() stream.StateRequest {
	q := &a.request
	return stream.StateRequest{Streams: q.Streams, User: q.User, Subject: q.Subject, AnyUser: q.AnyUser}
}

func stateless() *problem {
	return newProblem(http.StatusNotFound, "state", "No state", "No state is kept of these streams: it takes a subject in the gateway's configuration.")
}

// reach says how far a state reaches.
type reach struct {
	Since    *time.Time `json:"since"` // null: nothing is too old for it
	Complete bool       `json:"complete"`
	Stale    *time.Time `json:"stale,omitempty"` // since when Kafka hasn't answered
}

func reachOf(state *stream.State) reach {
	r := reach{Complete: state.Complete}
	if !state.Since.IsZero() {
		r.Since = utc(state.Since)
	}
	if !state.Stale.IsZero() {
		r.Stale = utc(state.Stale)
	}
	return r
}

func utc(t time.Time) *time.Time {
	t = stream.BoundTime(t).UTC().Truncate(time.Millisecond)
	return &t
}

// appendStateHead appends what comes before a state's events.
func appendStateHead(dst []byte, state *stream.State, names []string) []byte {
	head, err := json.Marshal(struct {
		Cursor  string   `json:"cursor"`
		Streams []string `json:"streams"`
		reach
	}{state.Cursor, names, reachOf(state)})
	if err != nil {
		panic(err) // strings and times
	}
	return append(append(dst, head[:len(head)-1]...), `,"events":[`...)
}

// appendLatest appends one event of a state.
func appendLatest(dst []byte, specs []stream.Spec, l *stream.Latest) []byte {
	_, name, data, _, _ := sse.Cut(l.Frame)
	dst = append(dst, `{"stream":"`...)
	dst = append(dst, specs[l.Stream].Name...) // needs no escape
	dst = append(dst, `","subject":`...)
	dst = appendText(dst, l.Subject)
	dst = append(dst, `,"time":"`...)
	dst = stream.Time(l.Time).UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z07:00")
	dst = append(dst, '"')
	return append(appendEvent(dst, name, data), '}')
}

// appendEvent appends an event's name, if it has one, and its payload: as data where that
// is JSON, else as text. With one name for both, the text hello and the JSON string
// "hello" would look the same.
func appendEvent(dst []byte, name string, data []byte) []byte {
	if name != "" {
		dst = appendText(append(dst, `,"event":`...), []byte(name))
	}
	if json.Valid(data) {
		return append(append(dst, `,"data":`...), data...)
	}
	return appendText(append(dst, `,"text":`...), data)
}

func appendText(dst, text []byte) []byte {
	quoted, err := json.Marshal(string(text))
	if err != nil {
		panic(err) // a string
	}
	return append(dst, quoted...)
}

// setStateHeader sets what every answer has, a 304 too.
func setStateHeader(header http.Header) {
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "private, no-cache")
	header.Add("Vary", "Authorization, Cookie")
	header.Set("X-Content-Type-Options", "nosniff")
}
