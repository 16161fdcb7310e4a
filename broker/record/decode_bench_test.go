package record

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/document"
	"sluice/stream"
)

// Most records are too short to nest too deep. The ratio says what decoding one takes,
// with the look through its value that only a longer one needs to what it takes without.
func BenchmarkDecode(b *testing.B) {
	value := []byte(`{"id":"o-1","customer":{"id":"user-4711"},"pad":"` + strings.Repeat("x", 230) + `"}`)
	for _, selector := range []string{"value:customer.id", "value:id"} {
		b.Run(selector, func(b *testing.B) {
			d, err := NewDecoder(Rules{User: selector})
			if err != nil {
				b.Fatal(err)
			}
			rec := &kgo.Record{Key: []byte("user-4711"), Value: value}
			var ev stream.Event
			var without, looked time.Duration
			const turns = 64 // of each in a row, so that the clock costs nothing that shows
			for b.Loop() {
				start := time.Now()
				for range turns {
					d.Decode(rec, &ev)
				}
				middle := time.Now()
				for range turns {
					if document.Shallow(value, document.MaxDepth) {
						d.Decode(rec, &ev)
					}
				}
				without += middle.Sub(start)
				looked += time.Since(middle)
			}
			b.ReportMetric(float64(without.Nanoseconds())/float64(b.N*turns), "ns/record")
			b.ReportMetric(float64(looked)/float64(without), "with-look/without")
		})
	}
}
