package server

import (
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// written is how many events have been written.
func written(m *Metrics) float64 { return testutil.ToFloat64(m.events) }
