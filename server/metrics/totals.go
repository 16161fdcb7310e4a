package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/procfs"

	dto "github.com/prometheus/client_model/go"
)

// Totals are a few numbers of /metrics.
type Totals struct {
	Connections, Events, Bytes uint64

	Process bool    // CPU and RSS are known: the system has /proc
	CPU     float64 // seconds
	RSS     uint64  // bytes
}

// Totals reads them without gathering all metrics, which takes long with many
// descriptors: they are counted one by one.
func (m *Metrics) Totals() Totals {
	t := Totals{Connections: valueOf(m.connections), Events: valueOf(m.events), Bytes: valueOf(m.bytes)}
	self, err := procfs.Self()
	if err != nil {
		return t
	}
	stat, err := self.Stat()
	if err != nil {
		return t
	}
	t.Process, t.CPU, t.RSS = true, stat.CPUTime(), uint64(max(stat.ResidentMemory(), 0))
	return t
}

func valueOf(m prometheus.Metric) uint64 {
	var d dto.Metric
	if err := m.Write(&d); err != nil {
		return 0 // not of a counter or a gauge
	}
	return uint64(max(0, value(&d)))
}
