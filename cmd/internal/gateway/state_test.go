package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/cmd/internal/config"
)

// stately is shop with a state.
func stately(t *testing.T, c *kfake.Cluster) *config.Config {
	t.Helper()
	return configured(t, c, `streams: {orders: {topic: order-topic, user: key, subject: "value:id", replay: 1m}}
auth: none
`)
}

// TestGatewaysAgreeOnTheState: one has been there all along, the other starts after all
// of it and is ready with what is older than its replay window. They say the same, under
// the same tag.
func TestGatewaysAgreeOnTheState(t *testing.T) {
	c := cluster(t, 3)
	producer, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.DefaultProduceTopic("order-topic"))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	first := start(t, stately(t, c))
	now := time.Now()
	for i := range 60 {
		rec := &kgo.Record{Key: []byte("alice"), Value: fmt.Appendf(nil, `{"id":"o-%d","version":%d}`, i%20, i), Timestamp: now.Add(time.Duration(i-100) * time.Minute)}
		if err := producer.ProduceSync(t.Context(), rec).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	type state struct {
		Cursor   string
		Complete bool
		Events   []struct {
			Subject string
			Data    struct{ Version int }
		}
	}
	load := func(g *Gateway) (s state, tag string) {
		t.Helper()
		resp, err := http.Get("http://" + g.Addr().String() + "/state?user=alice")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil || json.Unmarshal(body, &s) != nil {
			t.Fatalf("%s %s, %v", resp.Status, body, err)
		}
		return s, resp.Header.Get("ETag")
	}
	second := start(t, stately(t, c))
	b, tag := load(second) // at once: it is ready
	if !b.Complete || len(b.Events) != 20 {
		t.Fatalf("%+v", b)
	}
	for i, e := range b.Events {
		if e.Data.Version != 40+i || e.Subject != fmt.Sprint("o-", i) {
			t.Errorf("%d is %+v", i, e)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for a, other := load(first); a.Cursor != b.Cursor || other != tag; a, other = load(first) {
		if ctx.Err() != nil {
			t.Fatalf("at %s with %d events, tag %s; want %s, tag %s", a.Cursor, len(a.Events), other, b.Cursor, tag)
		}
		_, tag = load(second)
	}
	if _, text := get(t, "http://"+second.AdminAddr().String()+"/metrics"); !strings.Contains(text, `sluice_state_subjects{stream="orders"} 20`) {
		t.Error("the metrics don't count the subjects")
	}
}
