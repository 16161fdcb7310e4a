package server

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"sluice/stream"
)

// state answers GET and HEAD /state: the latest event of each subject of the caller's, or with ?cursor= what came after that.
func (s *Server) state(w http.ResponseWriter, r *http.Request) {
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
	release, refused := s.claim(r, a.principal)
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
	state, err := s.stateOf(r.Context(), &a)
	if err != nil {
		release()
		s.notOpened(w, r, err)
		return
	}
	setStateHeader(w.Header())
	tag := etag(&state, a.names, time.Now())
	w.Header().Set("ETag", tag)
	if matches(r.Header.Values("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	s.writeBody(w, r, s.appendState(nil, &state, a.names))
}

// stateOf returns the state that a request may see.
func (s *Server) stateOf(ctx context.Context, a *admission) (stream.State, error) {
	q := &a.request
	return s.cfg.Hub.State(ctx, stream.StateRequest{Streams: q.Streams, User: q.User, Subject: q.Subject, AnyUser: q.AnyUser})
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

// appendState appends a state as JSON.
func (s *Server) appendState(dst []byte, state *stream.State, names []string) []byte {
	specs := s.cfg.Hub.Specs()
	head, err := json.Marshal(struct {
		Cursor  string   `json:"cursor"`
		Streams []string `json:"streams"`
		reach
	}{state.Cursor, names, reachOf(state)})
	if err != nil {
		panic(err) // strings and times
	}
	dst = append(append(dst, head[:len(head)-1]...), `,"events":[`...)
	for i := range state.Latest {
		l := &state.Latest[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		_, name, data, _, _ := stream.CutFrame(l.Frame)
		dst = append(dst, `{"stream":"`...)
		dst = append(dst, specs[l.Stream].Name...) // needs no escape
		dst = append(dst, `","subject":`...)
		dst = appendText(dst, l.Subject)
		dst = append(dst, `,"time":"`...)
		dst = stream.Time(l.Time).UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z07:00")
		dst = append(dst, '"')
		dst = append(appendEvent(dst, name, data), '}')
	}
	return append(dst, "]}\n"...)
}

// appendEvent appends an event's name, if it has one, and its payload: as data where that is JSON, else as text. With one name for
// both, the text hello and the JSON string "hello" would look the same.
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

// writeRun is how much of an answer a client must take within WriteTimeout.
const writeRun = 64 << 10

// writeBody sends an answer. Errors are the client's going, or its taking nothing.
func (s *Server) writeBody(w http.ResponseWriter, r *http.Request, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodHead {
		return
	}
	s.cfg.Metrics.wroteAll(0, len(body))
	control := http.NewResponseController(w)
	for len(body) > 0 {
		n := min(len(body), writeRun)
		control.SetWriteDeadline(time.Now().Add(s.cfg.WriteTimeout))
		if _, err := w.Write(body[:n]); err != nil {
			return
		}
		body = body[n:]
	}
	if control.Flush() == nil {
		control.SetWriteDeadline(time.Time{}) // the connection's next answer has its own
	}
}
