// Package kafkametrics counts what clients of Kafka do, for /metrics.
package kafkametrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/plugin/kprom"

	"sluice/broker"
)

// Count returns the configuration with its clients counted, each by its name.
func Count(kafka broker.Config, to prometheus.Registerer) broker.Config {
	kafka.Instrument = func(client string) []kgo.Opt {
		return []kgo.Opt{kgo.WithHooks(kprom.NewMetrics("sluice", kprom.Subsystem("kafka"),
			kprom.Registerer(to), kprom.WithStaticLabel(prometheus.Labels{"client": client})))}
	}
	return kafka
}
