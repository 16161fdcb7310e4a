package metrics

import (
	dto "github.com/prometheus/client_model/go"
)

// Values is what /metrics says at one moment, by name.
type Values map[string][]*dto.Metric

// Values are those of this moment.
func (m *Metrics) Values() (Values, error) {
	families, err := m.registry.Gather()
	if err != nil {
		return nil, err
	}
	g := make(Values, len(families))
	for _, f := range families {
		g[f.GetName()] = f.GetMetric()
	}
	return g, nil
}

// One is the value of a metric, the sum where it has labels; 0 where this system doesn't
// have it.
func (g Values) One(name string) (sum float64) {
	for _, m := range g[name] {
		sum += value(m)
	}
	return sum
}

// Count is one that is a whole number.
func (g Values) Count(name string) uint64 { return uint64(max(0, g.One(name))) }

// By is a metric's values by one of its labels, the sum over the others.
func (g Values) By(name, label string) map[string]uint64 {
	values := make(map[string]uint64)
	for _, m := range g[name] {
		values[labelled(m, label)] += uint64(max(0, value(m)))
	}
	return values
}

// Where is a metric with only those of its values whose label says so.
func (g Values) Where(name, label, is string) Values {
	some := Values{}
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
