package metrics

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sluice/server/status"
)

var streamMetrics = []metricOf[status.Facts]{
	counterOf("stream", "sluice_records_total", "Records read from Kafka.", func(f *status.Facts) uint64 { return f.Records }),
	counterOf("stream", "sluice_events_total", "Events made of them.", func(f *status.Facts) uint64 { return f.Events }),
	counterOf("stream", "sluice_stream_deliveries_total", "Events handed to connections and polls, counted for each.", func(f *status.Facts) uint64 { return f.Deliveries }),
	counterOf("stream", "sluice_catchup_failures_total", "Times that events older than memory were wanted and could not be read from Kafka.", func(f *status.Facts) uint64 { return f.CatchupFailures }),
	gaugeOf("stream", "sluice_stream_subscribers", "Connections and polls that read the stream.", func(f *status.Facts) float64 { return float64(f.Subscribers) }),
	gaugeOf("stream", "sluice_stream_warm", "1 when the replay window has been read.", func(f *status.Facts) float64 { return oneIf(f.Warm) }),
	gaugeOf("stream", "sluice_stream_fetching", "1 while the topic is there and all of it that has a leader is being read.", func(f *status.Facts) float64 { return oneIf(f.Fetching) }),
	gaugeOf("stream", "sluice_stream_stale", "1 while Kafka does not answer, or no fetch succeeds.", func(f *status.Facts) float64 { return oneIf(!f.StaleSince.IsZero()) }),
	gaugeOf("stream", "sluice_stream_stale_seconds", "How long it has been stale; 0 while it is not.", func(f *status.Facts) float64 { return secondsSince(f.StaleSince) }),
	gaugeOf("stream", "sluice_stream_held_partitions", "Partitions of the stream's topic that wait at a record: on_error is stop, or its schema is awaited.", func(f *status.Facts) float64 { return float64(len(f.Held)) }),
	gaugeOf("stream", "sluice_log_entries", "Entries of the stream's log in memory.", func(f *status.Facts) float64 { return float64(f.Entries) }),
	gaugeOf("stream", "sluice_log_bytes", "Bytes of the stream's log in memory, as replay_bytes counts.", func(f *status.Facts) float64 { return float64(f.Bytes) }),
	gaugeOf("stream", "sluice_state_subjects", "Subjects whose latest event is kept.", func(f *status.Facts) float64 { return float64(f.Subjects) }),
	gaugeOf("stream", "sluice_state_bytes", "Bytes of the stream's state in memory, as state.max_bytes counts.", func(f *status.Facts) float64 { return float64(f.StateBytes) }),
}

var (
	lagDesc     = prometheus.NewDesc("sluice_stream_lag_records", "Records between what was read and the last stable offset. Absent while that is not known, as when Kafka is away.", []string{"stream"}, nil)
	lsoLagDesc  = prometheus.NewDesc("sluice_stream_lso_lag_records", "Records between the last stable offset and the high watermark, which open transactions hold back. Absent while that is not known.", []string{"stream"}, nil)
	heldDesc    = prometheus.NewDesc("sluice_held_offset", "The offset at which a partition waits, by the reason; absent for those that don't.", []string{"stream", "partition", "reason"}, nil)
	jumpsDesc   = prometheus.NewDesc("sluice_reader_jumps_total", "Times that reading a partition had to go on elsewhere, by reason: clients are told by a reset.", []string{"stream", "reason"}, nil)
	topicsDesc  = prometheus.NewDesc("sluice_stream_topics", "Topics of a stream of several: those that are read, those that wait, and those that are refused since they have no room in ids.", []string{"stream", "is"}, nil)
	topicDesc   = prometheus.NewDesc("sluice_topic_records_total", "Records read, by topic, of a stream of several.", []string{"stream", "topic"}, nil)
	topicLag    = prometheus.NewDesc("sluice_topic_lag_records", "Records to be read up to the last stable offset, by topic, of a stream of several. Absent while that is not known.", []string{"stream", "topic"}, nil)
	topicOut    = prometheus.NewDesc("sluice_topic_refused", "1 for a topic of a stream of several that has no room in ids.", []string{"stream", "topic"}, nil)
	refusedDesc = prometheus.NewDesc("sluice_records_refused_total", "Records with something wrong, by reason; a record may have several.", []string{"stream", "reason"}, nil)
)

// streamCollector collects the metrics of all streams.
type streamCollector struct{ status.Streams }

// Describe implements prometheus.Collector.
func (streamCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range streamMetrics {
		ch <- m.desc
	}
	ch <- lagDesc
	ch <- lsoLagDesc
	ch <- heldDesc
	ch <- jumpsDesc
	ch <- refusedDesc
	ch <- topicsDesc
	ch <- topicDesc
	ch <- topicLag
	ch <- topicOut
}

// Collect implements prometheus.Collector.
func (c streamCollector) Collect(ch chan<- prometheus.Metric) {
	for _, f := range c.Facts() {
		for _, m := range streamMetrics {
			ch <- m.read(&f, f.Name)
		}
		if f.Behind >= 0 {
			ch <- prometheus.MustNewConstMetric(lagDesc, prometheus.GaugeValue, float64(f.Behind), f.Name)
		}
		if f.LSOLag >= 0 {
			ch <- prometheus.MustNewConstMetric(lsoLagDesc, prometheus.GaugeValue, float64(f.LSOLag), f.Name)
		}
		for _, h := range f.Held {
			ch <- prometheus.MustNewConstMetric(heldDesc, prometheus.GaugeValue, float64(h.Offset), f.Name, partitionLabel(h), h.Reason)
		}
		collectTopics(ch, &f)
		for reason, n := range f.Jumps {
			ch <- prometheus.MustNewConstMetric(jumpsDesc, prometheus.CounterValue, float64(n), f.Name, reason)
		}
		for reason, n := range f.Refused {
			ch <- prometheus.MustNewConstMetric(refusedDesc, prometheus.CounterValue, float64(n), f.Name, reason)
		}
	}
}

// collectTopics collects what is told by topic, of a stream of several.
func collectTopics(ch chan<- prometheus.Metric, f *status.Facts) {
	if !f.Several {
		return
	}
	counts := map[string]int{"read": 0, "waiting": 0, "refused": 0}
	for _, t := range f.Topics {
		switch {
		case t.Refused:
			counts["refused"]++
			ch <- prometheus.MustNewConstMetric(topicOut, prometheus.GaugeValue, 1, f.Name, t.Topic)
			continue
		case t.Fetching:
			counts["read"]++
		default:
			counts["waiting"]++
		}
		ch <- prometheus.MustNewConstMetric(topicDesc, prometheus.CounterValue, float64(t.Records), f.Name, t.Topic)
		if t.Behind >= 0 {
			ch <- prometheus.MustNewConstMetric(topicLag, prometheus.GaugeValue, float64(t.Behind), f.Name, t.Topic)
		}
	}
	for is, n := range counts {
		ch <- prometheus.MustNewConstMetric(topicsDesc, prometheus.GaugeValue, float64(n), f.Name, is)
	}
}

// partitionLabel names a partition; that of one of several topics with its topic.
func partitionLabel(h status.HeldPartition) string {
	number := strconv.Itoa(int(h.Partition))
	if h.Topic != "" {
		return h.Topic + "/" + number
	}
	return number
}

// secondsSince is 0 for no time.
func secondsSince(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return time.Since(t).Seconds()
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
