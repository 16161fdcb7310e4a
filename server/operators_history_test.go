package server

import (
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"sluice/server/operators"
	"sluice/server/status"
)

// The gateway remembers a quarter of an hour, whether somebody looks or not, and no more.
func TestTheGatewayRemembersAQuarterOfAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answered := time.Now()
		f := newFixture(t, func(c *Config) {
			c.Goroutines, c.Deliveries = true, &oneDelivery{}
			c.Source = statuses{
				{Name: "orders", Behind: 8, Records: 30, Events: 28, Answered: answered},
				{Name: "news", Behind: -1},
			}
		})
		began := time.Now()
		synctest.Wait()
		var h operators.LiveHistory
		f.operate(http.MethodGet, "/live/history", http.StatusOK, &h)
		if len(h.Samples) != 1 || h.StepSeconds != 3 {
			t.Fatalf("at first: %+v", h)
		}
		first := h.Samples[0]
		if len(first.Deliveries) != 1 || first.Deliveries[0].Name != "order-mail" {
			t.Errorf("%+v", first.Deliveries)
		}
		if orders := first.Streams[0]; orders.Name != "orders" || *orders.Lag != 8 || orders.Records != 30 || orders.Events != 28 || !orders.KafkaAnswered.Equal(answered) {
			t.Errorf("%+v", orders)
		}
		if news := first.Streams[1]; news.Lag != nil || news.KafkaAnswered != nil {
			t.Errorf("%+v", news)
		}
		if known := first.Gateway.RSS != nil && *first.Gateway.RSS > 1<<20; known != (runtime.GOOS == "linux") {
			t.Errorf("%+v", first.Gateway)
		}

		<-time.After(10 * time.Minute) // of the bubble
		f.operate(http.MethodGet, "/live/history", http.StatusOK, &h)
		if len(h.Samples) < 200 || len(h.Samples) > 201 || !h.Samples[0].Time.Equal(first.Time) {
			t.Errorf("after ten minutes: %d samples from %v on", len(h.Samples), h.Samples[0].Time)
		}
		<-time.After(time.Hour)
		f.operate(http.MethodGet, "/live/history", http.StatusOK, &h)
		if len(h.Samples) != 300 {
			t.Fatalf("%d samples", len(h.Samples))
		}
		for i, s := range h.Samples[1:] {
			if step := s.Time.Sub(h.Samples[i].Time); step != 3*time.Second {
				t.Errorf("sample %d is %v after the one before it", i+1, step)
			}
		}
		if ago := time.Since(h.Samples[299].Time); ago > 3*time.Second || time.Since(began) < time.Hour {
			t.Errorf("the newest is from %v ago", ago)
		}
		f.Close()
		synctest.Wait()
	})
}

// What the history says is what /metrics says.
func TestTheHistorySaysWhatMetricsSays(t *testing.T) {
	f := begin(t, func(c *Config) { c.Source = statuses{status.Stream{Name: "orders"}} })
	s := f.get("/events?user=alice")
	s.want("sluice.hello", "*")
	f.order("alice", "1")
	s.want("message", "1")
	eventually(t, "counted", func() bool { return f.metric("sluice_events_written_total") == 1 })
	totals, m := f.cfg.Metrics.Totals(), f.scraped()
	if float64(totals.Connections) != m["sluice_connections"] || float64(totals.Events) != m["sluice_events_written_total"] || float64(totals.Bytes) != m["sluice_written_bytes_total"] || totals.Connections != 1 {
		t.Errorf("%+v and %v, %v, %v", totals, m["sluice_connections"], m["sluice_events_written_total"], m["sluice_written_bytes_total"])
	}
	if known := m["process_cpu_seconds_total"] > 0; known != totals.Process || totals.CPU > m["process_cpu_seconds_total"] {
		t.Errorf("%+v, CPU %v", totals, m["process_cpu_seconds_total"])
	}
}
