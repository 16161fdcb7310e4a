package server

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"sluice/server/auth"
	"sluice/stream"
)

// Metrics counts what the gateway does. No label holds anything that a client or a record
// chose: users, subjects and addresses would make a series each, and tell who is who.
type Metrics struct {
	registry *prometheus.Registry

	connections   prometheus.Gauge
	carriers      *prometheus.GaugeVec // by carrier
	polls         prometheus.Gauge
	probes        prometheus.Gauge
	openings      *prometheus.CounterVec // by outcome
	closings      *prometheus.CounterVec // by reason
	unavailables  *prometheus.CounterVec // by reason
	refusals      *prometheus.CounterVec // by reason
	adminRefusals *prometheus.CounterVec // by reason
	resets        *prometheus.CounterVec // by stream and reason
	turnedAways   *prometheus.CounterVec // by limit
	events        prometheus.Counter
	bytes         prometheus.Counter
}

// NewMetrics returns metrics with a new registry, Go's and the process's included.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry:      prometheus.NewRegistry(),
		connections:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "sluice_connections", Help: "Event streams open now."}),
		carriers:      prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "sluice_connections_by_carrier", Help: "Event streams open now, by what carries them."}, []string{"carrier"}),
		polls:         prometheus.NewGauge(prometheus.GaugeOpts{Name: "sluice_polls", Help: "Polls waiting now."}),
		probes:        prometheus.NewGauge(prometheus.GaugeOpts{Name: "sluice_probes", Help: "Probes of sluice doctor being answered now."}),
		openings:      counters("sluice_streams_opened_total", "Event streams opened, by where they began: live, resumed, replay or reset.", "outcome"),
		closings:      counters("sluice_streams_closed_total", "Event streams closed, by reason.", "reason"),
		unavailables:  counters("sluice_unavailable_total", "Requests that were told to come back later, by reason.", "reason"),
		refusals:      counters("sluice_auth_failures_total", "Requests without an accepted identity, by reason.", "reason"),
		adminRefusals: counters("sluice_admin_login_failures_total", "Requests for operators that showed no admin token or key, or a wrong one, by reason.", "reason"),
		resets:        counters("sluice_resets_total", "Resets told to clients when their stream opened or because they lagged, by reason; of no stream where the id could not be read.", "stream", "reason"),
		turnedAways:   counters("sluice_sockets_turned_away_total", "Connections closed before a byte was read from them, by the limit they were beyond.", "limit"),
		events:        prometheus.NewCounter(prometheus.CounterOpts{Name: "sluice_events_written_total", Help: "Events written to clients, the gateway's own not counted."}),
		bytes:         prometheus.NewCounter(prometheus.CounterOpts{Name: "sluice_written_bytes_total", Help: "Bytes of event streams written, before chunking and TLS."}),
	}
	for why := range reasons {
		m.closings.WithLabelValues(why.String()) // rates need a zero to start from
	}
	for _, by := range []carrierKind{byHolder, byGoroutine} {
		m.carriers.WithLabelValues(by.String())
	}
	for _, why := range []string{loginMissing, loginWrong} {
		m.adminRefusals.WithLabelValues(why)
	}
	for why := range limitStatus {
		m.unavailables.WithLabelValues(why)
	}
	m.registry.MustRegister(m.connections, m.carriers, m.polls, m.probes, m.openings, m.closings, m.unavailables, m.refusals, m.adminRefusals, m.resets, m.turnedAways, m.events, m.bytes,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

// Registerer is where others add metrics of theirs.
func (m *Metrics) Registerer() prometheus.Registerer { return m.registry }

func (m *Metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

func (m *Metrics) opened(by carrierKind) {
	m.connections.Inc()
	m.carriers.WithLabelValues(by.String()).Inc()
}

func (m *Metrics) closed(by carrierKind, why reason) {
	m.connections.Dec()
	m.carriers.WithLabelValues(by.String()).Dec()
	m.closings.WithLabelValues(why.String()).Inc()
}

func (m *Metrics) opening(o stream.Opening) {
	m.openings.WithLabelValues(string(o.Outcome)).Inc()
	m.told(o.Resets)
}

func (m *Metrics) polling(o stream.Opening) {
	m.polls.Inc()
	m.told(o.Resets)
}

func (m *Metrics) polled() { m.polls.Dec() }

// told counts resets that a client is told.
func (m *Metrics) told(resets []stream.Reset) {
	for _, r := range resets {
		m.resets.WithLabelValues(r.Stream, string(r.Reason)).Inc()
	}
}

func (m *Metrics) wrote(b *stream.Batch) { m.wroteAll(b.Events, b.Bytes) }

func (m *Metrics) wroteAll(events, bytes int) {
	m.events.Add(float64(events))
	m.bytes.Add(float64(bytes))
}

func (m *Metrics) refused(why auth.Reason) { m.refusals.WithLabelValues(string(why)).Inc() }

// TurnedAway counts a connection that was closed unread.
func (m *Metrics) TurnedAway(limit string) { m.turnedAways.WithLabelValues(limit).Inc() }

func (m *Metrics) unavailable(why string) { m.unavailables.WithLabelValues(why).Inc() }

// watch adds what is read at each scrape.
func (m *Metrics) watch(s streams, wakes func() uint64, stateBytes func() int64) {
	m.registry.MustRegister(s, prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "sluice_holder_wakes_total", Help: "How often a worker of the holder has woken, for work or a timer.",
	}, func() float64 { return float64(wakes()) }), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "sluice_state_bytes_held", Help: "What states and polls hold that clients have not taken yet, as limits.state_bytes counts.",
	}, func() float64 { return float64(stateBytes()) }))
}
