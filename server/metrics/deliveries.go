package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"sluice/server/status"
)

var deliveryMetrics = []metricOf[status.Delivery]{
	gaugeOf("delivery", "sluice_delivery_partitions", "Partitions that this gateway delivers.", func(d *status.Delivery) float64 { return float64(d.Partitions) }),
	gaugeOf("delivery", "sluice_delivery_in_flight", "Attempts under way.", func(d *status.Delivery) float64 { return float64(d.InFlight) }),
	gaugeOf("delivery", "sluice_delivery_held_records", "Records in memory that are not delivered.", func(d *status.Delivery) float64 { return float64(d.Held) }),
	gaugeOf("delivery", "sluice_delivery_held_bytes", "Bytes in memory, as window.bytes counts.", func(d *status.Delivery) float64 { return float64(d.HeldBytes) }),
	gaugeOf("delivery", "sluice_delivery_waiting_keys", "Keys that wait for their next attempt.", func(d *status.Delivery) float64 { return float64(d.WaitingKeys) }),
	gaugeOf("delivery", "sluice_delivery_stuck_records", "Records whose attempts are used up, without dead letters.", func(d *status.Delivery) float64 { return float64(d.Stuck) }),
	gaugeOf("delivery", "sluice_delivery_full_partitions", "Partitions that are not fetched, since their window is full.", func(d *status.Delivery) float64 { return float64(d.FullPartitions) }),
	gaugeOf("delivery", "sluice_delivery_oldest_waiting_seconds", "For how long the oldest record in memory has waited; 0: none waits.", func(d *status.Delivery) float64 {
		if d.OldestWaiting == nil {
			return 0
		}
		return secondsSince(*d.OldestWaiting)
	}),
	gaugeOf("delivery", "sluice_delivery_circuit_open", "1 while the target is down and is only probed.", func(d *status.Delivery) float64 { return oneIf(d.Circuit == "open") }),
	counterOf("delivery", "sluice_delivery_delivered_total", "Records that the target took.", func(d *status.Delivery) uint64 { return d.Delivered }),
}

var (
	deliveryLagDesc     = prometheus.NewDesc("sluice_delivery_lag_records", "Records of this gateway's partitions that are not delivered. Absent while that is not known.", []string{"delivery"}, nil)
	deliveryStateDesc   = prometheus.NewDesc("sluice_delivery_state", "1 for what the delivery is at: starting, running, paused, stopped (an operator has to say where it goes on), or waiting for Kafka.", []string{"delivery", "state"}, nil)
	deliveryFailedDesc  = prometheus.NewDesc("sluice_delivery_failed_attempts_total", "Attempts that failed, by cause.", []string{"delivery", "cause"}, nil)
	deliveryDroppedDesc = prometheus.NewDesc("sluice_delivery_dropped_total", "Records that are not for the target, by reason.", []string{"delivery", "reason"}, nil)
	deliveryDeadDesc    = prometheus.NewDesc("sluice_delivery_dead_letters_total", "Records that were given up, by cause.", []string{"delivery", "cause"}, nil)
)

// deliveryStates are all values of the label state.
var deliveryStates = []string{"starting", "running", "paused", "stopped", "waiting"}

// WatchDeliveries adds what is read of each delivery.
func (m *Metrics) WatchDeliveries(d status.Deliveries) { m.registry.MustRegister(deliveryCollector{d}) }

// deliveryCollector collects the metrics of all deliveries.
type deliveryCollector struct{ status.Deliveries }

// Describe implements prometheus.Collector.
func (deliveryCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range deliveryMetrics {
		ch <- m.desc
	}
	for _, desc := range []*prometheus.Desc{deliveryLagDesc, deliveryStateDesc, deliveryFailedDesc, deliveryDroppedDesc, deliveryDeadDesc} {
		ch <- desc
	}
}

// Collect implements prometheus.Collector.
func (c deliveryCollector) Collect(ch chan<- prometheus.Metric) {
	for _, d := range c.Deliveries.Deliveries() {
		for _, m := range deliveryMetrics {
			ch <- m.read(&d, d.Name)
		}
		if d.Lag != nil {
			ch <- prometheus.MustNewConstMetric(deliveryLagDesc, prometheus.GaugeValue, float64(*d.Lag), d.Name)
		}
		for _, state := range deliveryStates {
			ch <- prometheus.MustNewConstMetric(deliveryStateDesc, prometheus.GaugeValue, oneIf(state == d.State), d.Name, state)
		}
		for _, by := range []struct {
			desc *prometheus.Desc
			n    map[string]uint64
		}{{deliveryFailedDesc, d.Failed}, {deliveryDroppedDesc, d.Dropped}, {deliveryDeadDesc, d.DeadLetters}} {
			for label, n := range by.n {
				ch <- prometheus.MustNewConstMetric(by.desc, prometheus.CounterValue, float64(n), d.Name, label)
			}
		}
	}
}
