package broker

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/stream"
)

// BenchmarkIngest takes records of 300 bytes from a poll to the hub's log, index
// included; one iteration is one record.
func BenchmarkIngest(b *testing.B) {
	const run = 1000
	value := make([]byte, 300)
	for i := range value {
		value[i] = byte('a' + i%26)
	}
	hub := stream.NewHub(stream.Config{Streams: []stream.Spec{{Name: "orders", Replay: time.Hour, ReplayBytes: 64 << 20}}})
	defer hub.Close()
	r, err := NewReader(Config{Brokers: []string{"localhost:9092"}}, orders, hub, quiet)
	if err != nil {
		b.Fatal(err)
	}
	hub.Begin(0, "e", []int64{0})
	r.topics["orders"].begun, r.topics["orders"].next, r.topics["orders"].base = true, []int64{0}, []int64{0}
	records := make([]*kgo.Record, run)
	for i := range records {
		records[i] = &kgo.Record{Topic: "orders", Key: fmt.Appendf(nil, "user-%d", i*7919%100_000), Value: value, Timestamp: time.UnixMilli(1)}
	}
	fetches := kgo.Fetches{{Topics: []kgo.FetchTopic{{Topic: "orders", Partitions: []kgo.FetchPartition{{Records: records}}}}}}
	b.SetBytes(int64(len(value)))
	b.ReportAllocs()
	next := int64(0)
	for n := 0; n < b.N; n += run {
		for _, rec := range records {
			rec.Offset = next
			next++
		}
		r.takeFetches(fetches)
	}
}
