package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"testing"
	"time"

	"sluice/server/auth"
	"sluice/server/operators"
	"sluice/server/response"
	"sluice/server/status"
	"sluice/stream"
)

// operate asks an admin route and reads the JSON answer, if it is the status wanted.
func (f *fixture) operate(method, path string, status int, into any) {
	f.t.Helper()
	w := httptest.NewRecorder()
	f.Admin().ServeHTTP(w, httptest.NewRequest(method, path, nil))
	if w.Code != status {
		f.t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	if into != nil {
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
			f.t.Fatalf("%s %s: %v in %s", method, path, err, w.Body)
		}
	}
}

// scraped is /metrics as a map: name and labels, value.
func (f *fixture) scraped() map[string]float64 {
	f.t.Helper()
	w := httptest.NewRecorder()
	f.Admin().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	values := make(map[string]float64)
	for _, m := range regexp.MustCompile(`(?m)^([a-z_]+(?:\{[^}]*\})?) (\S+)$`).FindAllStringSubmatch(w.Body.String(), -1) {
		v, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			f.t.Fatal(err)
		}
		values[m[1]] = v
	}
	return values
}

func TestLiveSaysWhatMetricsSays(t *testing.T) {
	stale := time.Now().Add(-10 * time.Second)
	f := begin(t, func(c *Config) {
		c.Version = "v1.2.3"
		c.Access = map[string][]string{"news": {"staff"}}
		c.Auth = staffWho{}
		c.Source = statuses{
			{Name: "orders", Topic: "order-topic", Warm: true, Fetching: true, Behind: 8, LSOLag: 3, Jumps: map[string]uint64{"truncated": 1, "retention": 0}, Records: 30, Events: 28, Refused: map[string]uint64{"no_user": 2, "bad_json": 0},
				Answered: stale, Partitions: []status.Partition{{Next: 30, End: 38}, {Next: 4, End: -1}, {Next: 9, End: 7}}},
			{Name: "news", Topic: "news-topic", Behind: -1, LSOLag: -1, StaleSince: stale, Waiting: "Kafka does not answer"},
		}
	})
	s := f.get("/events?user=alice&stream=orders")
	s.want("sluice.hello", "*")
	two := f.get("/events?user=alice&stream=orders,news&lastEventId=forged&role=staff")
	two.want("sluice.reset", "*")
	two.want("sluice.hello", "*")
	f.get("/events").body()
	f.order("alice", "1")
	s.want("message", "1")
	two.want("message", "1")
	f.publish(news, stream.Event{Data: []byte("2"), Timestamp: 1_700_000_000_000})
	two.want("message", "2")
	eventually(t, "counted", func() bool { return f.metric("sluice_events_written_total") == 3 })

	var l operators.Live
	f.operate(http.MethodGet, "/live", http.StatusOK, &l)
	m := f.scraped()
	same := func(what string, got float64, metric string) {
		t.Helper()
		want, there := m[metric]
		if !there || got != want {
			t.Errorf("%s is %v, %s is %v (%v)", what, got, metric, want, there)
		}
	}
	g := l.Gateway
	same("connections", float64(g.Connections), "sluice_connections")
	same("polls", float64(g.Polls), "sluice_polls")
	same("written events", float64(l.Written.Events), "sluice_events_written_total")
	same("written bytes", float64(l.Written.Bytes), "sluice_written_bytes_total")
	same("holder wakes", float64(g.HolderWakes), "sluice_holder_wakes_total")
	same("max descriptors", float64(g.MaxDescriptors), "process_max_fds")
	for name, by := range map[string]struct {
		label  string
		values map[string]uint64
	}{
		"sluice_connections_by_carrier": {"carrier", g.Carriers}, "sluice_streams_opened_total": {"outcome", l.Opened}, "sluice_streams_closed_total": {"reason", l.Closed},
		"sluice_unavailable_total": {"reason", l.Unavailable}, "sluice_auth_failures_total": {"reason", l.Refused},
	} {
		if len(by.values) == 0 {
			t.Errorf("nothing of %s", name)
		}
		for value, n := range by.values {
			same(name, float64(n), fmt.Sprintf("%s{%s=%q}", name, by.label, value))
		}
	}
	if g.Connections != 2 || g.CPU > m["process_cpu_seconds_total"] || g.RSS == 0 || g.Heap == 0 || g.Goroutines == 0 || g.Descriptors == 0 || g.Cores == 0 || g.Version != "v1.2.3" || g.Ready || g.Draining {
		t.Errorf("the gateway is %+v", g)
	}
	if l.Resets["invalid"] != 1 || l.Refused["missing"] != 1 || l.Kafka.Answers || !l.Kafka.StaleSince.Equal(*response.UTC(stale)) {
		t.Errorf("resets %v, refused %v, kafka %+v", l.Resets, l.Refused, l.Kafka)
	}
	if l.Time.Before(g.Started) || g.Uptime <= 0 || time.Since(l.Time) > time.Hour {
		t.Errorf("time %v, started %v, up %v", l.Time, g.Started, g.Uptime)
	}

	if len(l.Streams) != 2 {
		t.Fatalf("%d streams", len(l.Streams))
	}
	for _, s := range l.Streams {
		of := fmt.Sprintf("{stream=%q}", s.Name)
		for metric, got := range map[string]float64{
			"sluice_records_total": float64(s.Records), "sluice_events_total": float64(s.Events), "sluice_stream_deliveries_total": float64(s.Deliveries),
			"sluice_stream_subscribers": float64(s.Subscribers), "sluice_log_entries": float64(s.Log.Entries), "sluice_log_bytes": float64(s.Log.Bytes),
			"sluice_state_subjects": float64(s.State.Subjects), "sluice_state_bytes": float64(s.State.Bytes), "sluice_stream_warm": oneIf(s.Warm), "sluice_stream_fetching": oneIf(s.Fetching), "sluice_stream_stale": oneIf(s.StaleSince != nil),
		} {
			same(s.Name, got, metric+of)
		}
		for reason, n := range s.Poison {
			same(s.Name, float64(n), fmt.Sprintf("sluice_records_refused_total{reason=%q,stream=%q}", reason, s.Name))
		}
		for reason, n := range s.Jumps {
			same(s.Name, float64(n), fmt.Sprintf("sluice_reader_jumps_total{reason=%q,stream=%q}", reason, s.Name))
		}
		if lag, known := m["sluice_stream_lso_lag_records"+of]; known != (s.LSOLag != nil) || known && float64(*s.LSOLag) != lag {
			t.Errorf("%s: LSO lag %v, the metric %v", s.Name, s.LSOLag, lag)
		}
		if lag, known := m["sluice_stream_lag_records"+of]; known != (s.Lag != nil) || known && float64(*s.Lag) != lag {
			t.Errorf("%s: lag %v, the metric %v", s.Name, s.Lag, lag)
		}
	}
	o, n := l.Streams[0], l.Streams[1]
	if o.Deliveries != 2 || o.Subscribers != 2 || n.Deliveries != 1 || n.Subscribers != 1 {
		t.Errorf("orders %+v, news %+v", o, n)
	}
	if p := o.Partitions; len(p) != 3 || p[0].Next != 30 || *p[0].End != 38 || *p[0].Lag != 8 || p[1].Next != 4 || p[1].End != nil || p[1].Lag != nil || p[2].Next != 9 || *p[2].End != 9 || *p[2].Lag != 0 {
		t.Errorf("partitions %+v", p)
	}
	if !o.KafkaAnswered.Equal(*response.UTC(stale)) || n.KafkaAnswered != nil || n.Waiting == "" || n.Audience != "everyone" || len(n.Access) != 1 {
		t.Errorf("orders %+v, news %+v", o, n)
	}
	if n.NewestEvent.UnixMilli() != 1_700_000_000_000 || time.Since(*n.Log.Newest) > time.Minute || n.Log.Oldest.After(*n.Log.Newest) {
		t.Errorf("the newest event of news is of %v, read %v", n.NewestEvent, n.Log.Newest)
	}

	var narrow operators.Live
	f.operate(http.MethodGet, "/live?stream=news", http.StatusOK, &narrow)
	if len(narrow.Streams) != 1 || narrow.Streams[0].Name != "news" || narrow.Kafka.Answers {
		t.Errorf("narrowed: %+v", narrow)
	}
	f.operate(http.MethodGet, "/live?stream=new", http.StatusNotFound, nil)
}

// BenchmarkLive is what one look at a gateway costs with 5,000 connections to it.
func BenchmarkLive(b *testing.B) {
	f := newFixture(b, nil)
	f.warm()
	for i := range 5000 {
		if _, _, err := f.hub.Open(b.Context(), stream.Request{Streams: []int{orders, news}, User: "user-" + strconv.Itoa(i)}); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if w := inquire(f.Admin(), "/live"); w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}

// staffWho believes ?user= as auth.None does, and gives those named in ?role= that role.
type staffWho struct{ auth.None }

func (s staffWho) Authenticate(r *http.Request) (auth.Principal, error) {
	p, err := s.None.Authenticate(r)
	p.Roles = r.URL.Query()["role"]
	return p, err
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
