package server

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sluice/server/describe"
	"sluice/server/openapi"
	"sluice/server/response"
	"sluice/stream"
	"sluice/stream/cursor"
	"sluice/stream/sse"
)

// state answers GET and HEAD /state: the latest event of each subject of the caller's, or
// with ?cursor= what came after that.
func (s *Server) state(w http.ResponseWriter, r *http.Request) {
	p, refused := s.enter(r)
	if refused == nil {
		defer p.end()
		refused = s.stateOrPoll(w, r, p)
	}
	if refused != nil {
		s.refuse(w, r, refused)
	}
}

// stateOrPoll answers with a state, or as a poll does.
func (s *Server) stateOrPoll(w http.ResponseWriter, r *http.Request, p *pending) (refused *response.Problem) {
	a, refused := s.admit(r)
	if refused != nil {
		return refused
	}
	s.noteDeprecated(w, &a)
	format, refused := formatOf(r)
	if refused != nil {
		return refused
	}
	ask, refused := readPoll(r)
	if refused != nil {
		return refused
	}
	if r.Method == http.MethodHead && ask != nil {
		format.setHeader(w.Header())
		return nil
	}
	if ask != nil {
		a.notes = ask.notes
	}
	if refused := s.claim(r, p, &a); refused != nil {
		return refused
	}
	if ask == nil {
		s.writeState(w, r, p, &a, format)
	} else if s.poll(w, r, p, &a, ask, format) {
		p.useUnless(false)
	}
	return nil
}

// writeState answers with the state, in runs: what is made of it at a time is one run. An
// answer uses up what was claimed. HEAD only looks.
func (s *Server) writeState(w http.ResponseWriter, r *http.Request, p *pending, a *admission, format bodyFormat) {
	head, err := s.cfg.Hub.StateHead(a.stateRequest())
	if err != nil {
		s.notOpened(w, r, err)
		return
	}
	if tag := format.tag(etag(&head.State, a.names, time.Now())); response.TagMatches(r.Header.Values("If-None-Match"), tag) {
		format.setHeader(w.Header())
		w.Header().Set("ETag", tag)
		w.WriteHeader(http.StatusNotModified)
		p.useUnless(r.Method == http.MethodHead)
		return
	}
	var why string
	if p.quota, why = s.limits.AcquireState(a.principal.User, p.ip); why != "" {
		s.unavailable(w, r, why)
		return
	}
	if p.state, err = s.holdState(r.Context(), a, s.limits.Callers(a.principal.User, p.ip)); err != nil {
		s.notOpened(w, r, err)
		return
	}
	p.useUnless(r.Method == http.MethodHead)
	state := p.state
	format.setHeader(w.Header())
	w.Header().Set("ETag", format.tag(etag(&state.State, a.names, time.Now())))
	state.Cursor = cursor.AddNote(state.Cursor, a.principal.Note) // the stream that begins there may use the ticket
	body := s.newBody(w, r)
	defer body.rest()
	body.end(s.writeEvents(body, format, state, a.names))
}

// writeEvents writes a state; false: the client takes no more.
func (s *Server) writeEvents(body *bodyWriter, format bodyFormat, state *heldState, names []string) bool {
	const name = "state"
	specs := s.cfg.Hub.Specs()
	more := body.run(func(dst []byte) []byte { return format.begin(dst, name, stateHead(&state.State, names)) })
	first := true
	for _, part := range state.Parts {
		for i := 0; more && i < len(part.Latest); i++ {
			more = body.run(func(dst []byte) []byte {
				return format.event(dst, first, func(dst []byte) []byte { return appendLatest(dst, format, specs, &part.Latest[i]) })
			})
			first = false
		}
	}
	return more && body.run(func(dst []byte) []byte { return format.end(dst, name) })
}

// stateRequest is whose state a request may see.
func (a *admission) stateRequest() stream.StateRequest {
	q := &a.request
	return stream.StateRequest{Streams: q.Streams, User: q.User, Filter: q.Filter, AnyUser: q.AnyUser}
}

func stateless() *response.Problem {
	return response.NewProblem(http.StatusNotFound, "state", "No state", "No state is kept of these streams: it takes a subject in the gateway's configuration.")
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
		r.Since = response.UTC(state.Since)
	}
	if !state.Stale.IsZero() {
		r.Stale = response.UTC(state.Stale)
	}
	return r
}

// stateHead is what comes before a state's events, as a JSON object.
func stateHead(state *stream.State, names []string) []byte {
	head, err := json.Marshal(struct {
		Cursor  string   `json:"cursor"`
		Streams []string `json:"streams"`
		reach
	}{state.Cursor, names, reachOf(state)})
	if err != nil {
		panic(err) // strings and times
	}
	return head
}

// appendLatest appends one event of a state as JSON.
func appendLatest(dst []byte, format bodyFormat, specs []stream.Spec, l *stream.Latest) []byte {
	_, name, data, _, _ := sse.Cut(l.Frame)
	dst = append(dst, `{"stream":"`...)
	dst = append(dst, specs[l.Stream].Name...) // needs no escape
	dst = append(dst, `","subject":`...)
	dst = appendText(dst, l.Subject)
	dst = append(dst, `,"time":"`...)
	dst = stream.Time(l.Time).UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z07:00")
	dst = append(dst, '"')
	return append(appendEvent(dst, format, name, data), '}')
}

// appendEvent appends an event's name, if it has one, and its payload: as data where that
// is JSON that the format holds, else as text. With one name for both, the text hello and
// the JSON string "hello" would look the same.
func appendEvent(dst []byte, format bodyFormat, name, data []byte) []byte {
	if len(name) > 0 {
		dst = appendText(append(dst, `,"event":`...), name)
	}
	if format.holds(data) {
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

var stateRoute = describe.Route{Asks: describe.Caller, Operation: openapi.Operation{
	ID: "state", Tags: []string{describe.TagEvents}, Summary: "The latest event of each subject, or what came after a cursor",
	Description: "Render the state on the server, then open `/events?lastEventId=<cursor>`. Nothing is missing and nothing comes twice. With `cursor` the request is a poll: it returns every later event, in order, with the guarantees of a stream. With `wait` it is a long poll. A poll answered 200 has moved on, or nothing happened. If Kafka gives nothing in time, the answer is a 503.",
	Parameters: []openapi.Parameter{describe.StreamParameter, subjectParameter, eventParameter, formatParameter,
		describe.Query("cursor", "Cursor of a state or of the poll before. The poll returns what came after it.", &openapi.Schema{Type: "string", MinLength: new(1)}),
		describe.Query("wait", "How long a poll waits for an event, a time like 25s. At most 60s. Needs `cursor`.", describe.Duration("25s")),
		describe.HeaderParameter("If-None-Match", "The ETag of a state that the caller has.", openapi.String("")),
	},
	Responses: describe.Responses{}.With(http.StatusOK, openapi.Response{
		Description: "The state, or with `cursor` a page of events. Where other clients get a 503 or 429, a client that accepts `text/event-stream` gets a stream that tells it to come back.",
		Headers:     describe.Headers(append(describe.Deprecation(), describe.Header("Vary", "The answer depends on the caller, and on `Accept`.", openapi.String("")))...),
		Content: map[string]openapi.Media{
			describe.JSONType:   {Schema: &openapi.Schema{AnyOf: []*openapi.Schema{openapi.Ref("State"), openapi.Ref("Page")}}, Example: stateExample},
			xmlType:             xmlContent,
			describe.StreamType: {Schema: streamItem()},
		},
	}).With(http.StatusNotModified, openapi.Response{Description: "Not changed: the state is what `If-None-Match` names. Its cursor still holds."}).
		Problem(http.StatusBadRequest, "The request makes no sense. `detail` says what is wrong.", "body", "query", "user", "ticket", "subject", "event", "from", "snapshot", "cursor", "wait", "format").
		Unidentified().
		Problem(http.StatusForbidden, "The caller may not read this stream or subject, or it doesn't exist. The answer is the same for both. Or a page of another site embeds the request.", "stream", "subject", "scope", "cross-origin").
		Problem(http.StatusNotFound, "No state is kept of these streams.", "state").
		Unavailable(true).Failed(),
}}

var stateExample = map[string]any{
	"cursor": "orders@kZ3fQ1:1042.998.17", "streams": []string{"orders"}, "since": "2026-01-01T12:00:00Z", "complete": true,
	"events": []map[string]any{{"stream": "orders", "subject": "o-77", "time": "2026-01-02T11:58:03.120Z", "event": "order.confirmed", "data": map[string]any{"orderId": "o-77", "status": "confirmed"}}},
}

// etagLife bounds how long a state's tag stays the same. A cache that is told again and
// again that nothing is new keeps its cursor as well. That must not grow older than what
// is cheap to resume at.
const etagLife = 5 * time.Minute

// etag is made of what tells the state's events from others (stream.State.Tag). It is not
// made of where the state is true, since the cursor moves with everybody's events. But it
// changes when cursors of before may not hold any more. Otherwise a page that loads the
// state because of a reset would be given the same cursor by its cache.
func etag(state *stream.State, names []string, now time.Time) string {
	sum := sha256.New()
	word := func(b []byte) {
		sum.Write(binary.AppendUvarint(nil, uint64(len(b))))
		sum.Write(b)
	}
	number := func(n uint64) { word(binary.AppendUvarint(nil, n)) }
	word([]byte(strings.Join(names, ",")))
	number(state.Turn)
	number(uint64(now.Unix() / int64(etagLife/time.Second)))
	word(strconv.AppendBool(nil, state.Complete))
	for _, n := range state.Tag {
		number(n)
	}
	return `"` + base64.RawURLEncoding.EncodeToString(sum.Sum(nil)[:12]) + `"`
}
