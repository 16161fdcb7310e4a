// Package metrics has what /metrics says: what the gateway counts (metrics.go), and what
// is read of each stream (streams.go) and delivery (deliveries.go) when asked, mostly one
// number each (metric_of.go). values.go reads it all back for /live, so that the two
// can't disagree. totals.go reads a few of them often.
package metrics

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"sluice/server/auth"
	"sluice/server/deflate"
	"sluice/server/status"
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
	publishes     *prometheus.CounterVec // by stream and outcome
	keyUses       *prometheus.CounterVec // by key
	events        prometheus.Counter
	bytes         prometheus.Counter
}

// New returns metrics with a new registry, Go's and the process's included.
func New() *Metrics {
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
		keyUses:       counters("sluice_api_key_uses_total", "Requests that an API key of auth.api_keys_file let in, by the key's name in that file.", "key"),
		publishes:     counters("sluice_publishes_total", "Requests to publish to a stream, by outcome: written, repeated, or why not.", "stream", "outcome"),
		events:        prometheus.NewCounter(prometheus.CounterOpts{Name: "sluice_events_written_total", Help: "Events written to clients, the gateway's own not counted."}),
		bytes:         prometheus.NewCounter(prometheus.CounterOpts{Name: "sluice_written_bytes_total", Help: "Bytes of event streams written, before chunking and TLS."}),
	}
	m.registry.MustRegister(m.connections, m.carriers, m.polls, m.probes, m.openings, m.closings, m.unavailables, m.refusals, m.adminRefusals, m.resets, m.turnedAways, m.publishes, m.keyUses, m.events, m.bytes,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Labels are values of labels that are known before anything is counted by them.
type Labels struct {
	Carriers, Closings, Unavailables, AdminRefusals []string
	Refusals                                        []auth.Reason
}

// Expect has the metrics say 0 for labels: rates need a zero to start from.
func (m *Metrics) Expect(l Labels) {
	for _, by := range l.Carriers {
		m.carriers.WithLabelValues(by)
	}
	for _, why := range l.Closings {
		m.closings.WithLabelValues(why)
	}
	for _, why := range l.Unavailables {
		m.unavailables.WithLabelValues(why)
	}
	for _, why := range l.AdminRefusals {
		m.adminRefusals.WithLabelValues(why)
	}
	for _, why := range l.Refusals {
		m.refusals.WithLabelValues(string(why))
	}
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

// Registerer is where others add metrics of theirs.
func (m *Metrics) Registerer() prometheus.Registerer { return m.registry }

// Handler answers GET and HEAD /metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Opened counts a connection that a carrier begins to serve.
func (m *Metrics) Opened(carrier string) {
	m.connections.Inc()
	m.carriers.WithLabelValues(carrier).Inc()
}

// Closed counts one that has ended.
func (m *Metrics) Closed(carrier, why string) {
	m.connections.Dec()
	m.carriers.WithLabelValues(carrier).Dec()
	m.closings.WithLabelValues(why).Inc()
}

// Opening counts how a stream began.
func (m *Metrics) Opening(o stream.Opening) {
	m.openings.WithLabelValues(string(o.Outcome)).Inc()
	m.Told(o.Resets)
}

// Polling counts a poll that begins.
func (m *Metrics) Polling(o stream.Opening) {
	m.polls.Inc()
	m.Told(o.Resets)
}

// Polled counts a poll that has ended.
func (m *Metrics) Polled() { m.polls.Dec() }

// Probing counts a probe that begins.
func (m *Metrics) Probing() { m.probes.Inc() }

// Probed counts a probe that has ended.
func (m *Metrics) Probed() { m.probes.Dec() }

// Told counts resets that a client is told.
func (m *Metrics) Told(resets []stream.Reset) {
	for _, r := range resets {
		m.resets.WithLabelValues(r.Stream, string(r.Reason)).Inc()
	}
}

// Wrote counts a batch that has been written.
func (m *Metrics) Wrote(b *stream.Batch) { m.WroteAll(b.Events, b.Bytes) }

// WroteAll counts what has been written.
func (m *Metrics) WroteAll(events, bytes int) {
	m.events.Add(float64(events))
	m.bytes.Add(float64(bytes))
}

// Refused counts a request without an accepted identity.
func (m *Metrics) Refused(why auth.Reason) { m.refusals.WithLabelValues(string(why)).Inc() }

// KeyUsed counts a request that an API key let in. The operator chose its name.
func (m *Metrics) KeyUsed(name string) { m.keyUses.WithLabelValues(name).Inc() }

// AdminRefused counts a request for operators that showed nothing, or something wrong.
func (m *Metrics) AdminRefused(why string) { m.adminRefusals.WithLabelValues(why).Inc() }

// TurnedAway counts a connection that was closed unread.
func (m *Metrics) TurnedAway(limit string) { m.turnedAways.WithLabelValues(limit).Inc() }

// Unavailable counts a request that was told to come back later.
func (m *Metrics) Unavailable(why string) { m.unavailables.WithLabelValues(why).Inc() }

// Published counts a request to publish to a configured stream.
func (m *Metrics) Published(stream, outcome string) {
	m.publishes.WithLabelValues(stream, outcome).Inc()
}

// WatchPublishing has the metrics say 0 for streams, and adds what is being published.
func (m *Metrics) WatchPublishing(streams, outcomes []string, bytes func() int64) {
	for _, stream := range streams {
		for _, outcome := range outcomes {
			m.publishes.WithLabelValues(stream, outcome)
		}
	}
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "sluice_publish_bytes_held", Help: "What is being published, as it counts for publish_bytes.",
	}, func() float64 { return float64(bytes()) }))
}

// Watch adds what is read at each scrape.
func (m *Metrics) Watch(s status.Streams, wakes func() uint64, stateBytes func() int64) {
	m.registry.MustRegister(streamCollector{s}, prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "sluice_holder_wakes_total", Help: "How often a worker of the holder has woken, for work or a timer.",
	}, func() float64 { return float64(wakes()) }), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "sluice_state_bytes_held", Help: "What states and polls hold that clients have not taken yet, as limits.state_bytes counts.",
	}, func() float64 { return float64(stateBytes()) }))
}

// WatchCompression adds what is read of streams that are sent compressed.
func (m *Metrics) WatchCompression(stats func() deflate.Stats) {
	counter := func(name, help string, value func(deflate.Stats) uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(value(stats())) })
	}
	m.registry.MustRegister(
		counter("sluice_compressed_events_total", "Events written compressed, counted for each connection.", func(s deflate.Stats) uint64 { return s.Events }),
		counter("sluice_compression_saved_bytes_total", "Bytes by which these events were smaller than they are.", func(s deflate.Stats) uint64 { return s.Before - s.After }),
		counter("sluice_compressions_total", "Times that an event was compressed. All connections share what comes of it.", func(s deflate.Stats) uint64 { return s.Compressed }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "sluice_compressed_bytes_held", Help: "Memory that compressed events take.",
		}, func() float64 { return float64(stats().Held) }),
	)
}

// WatchControl adds a metric of whether the control topic is heard. unheard says since
// when revocations of other gateways may have been missed; the zero time: none.
func (m *Metrics) WatchControl(unheard func() time.Time) {
	m.registry.MustRegister(unheardSeconds("sluice_control_topic_unheard_seconds", "For how long revocations of other gateways may have been missed; 0: none.", unheard))
}

// WatchPortal adds metrics of the keys that developers have made. unheard is that of
// WatchControl.
func (m *Metrics) WatchPortal(size func() int, refused func() uint64, unheard func() time.Time) {
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "sluice_portal_keys", Help: "Keys and tickets of developers that this gateway knows, with those that have just ended."},
			func() float64 { return float64(size()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "sluice_portal_records_refused_total", Help: "Records of the topic of keys that are no key, and were passed over."},
			func() float64 { return float64(refused()) }),
		unheardSeconds("sluice_portal_topic_unheard_seconds", "For how long keys that other gateways made or revoked may have been missed; 0: none.", unheard))
}

func unheardSeconds(name, help string, unheard func() time.Time) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return secondsSince(unheard()) })
}
