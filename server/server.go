// Package server carries events out: it admits requests, and writes what the
// hub has for each of them to its socket. It knows HTTP and the hub, and
// nothing of Kafka.
//
// A request becomes a stream in three steps. admit finds out who asks, for which streams
// and from where. events counts it against the limits, takes what can be taken once, and
// opens its subscription and its session (what is due now; no I/O). A carrier then moves
// the bytes: held without a goroutine, or goroutines. Another way of holding connections
// is another carrier.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sluice/server/auth"
	"sluice/server/cors"
	"sluice/server/deflate"
	"sluice/server/deprecation"
	"sluice/server/limit"
	"sluice/server/logins"
	"sluice/server/metrics"
	"sluice/server/operators"
	"sluice/server/portal"
	"sluice/server/response"
	"sluice/server/status"
	"sluice/stream"
)

// Config is what a [Server] needs. Zero durations take the default named.
type Config struct {
	Hub    *stream.Hub        // required
	Auth   auth.Authenticator // required: no identity, no events
	Source status.Source      // required: what /readyz and the lag are read from
	Logger *slog.Logger       // required

	Version string // of the gateway, for operators

	// Metrics counts what happens here. The same one serves others that count
	// (undecodable records, Kafka clients). nil: a new one.
	Metrics *metrics.Metrics

	// Goroutines has no connection held: net/http keeps each, with the goroutine of its
	// handler, also those that could be held for less.
	Goroutines bool

	// Compress is the size of the smallest event that is compressed, in streams of clients
	// that take them so. 0: no stream is compressed.
	Compress int

	// Page answers GET / and all paths without a route. nil: there is none.
	Page http.Handler
	CORS cors.Config

	Limits    limit.Limits  // zero: none
	Proxies   limit.Proxies // zero: a client's address is its connection's
	AdminAuth operators.Auth
	APIKeys   APIKeys // nil: back ends have no way in
	Control   Control // nil: revocations stay here

	Portal *portal.Portal // where developers make keys; nil: there is none

	Deliveries status.Deliveries // to programs; nil: there are none
	Publish    Publish           // zero: nothing may be published

	// Access has the roles of which a caller needs one, by stream; auth.Anyone lets in
	// those without an identity. A stream that is missing is for any identified user, who
	// gets only their own events.
	Access  map[string][]string
	Tickets *auth.Tickets // issues what POST /tickets is asked for; nil: nothing does

	// Subjects names the streams whose events are about something, for those who discover
	// them.
	Subjects []string

	// Deprecated says which streams are on their way out.
	Deprecated deprecation.Streams

	// NoPages leaves pages and descriptions off the public port, but for
	// /.well-known/sluice. The admin address has them in any case.
	NoPages bool

	// SkipLagging moves a client that lags too far (see stream.Config.MaxLag) to live. A
	// reset tells it so. Otherwise the client is closed, and catches up by coming back.
	SkipLagging bool

	Heartbeat    time.Duration // 9 s: no stream is silent for longer
	RetryMin     time.Duration // 1 s: a client comes back after a random time from this
	RetryMax     time.Duration // 3 s: to this
	MaxAge       time.Duration // a stream is ended after nine tenths of this to all of it; 0: never
	WriteTimeout time.Duration // 30 s: a client that takes nothing for this long is closed
	OpenTimeout  time.Duration // 10 s: how long Kafka is waited for before a stream opens
	UserTimeout  time.Duration // 2 × Heartbeat: where connections are held, a client that acknowledges nothing for this long has vanished (TCP_USER_TIMEOUT)
	DrainSpread  time.Duration // 5 s: over which Drain ends the streams
	ReadyGrace   time.Duration // 60 s: how long /readyz stays ready with Kafka away
}

// withDefaults fills in what is zero.
func (c Config) withDefaults() Config {
	for _, d := range []struct {
		value    *time.Duration
		fallback time.Duration
	}{
		{&c.Heartbeat, 9 * time.Second},
		{&c.RetryMin, time.Second},
		{&c.RetryMax, max(3*time.Second, c.RetryMin)},
		{&c.WriteTimeout, 30 * time.Second},
		{&c.OpenTimeout, 10 * time.Second},
		{&c.DrainSpread, 5 * time.Second},
		{&c.ReadyGrace, 60 * time.Second},
	} {
		if *d.value == 0 {
			*d.value = d.fallback
		}
	}
	if c.UserTimeout == 0 {
		c.UserTimeout = 2 * c.Heartbeat
	}
	if c.Metrics == nil {
		c.Metrics = metrics.New()
	}
	return c
}

// validate names what is missing, and what can't be meant.
func (c Config) validate() error {
	var faults []error
	for _, required := range []struct {
		name    string
		missing bool
	}{
		{"Hub", c.Hub == nil}, {"Auth", c.Auth == nil}, {"Source", c.Source == nil}, {"Logger", c.Logger == nil},
	} {
		if required.missing {
			faults = append(faults, fmt.Errorf("server: Config.%s is required", required.name))
		}
	}
	if c.RetryMax < c.RetryMin {
		faults = append(faults, errors.New("server: RetryMax is below RetryMin"))
	}
	if c.Tickets != nil && c.APIKeys == nil && c.Portal == nil {
		faults = append(faults, errors.New("server: Tickets needs APIKeys or Portal"))
	}
	if c.AdminAuth.APIKeys && c.APIKeys == nil {
		faults = append(faults, errors.New("server: AdminAuth.APIKeys needs APIKeys"))
	}
	return errors.Join(append(faults, c.Publish.validate(c.APIKeys != nil), c.CORS.Validate())...)
}

// Server serves the public and the admin routes.
type Server struct {
	cfg   Config
	rules sessionRules
	gate  gate
	carriers
	limits  *limit.Limiter
	lenders lenders // of all leases

	stateBudget *limit.StateBudget
	stateTurns  *limit.Turns
	snapshots   *snapshots
	rendering   chan struct{} // has room for as many states as are made at a time

	revoked     *revocations
	merging     merging
	logins      *logins.Logins
	connections connections
	operators   *operators.Operators
	watching    sync.WaitGroup // what fills the history of operators

	publishing publishing

	probing   *limit.ProbeCount
	wasReady  atomic.Bool // /readyz has said so once
	absence   status.Absence
	forAnyone bool   // there are streams for those without an identity
	lookedFor string // where a credential was looked for, in words; "" is not said
	memory    memoryReleaser

	requests *requestLog

	publicHandler http.Handler
	adminHandler  http.Handler
	openapi       struct{ public, admin response.Document }
	discovery     discovery // what it says to everybody

	stop    context.Context // done when no stream may go on; Close ends it
	stopNow context.CancelFunc
}

// New fails with every fault of the config at once, or where the system has nothing to
// hold connections with.
func New(cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if cfg.Portal != nil {
		cfg.Auth = auth.First{cfg.Portal.Authenticator(), cfg.Auth}
	}
	if cfg.APIKeys != nil {
		cfg.APIKeys = countedKeys{cfg.APIKeys, cfg.Metrics}
	}
	s := &Server{
		cfg: cfg,
		rules: sessionRules{
			began:     time.Now(),
			heartbeat: ticks(cfg.Heartbeat),
			retryMin:  ticks(cfg.RetryMin),
			retryMax:  ticks(cfg.RetryMax),
			random:    between,
		},
	}
	if cfg.Compress > 0 {
		s.rules.frames = deflate.New(cfg.Compress)
		cfg.Metrics.WatchCompression(s.rules.frames.Stats)
	}
	if cfg.SkipLagging {
		s.rules.skipped = cfg.Metrics.Told
	}
	s.gate.init()
	s.connections.began = s.rules.began
	s.limits = limit.New(cfg.Limits)
	s.probing, s.publishing = limit.NewProbeCount(), newPublishing(&s.cfg.Publish)
	s.stateBudget, s.stateTurns, s.snapshots = limit.NewStateBudget(cfg.Limits.StateBytes), limit.NewTurns(), newSnapshots()
	s.rules.snapshots, s.rules.evictions = s.snapshots, limit.NewEvictions()
	s.rendering = make(chan struct{}, renderers())
	s.revoked, s.merging.byKey = newRevocations(), make(map[string]revocation)
	s.logins = logins.New(cfg.Hub)
	for _, roles := range cfg.Access {
		s.forAnyone = s.forAnyone || slices.Contains(roles, auth.Anyone)
	}
	s.memory.free = debug.FreeOSMemory
	s.stop, s.stopNow = context.WithCancel(context.Background())
	s.lookedFor = auth.Where(cfg.Auth)
	s.requests = newRequestLog(s)
	s.lenders = lenders{&s.gate, s.limits, s.logins, s.snapshots, s.requests}
	if err := s.carriers.start(s); err != nil {
		s.logins.Close()
		return nil, err
	}
	streams := status.Streams{Source: cfg.Source, Hub: cfg.Hub}
	s.operators = operators.New(operators.Config{
		Streams: streams, Deliveries: cfg.Deliveries, Metrics: cfg.Metrics, Logger: cfg.Logger, Proxies: cfg.Proxies, Auth: cfg.AdminAuth, Keys: cfg.APIKeys,
		Access: cfg.Access, Version: cfg.Version, Began: s.rules.began, Readiness: s.readiness, Deny: s.deny, Came: s.connections.came,
	})
	cfg.Metrics.Expect(knownLabels())
	cfg.Metrics.Watch(streams, s.carriers.wakes, s.stateBudget.InUse)
	if cfg.Deliveries != nil {
		cfg.Metrics.WatchDeliveries(cfg.Deliveries)
	}
	if cfg.Publish.Publisher != nil {
		cfg.Metrics.WatchPublishing(cfg.Publish.Streams, slices.Collect(maps.Values(outcomes)), s.publishing.budget.InUse)
	}
	if c, says := cfg.Control.(controlHearing); says {
		cfg.Metrics.WatchControl(func() time.Time {
			since, _ := c.Unheard()
			return since
		})
	}
	if cfg.Portal != nil {
		s.servePortal()
	}
	public, admin := s.routes(), s.adminRoutes()
	s.describeAll(public, admin)
	s.watching.Go(func() { s.operators.Watch(s.stop) })
	s.publicHandler, s.adminHandler = &detachHandler{public}, &detachHandler{admin}
	return s, nil
}

// knownLabels are the values of labels that metrics begin with.
func knownLabels() metrics.Labels {
	l := metrics.Labels{
		Carriers: []string{byHolder.String(), byGoroutine.String(), byWebSocket.String()}, AdminRefusals: operators.LoginFailures,
		Unavailables: slices.Collect(maps.Keys(limitStatus)), Refusals: auth.Reasons,
	}
	for why := range reasons {
		l.Closings = append(l.Closings, why.String())
	}
	return l
}

// Handler serves the public routes.
func (s *Server) Handler() http.Handler { return s.publicHandler }

// Admin serves the admin routes. It is never to be public.
func (s *Server) Admin() http.Handler { return s.adminHandler }

// Drain takes no more streams and ends those there are, each at a random moment of
// DrainSpread, so that they don't all come back at once. If half the time that ctx leaves
// is less, it takes that. Every stream is told so, and ends as a stream should. Polls are
// answered at once, with what there is. Drain returns when the last stream, poll and
// state has ended, or with ctx's error; after that Close is still due.
func (s *Server) Drain(ctx context.Context) error {
	spread := s.cfg.DrainSpread
	if deadline, ok := ctx.Deadline(); ok {
		spread = min(spread, time.Until(deadline)/2)
	}
	empty := s.gate.shut()
	s.carriers.drain(ticks(max(spread, 0)))
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends all streams at once, each told so as by Drain, and waits for them, for polls
// and for states: for a client that takes nothing, WriteTimeout at most. Then it frees
// what the server keeps, and waits for its goroutines. It comes before the hub's Close,
// and may be called more than once.
func (s *Server) Close() {
	empty := s.gate.shut()
	s.stopNow()
	s.carriers.stop()
	<-empty
	s.carriers.close()
	s.logins.Close()
	s.merging.wait()
	s.memory.close()
	s.watching.Wait()
}

// APIKeys tells back ends from strangers. It is declared here, where it is called.
type APIKeys interface {
	// Check returns the key that a request shows for an action, or why it isn't let in,
	// written to be shown. It fails with [auth.ErrScope] where the key is good, and not for
	// that.
	Check(r *http.Request, action string) (auth.APIKey, error)
}
