package shop

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/kafkatest"
)

// How long it takes from Kafka's acknowledgement of a confirmation to the text on a page.
// It is shown and not judged: that is for a machine with nothing else to do.
func TestFromAcknowledgementToText(t *testing.T) {
	need(t)
	buildShop(t)
	s := open(t, kafkatest.Shared(t), "latency", nil)
	b := startBrowser(t)
	pages := []*tab{b.follow(s, s.nginx.tls, "/plain", "bob"), b.follow(s, s.nginx.tls, "/orders", "bob")}

	var (
		mu    sync.Mutex // guards acked
		acked = make(map[string]time.Time)
	)
	next := time.NewTicker(50 * time.Millisecond)
	defer next.Stop()
	for range size(250) {
		id, record := s.backend.record("bob", "confirmed")
		s.backend.client.Produce(t.Context(), record, func(_ *kgo.Record, err error) {
			at := time.Now()
			if err != nil {
				t.Errorf("confirming an order: %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			acked[id] = at
		})
		<-next.C
	}
	if err := s.backend.client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	orders := s.truth.confirmed(t, "bob")
	for _, p := range pages {
		p.exact(orders)
		var took []float64 // ms
		for id, at := range ask[map[string]float64](p, `watched.confirmed`) {
			took = append(took, at-float64(acked[id].UnixMicro())/1000)
		}
		if len(took) != len(acked) {
			t.Errorf("%s: %d orders of %d were seen to become confirmed", p.name, len(took), len(acked))
		}
		t.Logf("%s\n%s", p.name, histogram(took))
	}
}

// histogram shows times in ms.
func histogram(times []float64) string {
	slices.Sort(times)
	at := func(q float64) float64 { return times[min(len(times)-1, int(q*float64(len(times))))] }
	var text strings.Builder
	fmt.Fprintf(&text, "from acknowledgement to text, %d orders: median %.1f ms, 90%% %.1f, 99%% %.1f, longest %.1f\n",
		len(times), at(0.5), at(0.9), at(0.99), times[len(times)-1])
	from := math.Inf(-1) // the page may be sooner than the producer, which is the last to hear of the record
	for to := 1.0; from < times[len(times)-1]; from, to = to, to*2 {
		n := 0
		for _, time := range times {
			if from < time && time <= to {
				n++
			}
		}
		fmt.Fprintf(&text, "  up to %5.0f ms %4d %s\n", to, n, strings.Repeat("#", (n*60+len(times)-1)/len(times)))
	}
	return text.String()
}
