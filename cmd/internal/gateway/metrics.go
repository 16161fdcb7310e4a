package gateway

import (
	"github.com/prometheus/client_golang/prometheus"

	"sluice/broker"
	"sluice/stream"
)

// readerMetrics turns what reader and hub count into metrics at each scrape, so that reading counts in plain
// integers.
type readerMetrics struct {
	reader *broker.Reader
	hub    *stream.Hub
}

var (
	recordsDesc    = prometheus.NewDesc("sluice_records_total", "Records read from Kafka.", []string{"stream"}, nil)
	eventsDesc     = prometheus.NewDesc("sluice_events_total", "Events made of them.", []string{"stream"}, nil)
	refusedDesc    = prometheus.NewDesc("sluice_records_refused_total", "Records with something wrong, by reason; a record may have several.", []string{"stream", "reason"}, nil)
	logEntriesDesc = prometheus.NewDesc("sluice_log_entries", "Entries of the stream's log in memory.", []string{"stream"}, nil)
	logBytesDesc   = prometheus.NewDesc("sluice_log_bytes", "Bytes of the stream's log in memory, as replay_bytes counts.", []string{"stream"}, nil)
	subjectsDesc   = prometheus.NewDesc("sluice_state_subjects", "Subjects whose latest event is kept.", []string{"stream"}, nil)
	stateBytesDesc = prometheus.NewDesc("sluice_state_bytes", "Bytes of the stream's state in memory, as state.max_bytes counts.", []string{"stream"}, nil)
)

// Describe implements prometheus.Collector.
func (readerMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{recordsDesc, eventsDesc, refusedDesc, logEntriesDesc, logBytesDesc, subjectsDesc, stateBytesDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m readerMetrics) Collect(ch chan<- prometheus.Metric) {
	counter := func(d *prometheus.Desc, n uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	for i, s := range m.reader.Status() {
		counter(recordsDesc, s.Records, s.Stream)
		counter(eventsDesc, s.Events, s.Stream)
		for _, r := range broker.Refusals() {
			counter(refusedDesc, s.Refused[r], s.Stream, r.String())
		}
		usage := m.hub.Usage(i)
		ch <- prometheus.MustNewConstMetric(logEntriesDesc, prometheus.GaugeValue, float64(usage.Entries), s.Stream)
		ch <- prometheus.MustNewConstMetric(logBytesDesc, prometheus.GaugeValue, float64(usage.Bytes), s.Stream)
		ch <- prometheus.MustNewConstMetric(subjectsDesc, prometheus.GaugeValue, float64(usage.Subjects), s.Stream)
		ch <- prometheus.MustNewConstMetric(stateBytesDesc, prometheus.GaugeValue, float64(usage.StateBytes), s.Stream)
	}
}
