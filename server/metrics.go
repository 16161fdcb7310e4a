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

	connections  prometheus.Gauge
	polls        prometheus.Gauge
	probes       prometheus.Gauge
	openings     *prometheus.CounterVec // by outcome
	closings     *prometheus.CounterVec // by reason
	unavailables *prometheus.CounterVec // by reason
	refusals     *prometheus.CounterVec // by reason
	resets       *prometheus.CounterVec // by reason
	poison       *prometheus.CounterVec // by stream and reason
	turnedAways  *prometheus.CounterVec // by limit
	events       prometheus.Counter
	bytes        prometheus.Counter
}

// NewMetrics returns metrics with a registry of their own, Go's and the process's included.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry:     prometheus.NewRegistry(),
		connections:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "sluice_connections", Help: "Event streams open now."}),
		polls:        prometheus.NewGauge(prometheus.GaugeOpts{Name: "sluice_polls", Help: "Polls waiting now."}),
		probes:       prometheus.NewGauge(prometheus.GaugeOpts{Name: "sluice_probes", Help: "Probes of sluice doctor being answered now."}),
		openings:     counters("sluice_streams_opened_total", "Event streams opened, by where they began: live, resumed, replay or reset.", "outcome"),
		closings:     counters("sluice_streams_closed_total", "Event streams closed, by reason.", "reason"),
		unavailables: counters("sluice_unavailable_total", "Requests that were told to come back later, by reason.", "reason"),
		refusals:     counters("sluice_auth_failures_total", "Requests without an accepted identity, by reason.", "reason"),
		resets:       counters("sluice_resets_total", "Resets told to clients when their stream opened or because they lagged, by reason.", "reason"),
		poison:       counters("sluice_poison_records_total", "Records that could not be made events of, by reason.", "stream", "reason"),
		turnedAways:  counters("sluice_sockets_turned_away_total", "Connections closed before a byte was read from them, by the limit they were beyond.", "limit"),
		events:       prometheus.NewCounter(prometheus.CounterOpts{Name: "sluice_events_written_total", Help: "Events written to clients, the gateway's own not counted."}),
		bytes:        prometheus.NewCounter(prometheus.CounterOpts{Name: "sluice_written_bytes_total", Help: "Bytes of event streams written, before chunking and TLS."}),
	}
	for why := range reasons {
		m.closings.WithLabelValues(why.String()) // rates need a zero to start from
	}
	for why := range limitStatus {
		m.unavailables.WithLabelValues(why)
	}
	m.registry.MustRegister(m.connections, m.polls, m.probes, m.openings, m.closings, m.unavailables, m.refusals, m.resets, m.poison, m.turnedAways, m.events, m.bytes,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

// Registerer is where others add metrics of theirs.
func (m *Metrics) Registerer() prometheus.Registerer { return m.registry }

// Poison counts a record of a stream that could not be made an event of. reason is one of a fixed set.
func (m *Metrics) Poison(stream, reason string) { m.poison.WithLabelValues(stream, reason).Inc() }

func (m *Metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

func (m *Metrics) opened() { m.connections.Inc() }

func (m *Metrics) closed(why reason) {
	m.connections.Dec()
	m.closings.WithLabelValues(why.String()).Inc()
}

func (m *Metrics) opening(o stream.Opening) {
	m.openings.WithLabelValues(string(o.Outcome)).Inc()
	m.told(o)
}

func (m *Metrics) polling(o stream.Opening) {
	m.polls.Inc()
	m.told(o)
}

func (m *Metrics) polled() { m.polls.Dec() }

func (m *Metrics) told(o stream.Opening) {
	for _, reset := range o.Resets {
		m.resets.WithLabelValues(string(reset.Reason)).Inc()
	}
}

// skipped counts a slow client that was moved to live.
func (m *Metrics) skipped() { m.resets.WithLabelValues(string(stream.ReasonLagged)).Inc() }

func (m *Metrics) wrote(b *stream.Batch) { m.wroteAll(b.Events, b.Bytes) }

func (m *Metrics) wroteAll(events, bytes int) {
	m.events.Add(float64(events))
	m.bytes.Add(float64(bytes))
}

func (m *Metrics) refused(why auth.Reason) { m.refusals.WithLabelValues(string(why)).Inc() }

func (m *Metrics) turnedAway(limit string) { m.turnedAways.WithLabelValues(limit).Inc() }

func (m *Metrics) unavailable(why string) { m.unavailables.WithLabelValues(why).Inc() }

// watch adds what is read from the source at each scrape.
func (m *Metrics) watch(s Source) { m.registry.MustRegister(statusCollector{s}) }

// statusCollector turns a Source into gauges.
type statusCollector struct{ source Source }

var (
	lagDesc   = prometheus.NewDesc("sluice_stream_lag_records", "Records between what was read and the last stable offset.", []string{"stream"}, nil)
	warmDesc  = prometheus.NewDesc("sluice_stream_warm", "1 when the replay window has been read.", []string{"stream"}, nil)
	staleDesc = prometheus.NewDesc("sluice_stream_stale", "1 while Kafka does not answer.", []string{"stream"}, nil)
)

// Describe implements prometheus.Collector.
func (statusCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- lagDesc
	ch <- warmDesc
	ch <- staleDesc
}

// Collect implements prometheus.Collector.
func (c statusCollector) Collect(ch chan<- prometheus.Metric) {
	for _, s := range c.source.Status() {
		if s.Behind >= 0 {
			ch <- prometheus.MustNewConstMetric(lagDesc, prometheus.GaugeValue, float64(s.Behind), s.Name)
		}
		ch <- prometheus.MustNewConstMetric(warmDesc, prometheus.GaugeValue, oneIf(s.Warm), s.Name)
		ch <- prometheus.MustNewConstMetric(staleDesc, prometheus.GaugeValue, oneIf(!s.StaleSince.IsZero()), s.Name)
	}
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
