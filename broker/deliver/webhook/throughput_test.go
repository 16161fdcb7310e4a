package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker"
	"sluice/broker/deliver"
)

// track is a target that takes all, and notes when its first message and its last came.
type track struct {
	*httptest.Server
	came  atomic.Int64
	began atomic.Int64 // ns of the first message's arrival
	want  int64
	all   chan time.Time // of the last message's arrival
}

func newTrack(b *testing.B) *track {
	t := &track{all: make(chan time.Time, 1)}
	t.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return // it comes again
		}
		switch t.came.Add(1) {
		case 1:
			t.began.Store(time.Now().UnixNano())
		case t.want:
			t.all <- time.Now()
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	b.Cleanup(t.Close)
	return t
}

// lap is how many messages a second come, from the first to the last.
func (t *track) lap(b *testing.B, messages int, send func()) float64 {
	b.Helper()
	t.want = int64(messages)
	t.came.Store(0)
	send()
	select {
	case at := <-t.all:
		return float64(messages) / at.Sub(time.Unix(0, t.began.Load())).Seconds()
	case <-time.After(2 * time.Minute):
		b.Fatalf("%d of %d messages came", t.came.Load(), messages)
		return 0
	}
}

// How many records a second a delivery hands on, with a Kafka, a delivery and a target on
// the same machine. It is compared with a bare loop that only signs and posts, by as many
// at a time. Both take turns, and the ratio is that of the medians.
//
// It has to be run on a quiet machine: go test ./broker/deliver/webhook -run '^$' -bench
// Throughput -benchtime 1x.
func BenchmarkThroughput(b *testing.B) {
	const (
		concurrency = 16 // as configured by default
		messages    = 20_000
		keys        = 500
		partitions  = 6
	)
	rounds := 5
	if testing.Short() {
		rounds = 1
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(cluster.Close)
	file := filepath.Join(b.TempDir(), "secret")
	key := bytes.Repeat([]byte("k"), 32)
	if err := os.WriteFile(file, []byte(secretPrefix+base64.StdEncoding.EncodeToString(key)), 0o600); err != nil {
		b.Fatal(err)
	}
	t := newTrack(b)
	value := fmt.Appendf(nil, `{"orderId":"o-77","status":"confirmed","note":%q}`, bytes.Repeat([]byte("x"), 250))
	log := slog.New(slog.DiscardHandler)
	target, err := New(Config{URL: t.URL, SecretFile: file, Timeout: 10 * time.Second, AllowPrivate: true, Concurrency: concurrency}, log)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(target.Close)
	for b.Loop() {
		var bare, delivered []float64
		for round := range rounds {
			bare = append(bare, t.lap(b, messages, func() { postBare(b, t.URL, key, value, messages, concurrency) }))
			topic := fmt.Sprintf("orders-%d-%d", b.N, round)
			fill(b, cluster, topic, partitions, keys, messages, value)
			d, err := deliver.New(broker.Config{Brokers: cluster.ListenAddrs()}, deliver.Config{
				Name: topic, Source: deliver.Source{Topic: topic, Stream: "orders"}, From: deliver.Start{Earliest: true}, Target: target,
				Window: deliver.Window{Records: 10_000, Bytes: 16 << 20}, Concurrency: concurrency,
				Retry: deliver.Retry{Min: time.Second, Max: time.Minute, Attempts: 20, MaxAge: time.Hour},
			}, log)
			if err != nil {
				b.Fatal(err)
			}
			ctx, stop := context.WithCancel(b.Context())
			var running sync.WaitGroup
			delivered = append(delivered, t.lap(b, messages, func() { running.Go(func() { d.Run(ctx) }) }))
			stop()
			running.Wait()
			d.Close()
		}
		middle := func(of []float64) float64 { return slices.Sorted(slices.Values(of))[len(of)/2] }
		b.ReportMetric(middle(bare), "bare/s")
		b.ReportMetric(middle(delivered), "delivered/s")
		b.ReportMetric(middle(delivered)/middle(bare), "ratio")
		b.Logf("bare: %.0f; delivered: %.0f", bare, delivered)
	}
}

// fill writes records to a new topic.
func fill(b *testing.B, cluster *kfake.Cluster, topic string, partitions int32, keys, messages int, value []byte) {
	b.Helper()
	if err := cluster.CreateTopic(topic, partitions, nil); err != nil {
		b.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	records := make([]*kgo.Record, messages)
	for i := range records {
		records[i] = &kgo.Record{Topic: topic, Key: fmt.Append(nil, "user", i%keys), Value: value}
	}
	if err := client.ProduceSync(b.Context(), records...).FirstErr(); err != nil {
		b.Fatal(err)
	}
}

// postBare signs and posts messages, and does nothing else.
func postBare(b *testing.B, url string, key, value []byte, messages, concurrency int) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: concurrency}}
	defer client.CloseIdleConnections()
	var next atomic.Int64
	var posting sync.WaitGroup
	for range concurrency {
		posting.Go(func() {
			for n := next.Add(1); n <= int64(messages); n = next.Add(1) {
				id, timestamp := fmt.Sprintf("orders/0/%d", n), strconv.FormatInt(time.Now().Unix(), 10)
				mac := hmac.New(sha256.New, key)
				mac.Write([]byte(id + "." + timestamp + "."))
				mac.Write(value)
				req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url, bytes.NewReader(value))
				if err != nil {
					b.Error(err)
					return
				}
				req.Header.Set("Content-Type", "application/json")
				req.Header.Set("webhook-id", id)
				req.Header.Set("webhook-timestamp", timestamp)
				req.Header.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
				resp, err := client.Do(req)
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close() // it has been read
			}
		})
	}
	posting.Wait()
}
