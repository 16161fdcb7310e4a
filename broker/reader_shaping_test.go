package broker

import (
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/record"
	"sluice/broker/schema"
	"sluice/stream"
)

// shapedOrders is a stream that shows records by a program.
func shapedOrders(name, topic string, rules record.Rules) StreamConfig {
	if rules.User == "" {
		rules.User = "key"
	}
	return StreamConfig{Name: name, Topic: topic, Record: rules, Replay: time.Hour}
}

func TestShapedRecordsArriveInTheirOrder(t *testing.T) {
	f := newFake(t)
	f.create("orders", 3)
	for i := range 600 {
		f.produce(recordOf("orders", int32(i%3), "alice", fmt.Sprintf(`{"n":%d,"secret":1}`, i)))
	}
	streams := []StreamConfig{
		shapedOrders("even", "orders", record.Rules{Filter: `.n % 2 == 0`, Transform: `{n}`}),
		shapedOrders("plain", "orders", record.Rules{}),
	}
	sink := newRecorder(t, 2)
	r := follow(t, f.config(), streams, sink, quiet)
	sink.waitEvents(0, 300)
	sink.waitEvents(1, 600)
	sink.wait(0, "warm", isWarm)
	f.produce(recordOf("orders", 1, "alice", `{"n":1000,"secret":1}`), recordOf("orders", 1, "alice", `{"n":1001}`), recordOf("orders", 1, "alice", `{`))
	sink.wait(0, "the end", func(s *recorded) bool { return s.next[1] == 203 })
	sink.look(0, func(s *recorded) {
		if last := s.events[len(s.events)-1]; last != `1@200 [alice] {"n":1000}` || len(s.events) != 301 {
			t.Errorf("%d events, the last is %s", len(s.events), last)
		}
		if got := s.refused[len(s.refused)-2:]; !slices.Equal(got, []string{"1@201 filtered", "1@202 shape_error"}) {
			t.Errorf("refused %q", got)
		}
	})
	s := r.Status()[0]
	if s.Refused[record.Filtered] != 301 || s.Refused[record.ShapeError] != 1 || s.Records != 603 || s.Events != 301 {
		t.Errorf("%+v", s)
	}
}

// What takes place of a row's earlier event, or tells who had it, is handed on although
// it is no event.
func TestHiddenRecordsReachTheState(t *testing.T) {
	f := newFake(t)
	f.create("orders", 1)
	streams := []StreamConfig{shapedOrders("orders", "orders", record.Rules{User: "value:user", Subject: "value:id", Filter: `.status != "draft"`})}
	streams[0].State, streams[0].StateAge = true, time.Hour
	hub := stream.NewHub(stream.Config{Streams: []stream.Spec{{Name: "orders", Replay: time.Hour, State: stream.StateBounds{MaxAge: time.Hour, MaxBytes: 1 << 20}}}})
	t.Cleanup(hub.Close)
	follow(t, f.config(), streams, hub, quiet)
	has := func(want string) {
		t.Helper()
		for end := time.Now().Add(patience); ; {
			s, err := hub.State(t.Context(), stream.StateRequest{Streams: []int{0}, User: "alice"})
			var got []string
			for _, l := range s.Latest {
				got = append(got, string(l.Subject))
			}
			if err == nil && strings.Join(got, " ") == want {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("the state is %q, %v; want %s", got, err, want)
			}
			<-time.After(5 * time.Millisecond)
		}
	}
	f.produce(recordOf("orders", 0, "k", `{"id":1,"user":"alice","status":"new"}`), recordOf("orders", 0, "k", `{"id":2,"user":"alice","status":"new"}`))
	has("1 2")
	f.produce(recordOf("orders", 0, "k", `{"id":1,"user":"alice","status":"draft"}`))
	has("2")
}

// A partition stops at a record that fails; others of the topic go on, and so do other
// topics.
func TestAStreamStopsAtARecordThatFails(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.create("orders", 2)
	f.create("news", 1)
	f.produce(recordOf("orders", 0, "alice", `{"n":1}`), recordOf("orders", 0, "alice", `{`), recordOf("orders", 0, "alice", `{"n":3}`), recordOf("orders", 1, "alice", `{"n":4}`))
	streams := []StreamConfig{
		shapedOrders("orders", "orders", record.Rules{Transform: `.n`, OnError: record.OnErrorStop}),
		shapedOrders("news", "news", record.Rules{}),
	}
	sink := newRecorder(t, 2)
	var log logged
	r := follow(t, f.config(), streams, sink, slog.New(slog.NewTextHandler(&log, nil)))
	sink.waitEvents(0, 2)
	sink.wait(0, "warm and stale", func(s *recorded) bool { return s.warm && !s.stale.IsZero() })
	f.produce(recordOf("orders", 1, "alice", `{"n":5}`), recordOf("news", 0, "alice", "news"))
	sink.waitEvents(0, 3)
	sink.waitEvents(1, 1)
	waitStatus(t, r, "stopped", func(s Status) bool {
		return len(s.Held) == 1 && s.Held[0].Stops && s.Held[0].Offset == 1 && !s.Held[0].Since.IsZero() && !s.StaleSince.IsZero() && strings.Contains(s.Waiting, "on_error: stop") && s.Next[0] == 1
	})
	sink.look(0, func(s *recorded) {
		if !slices.ContainsFunc(s.events, func(e string) bool { return e == "0@0 [alice] 1" }) || slices.ContainsFunc(s.events, func(e string) bool { return strings.HasPrefix(e, "0@2") }) {
			t.Errorf("events %q", s.events)
		}
	})
	if s := r.Status()[1]; len(s.Held) > 0 || !s.StaleSince.IsZero() {
		t.Errorf("news: %+v", s)
	}
	if n := strings.Count(log.String(), "held at a record"); n != 1 {
		t.Errorf("it is said %d times:\n%s", n, log.String())
	}
	h := openHistory(t, f.config(), streams)
	if _, err := collect(t, h, bounds(t, h).Epoch, []int64{0, 0}, []int64{3, 2}); err == nil || !strings.Contains(err.Error(), "offset 1") {
		t.Errorf("the past goes on behind it: %v", err)
	}
}

// awayRegistry is a registry of one schema, with the id 1. It can be away.
func awayRegistry(t *testing.T) (*schema.Registry, *atomic.Bool) {
	var away atomic.Bool
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case away.Load():
			w.WriteHeader(http.StatusBadGateway)
		case r.URL.Path == "/schemas/ids/1", r.URL.Path == "/schemas/ids/2":
			_, _ = w.Write([]byte(`{"schema":"\"string\""}`))
		default:
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"error_code":40403}`))
		}
	}))
	t.Cleanup(srv.Close)
	registry, err := schema.NewRegistry(schema.Config{URL: srv.URL}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(registry.Close)
	return registry, &away
}

func avroText(id byte, text string) string {
	return string([]byte{0, 0, 0, 0, id, byte(2 * len(text))}) + text
}

// While the registry is away, known schemas are read. An unknown one holds its
// partition, and nothing is lost.
func TestAnUnknownSchemaWaitsForItsRegistry(t *testing.T) {
	t.Parallel()
	registry, away := awayRegistry(t)
	f := newFake(t)
	f.create("orders", 2)
	f.produce(recordOf("orders", 0, "alice", avroText(1, "a")))
	streams := []StreamConfig{shapedOrders("orders", "orders", record.Rules{Decode: record.Decoding{As: "avro"}, Registry: registry})}
	cfg := f.config()
	cfg.StaleAfter = 200 * time.Millisecond
	sink := newRecorder(t, 1)
	r := follow(t, cfg, streams, sink, quiet)
	sink.waitEvents(0, 1)
	away.Store(true)
	f.produce(recordOf("orders", 0, "alice", avroText(1, "b")), recordOf("orders", 0, "alice", avroText(2, "waits")), recordOf("orders", 0, "alice", avroText(1, "behind")), recordOf("orders", 1, "alice", avroText(1, "c")))
	sink.waitEvents(0, 3)
	sink.wait(0, "stale", func(s *recorded) bool { return !s.stale.IsZero() })
	waitStatus(t, r, "waiting", func(s Status) bool {
		return len(s.Held) == 1 && !s.Held[0].Stops && s.Held[0].Reason == "schema_pending" && s.Next[0] == 2 && strings.Contains(s.Waiting, "registry doesn't answer")
	})
	away.Store(false)
	sink.waitEvents(0, 5)
	sink.wait(0, "fresh", func(s *recorded) bool { return s.stale.IsZero() })
	f.produce(recordOf("orders", 0, "alice", avroText(9, "nobody's")), recordOf("orders", 0, "alice", avroText(2, "d")))
	sink.waitEvents(0, 6)
	sink.look(0, func(s *recorded) {
		slices.Sort(s.events)
		if want := []string{`0@0 [alice] "a"`, `0@1 [alice] "b"`, `0@2 [alice] "waits"`, `0@3 [alice] "behind"`, `0@5 [alice] "d"`, `1@0 [alice] "c"`}; !slices.Equal(s.events, want) {
			t.Errorf("%q", s.events)
		}
		if want := []string{"0@4 schema_missing"}; !slices.Equal(s.refused, want) {
			t.Errorf("refused %q", s.refused)
		}
	})
	// A client that has been away is read to in the same way.
	h := openHistory(t, f.config(), streams)
	got, err := collect(t, h, bounds(t, h).Epoch, []int64{0, 0}, []int64{6, 1})
	if err != nil || len(got.events) != 6 {
		t.Errorf("history: %q, %v", got.events, err)
	}
}

// A program that loops, explodes or fails costs its own stream an error a record. Another
// stream of its topic has all events, and other topics don't wait.
func TestAProgramThatFailsCostsItsOwnStreamAnError(t *testing.T) {
	t.Parallel()
	const n = 50
	programs := map[string]string{
		"loops":    `def f: f; f`,
		"counts":   `[range(1e12)]`,
		"explodes": `reduce range(100) as $i ("x"; . + .)`,
		"grows":    `reduce range(40) as $i ("x"; [., .]) | if . == 1 then . else error(.) end`,
		"fails":    `.nothing | error`,
		"types":    `.a - 1`,
		"many":     `.a, .a`,
	}
	f := newFake(t)
	f.create("orders", 1)
	var streams []StreamConfig
	for _, name := range slices.Sorted(maps.Keys(programs)) {
		f.create(name, 1)
		var recs []*kgo.Record
		records := 5 * n
		if name == "loops" {
			records = 40 * n // they outlast the orders, however busy the machine is
		}
		for range records {
			recs = append(recs, recordOf(name, 0, "alice", `{"a":"x"}`))
		}
		f.produce(recs...)
		streams = append(streams, shapedOrders(name, name, record.Rules{Transform: programs[name]}), shapedOrders(name+"-filter", name, record.Rules{Filter: programs[name]}))
	}
	twin, plain := len(streams), len(streams)+1
	streams = append(streams, shapedOrders("twin", "fails", record.Rules{Keep: []string{"a"}}), shapedOrders("orders", "orders", record.Rules{}))
	sink := newRecorder(t, len(streams))
	r := follow(t, f.config(), streams, sink, quiet)
	sink.wait(0, "the first error", func(s *recorded) bool { return len(s.refused) > 0 })
	for i := range n {
		f.produce(recordOf("orders", 0, "alice", fmt.Sprint(i)))
	}
	sink.waitEvents(plain, n)
	status := r.Status()
	if loops := status[slices.IndexFunc(status, func(s Status) bool { return s.Stream == "loops" })]; loops.Records == 40*n {
		t.Error("the loops were over before the orders came: nothing was shown")
	}
	sink.waitEvents(twin, 5*n)
	for i := range twin {
		sink.wait(i, "an error", func(s *recorded) bool { return len(s.refused) > 0 })
	}
	for _, s := range r.Status() {
		switch {
		case s.Stream == "orders" || s.Stream == "twin":
			if s.Events != s.Records || s.Refused[record.ShapeError] != 0 {
				t.Errorf("%s: %+v", s.Stream, s)
			}
		case s.Refused[record.ShapeError] != s.Records || s.Records == 0 || s.Events != 0 || len(s.Held) > 0 || !s.StaleSince.IsZero():
			t.Errorf("%s: %+v", s.Stream, s)
		}
	}
}

// A partition whose queue is full isn't fetched, and goes on where it was.
func TestMoreThanTheQueueHolds(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.create("orders", 1)
	pad := strings.Repeat("x", 100_000)
	for i := range 150 { // 15 MB
		f.produce(recordOf("orders", 0, "alice", fmt.Sprintf(`{"n":%d,"pad":%q}`, i, pad)))
	}
	sink := newRecorder(t, 1)
	follow(t, f.config(), []StreamConfig{shapedOrders("orders", "orders", record.Rules{Keep: []string{"n"}})}, sink, quiet)
	sink.waitEvents(0, 150)
	sink.look(0, func(s *recorded) {
		for i, e := range s.events {
			if e != fmt.Sprintf(`0@%d [alice] {"n":%d}`, i, i) {
				t.Errorf("%s", e)
			}
		}
	})
}

// BenchmarkIngestShaped is BenchmarkIngest for records that are shaped: what a reader's
// own goroutine does with each, from the queue to the hub.
func BenchmarkIngestShaped(b *testing.B) {
	value := []byte(`{"id":"o-1","customer":{"id":"user-4711","mail":"a@x"},"status":"paid","total":12.50,"pad":"` + strings.Repeat("x", 210) + `"}`)
	for _, bb := range []struct {
		name  string
		rules record.Rules
	}{
		{"drop", record.Rules{User: "key", Drop: []string{"customer.mail"}}},
		{"filter", record.Rules{User: "key", Filter: `.status != "draft"`}},
		{"transform", record.Rules{User: "key", Transform: `{id, status, total}`}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			hub := stream.NewHub(stream.Config{Streams: []stream.Spec{{Name: "orders", Replay: time.Hour, ReplayBytes: 64 << 20}}})
			defer hub.Close()
			r, err := NewReader(Config{Brokers: []string{"localhost:9092"}}, []StreamConfig{shapedOrders("orders", "orders", bb.rules)}, hub, quiet)
			if err != nil {
				b.Fatal(err)
			}
			hub.Begin(0, "e", []int64{0})
			t := r.topics["orders"]
			t.begun, t.next, t.base = true, []int64{0}, []int64{0}
			b.SetBytes(int64(len(value)))
			b.ReportAllocs()
			next := int64(0)
			for n := 0; n < b.N; n += shapeRun {
				records := make([]*kgo.Record, shapeRun)
				for i := range records {
					records[i] = &kgo.Record{Topic: "orders", Key: fmt.Appendf(nil, "user-%d", i*7919%100_000), Value: value, Timestamp: time.UnixMilli(1), Offset: next}
					next++
				}
				r.mu.Lock()
				r.toShape(t, 0, shapeFetched{records: records})
				r.mu.Unlock()
				for {
					p, q, some, _ := r.nextToShape(t)
					if len(some) == 0 {
						break
					}
					ready, done, hold := prepare(t.views, some)
					r.handOn(t, t.views, p, q, some[:done], ready, hold)
				}
			}
		})
	}
}
