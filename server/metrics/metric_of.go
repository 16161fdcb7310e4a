package metrics

import "github.com/prometheus/client_golang/prometheus"

// metricOf is a metric of each T, which its one label names.
type metricOf[T any] struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(of *T) float64
}

func gaugeOf[T any](label, name, help string, value func(of *T) float64) metricOf[T] {
	return metricOf[T]{prometheus.NewDesc(name, help, []string{label}, nil), prometheus.GaugeValue, value}
}

func counterOf[T any](label, name, help string, value func(of *T) uint64) metricOf[T] {
	return metricOf[T]{prometheus.NewDesc(name, help, []string{label}, nil), prometheus.CounterValue, func(of *T) float64 { return float64(value(of)) }}
}

// read is the metric of one T, as it is now.
func (m metricOf[T]) read(of *T, named string) prometheus.Metric {
	return prometheus.MustNewConstMetric(m.desc, m.kind, m.value(of), named)
}
