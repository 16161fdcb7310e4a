package server

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"sluice/server/deflate"
	"sluice/server/describe"
	"sluice/server/openapi"
	"sluice/server/response"
	"sluice/stream"
)

// events answers GET and HEAD /events.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	p, refused := s.enter(r)
	if refused == nil {
		defer p.end()
		refused = s.stream(w, r, p)
	}
	if refused != nil {
		s.refuse(w, r, refused)
	}
}

// stream makes a stream of a request, and has a carrier take it over.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, p *pending) (refused *response.Problem) {
	a, refused := s.admitStream(w, r, p)
	if refused != nil {
		return refused
	}
	probe, refused := readProbe(r)
	if refused != nil {
		return refused
	}
	if r.Method == http.MethodHead {
		if probe == nil {
			s.compresses(w.Header(), r)
		}
		writeStreamHeader(w, r)
		return nil
	}
	if refused := s.takeStream(p, &a, probe == nil); refused != nil {
		return refused
	}
	if probe != nil {
		s.probe(w, r, probe)
		return nil
	}
	by := s.carrierFor(w, r)
	return s.carry(r, p, &a, by, by.kind(), func(session session, begun []byte) {
		if s.compresses(w.Header(), r) { // here, since a refusal is plain
			begun = session.deflate(begun)
		}
		by.carry(w, r, p.slot, session, begun)
	})
}

// compresses reports whether a request's stream is sent compressed, and says so in the
// header of its answer.
func (s *Server) compresses(header http.Header, r *http.Request) bool {
	if s.rules.frames == nil {
		return false
	}
	header.Add("Vary", "Accept-Encoding")
	if !deflate.Accepts(r.Header) {
		return false
	}
	header.Set("Content-Encoding", deflate.Encoding)
	return true
}

// admitStream is admit for a request that begins a stream, which counts as a connect.
func (s *Server) admitStream(w http.ResponseWriter, r *http.Request, p *pending) (a admission, refused *response.Problem) {
	if why := s.limits.Connect(p.ip, time.Now()); why != "" {
		return a, s.mustWait(why)
	}
	if a, refused = s.admit(r); refused == nil {
		s.noteDeprecated(w, &a)
	}
	return a, refused
}

// carry makes the session of a stream that has been counted. takeOver has a carrier take
// it over, with the lease and what it begins with. A client that has gone gets nothing.
func (s *Server) carry(r *http.Request, p *pending, a *admission, by slots, kind carrierKind, takeOver func(session session, begun []byte)) (refused *response.Problem) {
	if refused := s.claim(r, p, a); refused != nil {
		return refused
	}
	p.reserve(by, &a.request)
	opening, err := s.subscribe(r.Context(), p, a, kind)
	switch {
	case err == nil:
		takeOver(s.beginSession(p, a, opening))
	case r.Context().Err() == nil:
		return s.openProblem(r, err)
	}
	return nil
}

// beginSession makes the session, which takes over the lease, and what it begins with.
func (s *Server) beginSession(p *pending, a *admission, opening stream.Opening) (_ session, begun []byte) {
	s.cfg.Metrics.Opening(opening)
	s.requests.opened(p.sub, opening.Outcome)
	begun = appendOpening(nil, s.rules.retry(), opening)
	hello := appendHello(nil, opening.ID, hello{opening.Outcome, s.rules.heartbeat, a.names, a.deprecated})
	session := newSession(&s.rules, s.rules.now(), p.sub, a.principal.Expires, s.cfg.MaxAge)
	s.memory.open()
	if state := p.state; state != nil {
		begun = appendSnapshotHead(begun, a.principal.Note, state)
		until := time.Now().Add(writeTime(state.bytes(), s.cfg.WriteTimeout))
		s.snapshots.put(p.sub, &snapshotSend{state: state, hello: hello, until: until})
		p.snapshot, p.state = true, nil
	} else {
		begun = append(begun, hello...)
	}
	session.lease, p.carried = p.lease, true
	return session, begun
}

// errSlowKafka is the cause of an open that was given up on.
var errSlowKafka = errors.New("server: kafka took longer than OpenTimeout")

// open opens a subscription within OpenTimeout, or until no stream may begin.
func (s *Server) open(ctx context.Context, request stream.Request) (stream.Sub, stream.Opening, error) {
	waiting := &openContext{request: ctx, stop: s.stop, limit: s.cfg.OpenTimeout}
	defer waiting.close()
	sub, opening, err := s.cfg.Hub.Open(waiting, request)
	if err != nil && context.Cause(waiting) == errSlowKafka {
		err = stream.ErrUnavailable
	}
	return sub, opening, err
}

// notOpened answers a request whose subscription could not be opened.
func (s *Server) notOpened(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() == nil { // else the client has gone
		s.refuse(w, r, s.openProblem(r, err))
	}
}

// openProblem is why a subscription could not be opened.
func (s *Server) openProblem(r *http.Request, err error) *response.Problem {
	var beyond overLimit
	switch {
	case errors.As(err, &beyond):
		return s.mustWait(beyond.why)
	case errors.Is(err, stream.ErrNoState):
		return stateless()
	case errors.Is(err, stream.ErrNotWarm):
		return s.mustWait("warming")
	case errors.Is(err, stream.ErrWithdrawn):
		return s.mustWait(withdrawn.String())
	case errors.Is(err, stream.ErrUnavailable):
		return s.mustWait(kafka.String())
	case errors.Is(err, stream.ErrClosed), s.stop.Err() != nil:
		return s.mustWait(draining.String())
	}
	s.cfg.Logger.ErrorContext(r.Context(), "stream could not be opened", "error", err)
	return response.Internal()
}

// writeStreamHeader begins the answer. no-transform keeps proxies from compressing;
// Incremental and X-Accel-Buffering keep them from collecting what should go out at once.
func writeStreamHeader(w http.ResponseWriter, r *http.Request) {
	setStreamHeader(w.Header(), r)
	w.WriteHeader(http.StatusOK)
}

func setStreamHeader(header http.Header, r *http.Request) {
	// The charset is always UTF-8 (HTML, section 9.2.5). Clients that know text only take
	// ISO-8859-1 without it.
	header.Set("Content-Type", "text/event-stream; charset=utf-8")
	header.Set("Cache-Control", "private, no-store, no-transform")
	header.Add("Vary", "Accept, Authorization, Cookie, Last-Event-ID")
	header.Set("Incremental", "?1") // RFC 10036
	header.Set("X-Accel-Buffering", "no")
	header.Set("X-Content-Type-Options", "nosniff")
	if r.ProtoMajor == 1 {
		// A stream is its connection's last answer: when it ends, the client's next
		// connection goes where the balancer now wants it. (HTTP/2 would close all its
		// streams.)
		header.Set("Connection", "close")
	}
}

// streamItem is one event of a stream: the gateway's own, by name, or one of a record.
func streamItem() *openapi.Schema {
	field := func(name string, schema *openapi.Schema) *openapi.Schema {
		return openapi.Object("", openapi.Properties{"event": {Const: name}, "data": {Type: "string", MediaType: describe.JSONType, Content: schema}}, "event", "data")
	}
	own := openapi.Object("An event made from a record. It has no name if the stream's configuration gives none.", openapi.Properties{
		"id": openapi.String("Position of this connection. Opaque."), "event": {Type: "string", Description: "Name of the event.", Not: &openapi.Schema{Pattern: `^sluice\.`}},
		"data": openapi.String("Value of the record, as it is."), "retry": openapi.Whole(0, "How long to wait before coming back, in ms."),
	}, "data")
	kinds := []*openapi.Schema{own}
	for _, n := range notices {
		kinds = append(kinds, field(n.Name, openapi.Ref(n.Schema)))
	}
	return &openapi.Schema{OneOf: kinds}
}

// eventsOperation describes an event stream's route.
func eventsOperation(id, tag string) openapi.Operation {
	return openapi.Operation{
		ID: id, Tags: []string{tag}, Summary: "The caller's events, as they happen",
		Description: "An event stream (HTML Standard, 9.2). The id of an event is the position of this connection. Come back with the last one: nothing is missing and nothing comes twice. " +
			"With `probe` the stream has timed events instead of Kafka's. By them `sluice doctor` tells what is in between.",
		Parameters: slices.Concat(streamParameters, []openapi.Parameter{
			describe.HeaderParameter("Last-Event-ID", "Where to resume. An EventSource sends this header when it comes back by itself, but not where a service worker answers (Chromium). It takes precedence over `lastEventId`.", openapi.String("")),
		}, probeParameters),
		Responses: describe.Responses{}.With(http.StatusOK, openapi.Response{
			Description: "The stream. It ends when the identity ends, when the gateway shuts down, or when the client closes it.",
			Headers: describe.Headers(append(describe.Deprecation(),
				describe.Header("Cache-Control", "Caches must not store the stream, and proxies must not collect or compress it.", &openapi.Schema{Const: "private, no-store, no-transform"}),
				describe.OptionalHeader("Content-Encoding", "The gateway compresses events, and `Accept-Encoding` takes this. Each event can be read as soon as it has arrived.", &openapi.Schema{Const: deflate.Encoding}),
				describe.Header("X-Accel-Buffering", "Tells nginx not to buffer.", &openapi.Schema{Const: "no"}))...),
			Content: map[string]openapi.Media{describe.StreamType: {Schema: streamItem(), Example: streamExample}},
		}).
			Problem(http.StatusBadRequest, "The request makes no sense. `detail` says what is wrong.", "body", "query", "user", "ticket", "subject", "event", "from", "snapshot", "probe", "sent").
			Unidentified().
			Problem(http.StatusForbidden, "The caller may not read this stream or subject, or it doesn't exist. The answer is the same for both. Or a page of another site embeds the request.", "stream", "subject", "scope", "cross-origin").
			Problem(http.StatusNotFound, "A snapshot was asked for, and no state is kept of these streams.", "state").
			Unavailable(true).Failed(),
	}
}

const streamExample = "retry: 2033\n\nid: orders@kZ3fQ1:1042.998.17\nevent: sluice.hello\ndata: {\"resume\":\"live\",\"heartbeat\":9000,\"streams\":[\"orders\"]}\n\n" +
	"id: orders@kZ3fQ1:1043.998.17\nevent: order.confirmed\ndata: {\"orderId\":\"o-77\",\"status\":\"confirmed\"}\n\n"

// streamParameters are those of each route that opens a stream.
var streamParameters = []openapi.Parameter{describe.StreamParameter, subjectParameter, eventParameter,
	describe.Query("from", "Where to begin if there is nothing to resume.", &openapi.Schema{
		Type: "string", Default: "live", Examples: []any{"live", "last:10", "since:2026-01-31T12:00:00Z"},
		Pattern: `^(live|earliest|last:([1-9][0-9]{0,2}|1000)|since:[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[ +-][0-9]{2}:[0-9]{2}))?$`,
	}),
	describe.Query("lastEventId", "Where to resume: the newest id of the connection before, or of a state. Any text is taken. Text that is no position is answered by a `sluice.reset`. Of several the last counts.", openapi.String("")),
	describe.Query("snapshot", "1: the stream begins with the state. Not together with `from`.", openapi.Enum("", "1", "")),
}

// openContext is a request's context for opening its stream. It also ends after
// OpenTimeout, and when no stream may begin. What that takes is made when somebody first
// waits. Most streams open from memory and wait for nobody. A context that has had a
// child stays larger for it as long as it lives, which for the request's is as long as
// the stream.
type openContext struct {
	request context.Context
	stop    context.Context // done: no stream may begin
	limit   time.Duration

	mu   sync.Mutex      // guards the rest; Kafka's readers look at it too
	real context.Context // nil: nobody has waited yet
	end  func()
}

func (p *openContext) wait() context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.real == nil {
		ctx, cancel := context.WithTimeoutCause(p.request, p.limit, errSlowKafka)
		stopped := context.AfterFunc(p.stop, cancel)
		p.real, p.end = ctx, func() { stopped(); cancel() }
	}
	return p.real
}

// now is the context as it is, without making it wait.
func (p *openContext) now() context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.real == nil {
		return p.request
	}
	return p.real
}

// close frees what waiting has taken.
func (p *openContext) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != nil {
		p.end()
	}
}

// Deadline implements context.Context.
func (p *openContext) Deadline() (time.Time, bool) { return p.wait().Deadline() }

// Done implements context.Context.
func (p *openContext) Done() <-chan struct{} { return p.wait().Done() }

// Err implements context.Context.
func (p *openContext) Err() error { return p.now().Err() }

// Value implements context.Context.
func (p *openContext) Value(key any) any { return p.now().Value(key) }
