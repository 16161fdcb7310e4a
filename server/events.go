package server

import (
	"context"
	"errors"
	"net/http"
	"time"

	"sluice/stream"
)

// events answers GET and HEAD /events.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	if refused := embedded(r); refused != nil {
		refused.write(w)
		return
	}
	if !s.gate.enter() {
		s.unavailable(w, r, draining.String())
		return
	}
	carried := false
	defer func() {
		if !carried {
			s.gate.leave()
		}
	}()
	ip := s.cfg.Proxies.client(r)
	if why := s.limits.connect(ip, time.Now()); why != "" {
		s.unavailable(w, r, why)
		return
	}
	a, refused := s.admit(r)
	if refused != nil {
		s.refuse(w, r, refused)
		return
	}
	probe, refused := readProbe(r)
	if refused != nil {
		refused.write(w)
		return
	}
	if r.Method == http.MethodHead {
		writeStreamHeader(w, r)
		return
	}
	stake, why, left := s.takeStream(ip, &a)
	if why != "" {
		s.unavailableFor(w, r, why, ticks(left))
		return
	}
	defer func() {
		if !carried {
			s.limits.give(stake)
		}
	}()
	if probe != nil {
		s.probe(w, r, probe)
		return
	}
	release, refused := s.claim(r, a.principal, a.notes)
	if refused != nil {
		s.refuse(w, r, refused)
		return
	}
	carrier := s.carrierFor(w, r)
	p := carrier.reserve()
	a.request.Waker, a.request.Token = p.waker, p.token
	a.request.BeforeKafka = s.mayCatchUp(a.principal.User, ip)
	sub, opening, snapshot, err := s.begin(r.Context(), &a, s.limits.callers(a.principal.User, ip))
	if err != nil {
		carrier.release(p)
		release()
		s.notOpened(w, r, err)
		return
	}
	if a.principal.Login != nil {
		s.logins.attach(sub, a.principal)
	}
	if s.revoked.refuses(a.principal, time.Now()) { // since it was asked; what comes from here on finds the stream
		sub.End()
	}
	s.roster.add(sub, ip, carrier.kind())
	s.cfg.Metrics.opening(opening)
	begun := appendOpening(nil, s.terms.retry(), opening)
	hello := appendHello(nil, s.terms.heartbeat, a.names, opening)
	session := newSession(&s.terms, s.terms.now(), sub, a.principal.Expires, s.cfg.MaxAge)
	s.tidy.open()
	session.stake = stake
	session.tied = a.principal.Login != nil
	if snapshot != nil {
		begun = appendSnapshotHead(begun, a.principal.Note, snapshot)
		s.snapshots.put(sub, &snapshotSend{state: snapshot, hello: hello, until: time.Now().Add(writeTime(snapshot.bytes(), s.cfg.WriteTimeout))})
		session.snapshot = true
	} else {
		begun = append(begun, hello...)
	}
	carried = true
	carrier.carry(w, r, p, session, begun)
}

// errSlowKafka is the cause of an open that was given up on.
var errSlowKafka = errors.New("server: kafka took longer than OpenTimeout")

// open opens a subscription within OpenTimeout, or until no stream may begin.
func (s *Server) open(ctx context.Context, request stream.Request) (stream.Sub, stream.Opening, error) {
	waiting := &patience{request: ctx, stop: s.stop, limit: s.cfg.OpenTimeout}
	defer waiting.close()
	sub, opening, err := s.cfg.Hub.Open(waiting, request)
	if err != nil && context.Cause(waiting) == errSlowKafka {
		err = stream.ErrUnavailable
	}
	return sub, opening, err
}

// notOpened answers a request whose subscription could not be opened.
func (s *Server) notOpened(w http.ResponseWriter, r *http.Request, err error) {
	var limit overLimit
	switch {
	case r.Context().Err() != nil: // the client has gone
	case errors.As(err, &limit):
		s.unavailable(w, r, limit.why)
	case errors.Is(err, stream.ErrNoState):
		stateless().write(w)
	case errors.Is(err, stream.ErrNotWarm):
		s.unavailable(w, r, "warming")
	case errors.Is(err, stream.ErrWithdrawn):
		s.unavailable(w, r, withdrawn.String())
	case errors.Is(err, stream.ErrUnavailable):
		s.unavailable(w, r, kafka.String())
	case errors.Is(err, stream.ErrClosed), s.stop.Err() != nil:
		s.unavailable(w, r, draining.String())
	default:
		s.cfg.Logger.ErrorContext(r.Context(), "stream could not be opened", "error", err)
		internal().write(w)
	}
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
		// A stream is its connection's last answer: when it ends, the client's next connection
		// goes where the balancer now wants it. (HTTP/2 would close all its streams.)
		header.Set("Connection", "close")
	}
}
