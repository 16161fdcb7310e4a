package server

import (
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// metricValues is what /metrics says at one moment, by name.
type metricValues map[string][]*dto.Metric

func gather(from prometheus.Gatherer) (metricValues, error) {
	families, err := from.Gather()
	if err != nil {
		return nil, err
	}
	g := make(metricValues, len(families))
	for _, f := range families {
		g[f.GetName()] = f.GetMetric()
	}
	return g, nil
}

// one is the value of a metric, the sum where it has labels; 0 where this system doesn't
// have it.
func (g metricValues) one(name string) (sum float64) {
	for _, m := range g[name] {
		sum += value(m)
	}
	return sum
}

// count is one that is a whole number.
func (g metricValues) count(name string) uint64 { return uint64(max(0, g.one(name))) }

// by is a metric's values by one of its labels, the sum over the others.
func (g metricValues) by(name, label string) map[string]uint64 {
	values := make(map[string]uint64)
	for _, m := range g[name] {
		values[labelled(m, label)] += uint64(max(0, value(m)))
	}
	return values
}

// where is a metric with only those of its values whose label says so.
func (g metricValues) where(name, label, is string) metricValues {
	some := metricValues{}
	for _, m := range g[name] {
		if labelled(m, label) == is {
			some[name] = append(some[name], m)
		}
	}
	return some
}

func labelled(m *dto.Metric, label string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == label {
			return l.GetValue()
		}
	}
	return ""
}

func value(m *dto.Metric) float64 {
	if m.Gauge != nil {
		return m.GetGauge().GetValue()
	}
	return m.GetCounter().GetValue()
}
