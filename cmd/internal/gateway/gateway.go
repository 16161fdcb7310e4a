// Package gateway wires the rooms into the running gateway: broker brings in, stream
// holds, server carries out. It is what `serve` runs, and `demo` with its own Kafka.
//
// Files:
//   - gateway.go, lifecycle.go: New, Start and Stop, and the list of what to stop.
//   - listeners.go: the addresses, and how many connections fit.
//   - deliveries.go: deliveries to programs. publishing.go: what back ends write.
//   - identity.go: who is asking. control.go, portal.go: what gateways tell each other.
//   - status.go: what the server is told about the reader.
//   - id_length.go: streams whose ids would be too long are not served. id_topics.go: the
//     same of topics, where a stream has several.
//   - outage_log.go: the log lines of an outage of Kafka.
//   - log.go: the log.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"sluice/broker"
	"sluice/cmd/internal/build"
	"sluice/cmd/internal/config"
	"sluice/cmd/internal/delivering"
	"sluice/cmd/internal/kafkametrics"
	"sluice/server"
	"sluice/server/cors"
	"sluice/server/listen"
	"sluice/server/metrics"
	"sluice/server/operators"
	"sluice/stream"
)

// stopTimeout bounds a graceful stop, streams that are told to come back elsewhere
// included. It fits into the 30 seconds that Kubernetes and docker stop leave.
const stopTimeout = 25 * time.Second

// Options is what a [Gateway] is made from.
type Options struct {
	Config *config.Config // required, without faults
	Log    zerolog.Logger
	Page   http.Handler // answers GET /; nil: there is none

	NoDeliveries bool // they are run by others
}

// Gateway is one gateway: New wires it, Start lets it serve, Stop takes it down, Run is
// the three in a row.
type Gateway struct {
	config *config.Config
	log    zerolog.Logger
	slog   *slog.Logger // the same log, for rooms that know no other

	hub      *stream.Hub
	reader   *broker.Reader
	metrics  *metrics.Metrics
	server   *server.Server
	control  *broker.Control // nil: there is none
	portal   *portalParts    // nil: there is none
	failures chan error      // one slot: the first failure that ends the gateway; later ones add nothing

	deliveries *delivering.Set // nil: it runs none

	descriptors listen.Descriptors // how many connections fit; set by Start

	closeServer func() // ends the server's streams and workers, once

	stops         []step // in the order of what they end; one goroutine calls Start and Stop
	publicAddr    net.Addr
	operatorsAddr net.Addr
}

// New wires a gateway. Nothing is asked of Kafka yet and no port is open. Where it fails,
// nothing is left behind.
//
// It is one straight function: each step needs what earlier ones made.
func New(o Options) (g *Gateway, err error) {
	c := o.Config
	g = &Gateway{config: c, log: o.Log, slog: slog.New(zerolog.NewSlogHandler(o.Log)), failures: make(chan error, 1)}
	defer func() { // so errors are returned with g, and not with nil
		if err != nil {
			_ = g.Stop(context.Background()) // err came first, and says why
			g = nil
		}
	}()

	specs := make([]stream.Spec, len(c.Streams))
	for i, s := range c.Streams {
		specs[i] = s.Spec()
	}
	registry, err := c.Registry(g.slog)
	if err != nil {
		return g, err
	}
	g.onStop("schema registry", func(context.Context) error { registry.Close(); return nil })
	records := c.Records(registry)
	g.hub = stream.NewHub(stream.Config{
		Streams: specs,
		IDs:     c.IDs,
		Catchup: stream.Catchup{MaxRecords: int64(c.Catchup.MaxRecords), MaxAge: c.Catchup.MaxAge, Concurrency: c.Catchup.Concurrency},
		MaxLag:  c.SlowClient.MaxLag, Decisions: c.Decisions,
	})
	g.onStop("hub", func(context.Context) error { g.hub.Close(); return nil })

	metrics := metrics.New()
	g.metrics = metrics
	metrics.Registerer().MustRegister(build.Metric())
	kafka := kafkametrics.Count(c.Broker(), metrics.Registerer())
	history, err := broker.NewHistory(kafka, records, g.slog)
	if err != nil {
		return g, err
	}
	g.onStop("history", func(context.Context) error { history.Close(); return nil })
	g.hub.SetHistory(history)

	limiter := newIDLimiter(g.hub, c.IDs, g.slog)
	limiter.register(metrics.Registerer())
	kafka.Admit, kafka.Release = limiter.Admit, limiter.Release
	sink := newOutageLog(limiter, specs, g.slog)
	if g.reader, err = broker.NewReader(kafka, records, sink, g.slog); err != nil {
		return g, err
	}

	delivers, err := g.newDeliveries(o, kafka, registry)
	if err != nil {
		return g, err
	}
	publish, err := g.newPublish(kafka, registry)
	if err != nil {
		return g, err
	}
	who, err := g.identity()
	if err != nil {
		return g, err
	}
	backEnds, err := c.Auth.BackEnds(g.slog)
	if err != nil {
		return g, err
	}
	control, err := g.newControl(kafka)
	if err != nil {
		return g, err
	}
	developers, err := g.newPortal(kafka, who.Tickets)
	if err != nil {
		return g, err
	}
	g.server, err = server.New(server.Config{
		Hub: g.hub, Auth: who.Authenticator, Access: c.Access(), Tickets: who.Tickets, APIKeys: backEnds, Source: statusSource{g.reader, history, limiter}, Version: build.Version(), Logger: g.slog, Metrics: metrics, Page: o.Page,
		Subjects: c.Subjects(), Deprecated: c.Deprecated(), NoPages: !c.Pages,
		CORS:      cors.Config{Origins: c.CORS.Origins, Credentials: c.CORS.Credentials, Headers: c.CORS.Headers},
		Heartbeat: c.Heartbeat, MaxAge: c.MaxConnectionAge, ReadyGrace: c.ReadyGrace,
		Control: control, Portal: developers, Deliveries: delivers, Publish: publish,
		SkipLagging: c.SlowClient.Action == config.SlowReset, Goroutines: !c.Hold, Compress: int(c.Compress),
		Limits: c.ServerLimits(), Proxies: c.Proxies(), AdminAuth: operators.Auth{Token: c.AdminAuth.Token.Reveal(), APIKeys: c.AdminAuth.APIKeys},
	})
	if err != nil {
		return g, err
	}
	// A server has workers from the beginning, so a gateway that never starts has to
	// close it, too.
	g.closeServer = sync.OnceFunc(g.server.Close)
	g.onStop("server", func(context.Context) error { g.closeServer(); return nil })
	return g, nil
}

// Start opens the ports and begins to read. After an error it is for the caller to Stop.
//
// What is begun first ends last: /readyz answers for as long as streams are being
// drained, and streams have their hub to the end.
func (g *Gateway) Start(ctx context.Context) error {
	admin, err := listen.WithMode(ctx, g.config.Admin, g.config.SocketMode)
	if err != nil {
		return taken("admin", err)
	}
	g.operatorsAddr = admin.Addr()
	g.findDescriptors()
	g.serve("admin", listen.NewHTTP(g.server.Admin(), g.slog), g.adminDoor().Limit(admin))

	public, limited, err := g.listenPublic(ctx) // before /readyz can send anybody there
	if err != nil {
		return err
	}
	g.publicAddr = limited.Addr()

	g.hearControl()
	g.hearKeys()
	reading, stopReading := context.WithCancel(context.Background())
	g.begin("reader", func() error { return g.reader.Run(reading) }, func(context.Context) error { stopReading(); return nil })

	g.beginDeliveries()
	g.onStop("streams", func(context.Context) error { g.closeServer(); return nil })

	g.serve("listen", public, limited)
	g.onStop("drain", g.drain)

	g.log.Info().Stringer("listen", g.publicAddr).Stringer("admin", g.operatorsAddr).Bool("tls", g.config.TLS != config.CertPair{}).
		Strs("brokers", g.config.Kafka.Brokers).Int("streams", len(g.config.Streams)).Msg("serving")
	if holes := build.Holes(); holes != "" {
		g.log.Warn().Msg("this gateway was " + holes)
	}
	return nil
}

// serve serves HTTP, or HTTPS with a certificate, until it is stopped.
func (g *Gateway) serve(name string, s *http.Server, l net.Listener) {
	g.begin(name, func() error {
		var err error
		if s.TLSConfig.GetCertificate == nil {
			err = s.Serve(l)
		} else {
			err = s.ServeTLS(listen.BelowTLS(l), "", "")
		}
		if errors.Is(err, http.ErrServerClosed) {
			return nil
		}
		return fmt.Errorf("%s: %w", name, err)
	}, func(ctx context.Context) error {
		if s.Shutdown(ctx) != nil {
			return s.Close() // clients that are still there had their time
		}
		return nil
	})
}

// drain ends the streams, spread over a while. Running out of time is no failure: those
// left are ended at once.
func (g *Gateway) drain(ctx context.Context) error {
	g.log.Info().Msg("shutting down: clients are told to come back, to another gateway")
	if err := g.server.Drain(ctx); err != nil {
		g.log.Warn().Msg("some streams had not ended in time: they are closed now")
	}
	return nil
}

// fail ends a gateway that is running.
func (g *Gateway) fail(err error) {
	select {
	case g.failures <- err:
	default:
	}
}

// Run starts the gateway, serves until stop is done or something fails, and stops it:
// gracefully, or at once when kill is done. It returns what failed.
func (g *Gateway) Run(stop, kill context.Context) error {
	if err := g.Start(stop); err != nil {
		return errors.Join(err, g.Stop(kill))
	}
	return g.wait(stop, kill)
}

// wait is the rest of Run, for a gateway that has started.
func (g *Gateway) wait(stop, kill context.Context) error {
	var err error
	select {
	case <-stop.Done():
		if cause := context.Cause(stop); !errors.Is(cause, context.Canceled) {
			g.log.Warn().Msg(cause.Error())
		}
	case err = <-g.Failed():
	}
	ctx, cancel := context.WithTimeout(kill, stopTimeout)
	defer cancel()
	return errors.Join(err, g.Stop(ctx))
}

// Failed receives what ends the gateway while it serves, such as a listener that fails.
// Run looks at it. A caller of Start alone does so instead, and then calls Stop.
func (g *Gateway) Failed() <-chan error { return g.failures }

// Addr is where browsers connect, once started: the port that was bound for port 0.
func (g *Gateway) Addr() net.Addr { return g.publicAddr }

// AdminAddr is the same for operators.
func (g *Gateway) AdminAddr() net.Addr { return g.operatorsAddr }
