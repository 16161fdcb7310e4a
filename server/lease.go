package server

import (
	"context"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"sluice/server/cors"
	"sluice/server/limit"
	"sluice/server/logins"
	"sluice/server/response"
	"sluice/stream"
)

// lease is what a stream has taken of the gateway, until its end. It has no pointers, so
// that a held connection's slot can keep it.
type lease struct {
	quota        limit.Quota // what it counts for
	subscribed   bool        // its subscription is open
	boundToLogin bool        // it depends on a login
	snapshot     bool        // the state is still being sent: there is no position before all of it is
}

// lenders are what leases are taken from.
type lenders struct {
	gate      *gate
	limits    *limit.Limiter
	logins    *logins.Logins
	snapshots *snapshots
	log       *requestLog
}

// end gives back all of a lease. Operators are told the reason. between is done when the
// hub wakes nobody any more for the subscription, and before the gate lets the server go.
func (l *lenders) end(sub stream.Sub, held *lease, why string, between func()) {
	if held.subscribed && why != "" {
		l.log.ended(sub, why)
	}
	l.unsubscribe(sub, held, why)
	between()
	l.limits.Release(held.quota)
	*held = lease{}
	l.gate.leave()
}

// unsubscribe gives back what comes with a subscription, and keeps the rest.
func (l *lenders) unsubscribe(sub stream.Sub, held *lease, why string) {
	if held.subscribed {
		sub.CloseFor(why)
	}
	if held.boundToLogin {
		l.logins.Detach(sub.Key())
	}
	if held.snapshot {
		l.snapshots.drop(sub.Key())
	}
	*held = lease{quota: held.quota}
}

// slots are where the hub finds whom to wake: those of a carrier, or of polls.
type slots interface {
	reserve() wakeTarget
	release(wakeTarget)
}

// pending is the lease of a request until a carrier takes it over, with what only a
// request takes.
type pending struct {
	lease
	from    *lenders
	ip      netip.Addr // of the caller
	sub     stream.Sub
	slots   slots // nil: no slot is reserved
	slot    wakeTarget
	state   *heldState // with which the stream is to begin; nil: none is held
	unclaim func()     // gives the caller's credential back; nil: it is used up, or good for more than once
	carried bool
}

// enter begins a request's lease, which end gives back.
func (s *Server) enter(r *http.Request) (*pending, *response.Problem) {
	if cors.Embedded(r) {
		return nil, response.NewProblem(http.StatusForbidden, "cross-origin", "Not for pages of another site", "A page of another origin may not embed this: it can read it as an EventSource or by fetch().")
	}
	return s.begun(r)
}

// begun is enter for a request that may come from any page.
func (s *Server) begun(r *http.Request) (*pending, *response.Problem) {
	if !s.gate.enter() {
		return nil, s.mustWait(draining.String())
	}
	return &pending{from: &s.lenders, ip: s.cfg.Proxies.Client(r)}, nil
}

// end gives back all that has been taken, unless a carrier has it now.
func (p *pending) end() {
	if p.carried {
		return
	}
	p.from.end(p.sub, &p.lease, "", func() {
		if p.slots != nil {
			p.slots.release(p.slot)
		}
		if p.state != nil {
			p.state.release()
		}
		if p.unclaim != nil {
			p.unclaim()
		}
	})
}

// useUnless uses up what was claimed of the credential, unless the request only looks.
func (p *pending) useUnless(looks bool) {
	if !looks {
		p.unclaim = nil
	}
}

// reserve takes a slot, for which the hub wakes somebody from here on.
func (p *pending) reserve(from slots, request *stream.Request) {
	p.slots, p.slot = from, from.reserve()
	request.Waker, request.Token = p.slot.waker, p.slot.token
}

// claim takes what the caller's credential gives only once.
func (s *Server) claim(r *http.Request, p *pending, a *admission) (refused *response.Problem) {
	if a.principal.Claim == nil {
		return nil
	}
	unclaim, err := a.principal.Claim(a.notes)
	if err != nil {
		s.refused(r, err)
		return response.Unidentified(err)
	}
	p.unclaim = unclaim
	return nil
}

// subscribe opens a stream's subscription, and takes the state that it begins with where
// one was asked for.
func (s *Server) subscribe(ctx context.Context, p *pending, a *admission, by carrierKind) (stream.Opening, error) {
	a.request.BeforeKafka = s.mayCatchUp(a.principal.User, p.ip)
	sub, opening, state, err := s.begin(ctx, a, s.limits.Callers(a.principal.User, p.ip))
	if err != nil {
		return opening, err
	}
	p.sub, p.subscribed, p.state = sub, true, state
	if a.crowds && !s.makeRoom(a.principal.User) {
		return opening, overLimit{limit.PerUser}
	}
	s.follow(sub, &p.lease, a, p.ip, by)
	return opening, nil
}

// follow has a new subscription end with what let its caller in, and tells operators of
// it.
func (s *Server) follow(sub stream.Sub, held *lease, a *admission, ip netip.Addr, by carrierKind) {
	if a.principal.Login != nil {
		s.logins.Attach(sub, a.principal)
		held.boundToLogin = true
	}
	// It may have been revoked since it was asked. A later revocation finds the
	// subscription.
	if s.over(a.principal) != nil {
		sub.End()
	}
	s.connections.add(sub, ip, by)
}

// takeStream counts a stream that begins, where there is room or, if it may crowd, the
// user's oldest stream could give way. One that gave way itself is told how long it is to
// stay away.
func (s *Server) takeStream(p *pending, a *admission, mayCrowd bool) (refused *response.Problem) {
	callers := s.limits.Callers(a.principal.User, p.ip)
	if left := s.rules.evictions.Refuses(callers[0], a.notes); left > 0 {
		return s.mustWaitFor(limit.PerUser, ticks(left))
	}
	taken, why := s.limits.Acquire(a.principal.User, p.ip)
	if why == limit.PerUser && s.cfg.Limits.EvictOldest && mayCrowd &&
		s.rules.evictions.MayEvict(callers[0], a.request.Cursor) && !s.limits.Crowded(callers[0]) {
		taken, why = s.limits.AcquireBeyond(callers)
		a.crowds = why == ""
	}
	if why != "" {
		return s.mustWait(why)
	}
	p.quota = taken
	return nil
}

// makeRoom has the oldest stream of a user give way to one that has just been opened.
// False means that none may. It comes last. So nothing gives way to a request that comes
// to no stream, as with a used ticket, or while Kafka is away.
func (s *Server) makeRoom(user string) bool {
	isStream := func(key uint64) bool { // which a poll is not: it soon ends by itself
		came, known := s.connections.find(key)
		return known && came.by != byPoll
	}
	return s.cfg.Hub.EvictOldest(user, isStream)
}

// mayCatchUp is what a request asks before it has Kafka asked.
func (s *Server) mayCatchUp(who string, ip netip.Addr) func() error {
	return func() error {
		if why := s.limits.CatchUp(who, ip, time.Now()); why != "" {
			return overLimit{why}
		}
		return nil
	}
}

// gate counts those inside, and lets no one in once it is shut.
type gate struct {
	empty    chan struct{} // closed when it is shut and the last one has left
	shutting chan struct{} // closed when it is shut

	mu     sync.Mutex // guards the rest; a leaf
	inside int
	closed bool
}

func (g *gate) init() { g.empty, g.shutting = make(chan struct{}), make(chan struct{}) }

// enter reports whether the gate was open. A caller that got in must leave.
func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.inside++
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if g.closed && g.inside == 0 {
		close(g.empty)
	}
}

// shut closes the gate, any number of times, and returns what is closed when nobody is
// inside.
func (g *gate) shut() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.closed = true
		close(g.shutting)
		if g.inside == 0 {
			close(g.empty)
		}
	}
	return g.empty
}

func (g *gate) isShut() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed
}
