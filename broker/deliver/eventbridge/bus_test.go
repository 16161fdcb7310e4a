package eventbridge_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker"
	"sluice/broker/deliver"
	"sluice/broker/deliver/cloudtest"
	"sluice/broker/deliver/eventbridge"
	"sluice/broker/kafkatest"
)

// gatekeeper stands before moto and makes what moto doesn't: entries are throttled or
// fail, and whole requests do. It holds the batches against what is promised.
type gatekeeper struct {
	t     *testing.T
	moto  string // its URL
	proxy *httputil.ReverseProxy

	mu       sync.Mutex
	requests int
	sizes    map[int]int    // batches by their number of entries
	taken    map[string]int // how often moto took each record, by its id
	failed   map[string]int // how often each was throttled or failed
	newest   map[string]int // by key, the newest that moto took
}

type entry struct {
	Detail    string
	Resources []string
}

// ServeHTTP implements http.Handler.
func (g *gatekeeper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var all struct{ Entries []json.RawMessage }
	if err != nil || json.Unmarshal(body, &all) != nil || r.Header.Get("X-Amz-Target") != "AWSEvents.PutEvents" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if !strings.Contains(r.Header.Get("Authorization"), "/"+cloudtest.Region+"/events/aws4_request") {
		g.t.Errorf("it is signed %q", r.Header.Get("Authorization"))
	}
	through, answer, whole := g.judge(all.Entries)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if whole {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, `{"__type":"InternalFailure"}`)
		return
	}
	if len(through) > 0 {
		g.ask(r, through, answer)
	}
	failed := 0
	for _, a := range answer {
		if a["ErrorCode"] != nil {
			failed++
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"FailedEntryCount": failed, "Entries": answer})
}

// judge chooses which entries go through, and answers the others. Each record is
// throttled or fails at its first attempt, one in four.
func (g *gatekeeper) judge(entries []json.RawMessage) (through []json.RawMessage, answer []map[string]any, whole bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.requests++
	g.sizes[len(entries)]++
	if whole = g.requests == 3; whole {
		return nil, nil, true
	}
	for i, raw := range entries {
		var e entry
		_ = json.Unmarshal(raw, &e)
		id := e.Resources[0]
		if g.taken[id] > 0 {
			g.t.Errorf("%s is sent again, and was taken", id)
		}
		var n, partition, offset int
		_, _ = fmt.Sscanf(id, "orders/%d/%d", &partition, &offset)
		n = offset
		answer = append(answer, map[string]any{})
		if n%4 == 1 && g.failed[id] == 0 {
			g.failed[id]++
			answer[i]["ErrorCode"] = []string{"ThrottlingException", "InternalFailure"}[n/4%2]
			continue
		}
		through = append(through, raw)
	}
	return through, answer, false
}

// ask has moto take what goes through, and fills in its answers.
func (g *gatekeeper) ask(r *http.Request, through []json.RawMessage, answer []map[string]any) {
	body, _ := json.Marshal(map[string]any{"Entries": through})
	asked := r.Clone(r.Context())
	asked.Body, asked.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	rec := httptest.NewRecorder()
	g.proxy.ServeHTTP(rec, asked)
	var said struct{ Entries []map[string]any }
	if err := json.Unmarshal(rec.Body.Bytes(), &said); err != nil || len(said.Entries) != len(through) {
		g.t.Errorf("moto says %d %s", rec.Code, rec.Body)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, n := 0, 0; i < len(answer); i++ {
		if answer[i]["ErrorCode"] != nil {
			continue
		}
		answer[i] = said.Entries[n]
		g.note(through[n], answer[i])
		n++
	}
}

func (g *gatekeeper) note(raw json.RawMessage, answer map[string]any) {
	var e entry
	var d struct {
		Key string
		N   int
	}
	if answer["ErrorCode"] != nil || json.Unmarshal(raw, &e) != nil || json.Unmarshal([]byte(e.Detail), &d) != nil {
		return
	}
	g.taken[e.Resources[0]]++
	if d.N <= g.newest[d.Key] {
		g.t.Errorf("record %d of key %s came after %d", d.N, d.Key, g.newest[d.Key])
	}
	g.newest[d.Key] = d.N
}

// Every record arrives on the bus, in batches of ten and in the order of its key. What is
// throttled or fails is sent again, and nothing else is. What is malformed or too large
// is in the dead letters.
func TestRecordsArriveOnTheBus(t *testing.T) {
	cloudtest.Credentials(t)
	moto := cloudtest.Moto(t)
	cloudtest.Python(t, nil, "testdata/bus.py", moto, "make")
	to, err := url.Parse(moto)
	if err != nil {
		t.Fatal(err)
	}
	g := &gatekeeper{
		t: t, moto: moto, proxy: httputil.NewSingleHostReverseProxy(to),
		sizes: make(map[int]int), taken: make(map[string]int), failed: make(map[string]int), newest: make(map[string]int),
	}
	door := httptest.NewServer(g)
	t.Cleanup(door.Close)
	kafka := kafkatest.Shared(t)
	kafka.CreateTopic(t, "orders", 1)
	kafka.CreateTopic(t, "orders.dead", 1)
	const keys, each = 40, 5
	wrong := produce(t, kafka.Client(t), keys, each)

	target, err := eventbridge.New(eventbridge.Config{Bus: "shop", Region: cloudtest.Region, Source: "shop.orders", Endpoint: door.URL, MaxEntryBytes: 256 << 10, Concurrency: 4})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	d, err := deliver.New(broker.Config{Brokers: kafka.Brokers()}, deliver.Config{
		Name: "bus", Source: deliver.Source{Topic: "orders"}, From: deliver.Start{Earliest: true}, Target: target, Window: deliver.Window{Records: 1000, Bytes: 16 << 20},
		Concurrency: 4, DeadLetter: "orders.dead", Retry: deliver.Retry{Min: 10 * time.Millisecond, Max: 50 * time.Millisecond, Attempts: 10, MaxAge: time.Hour},
	}, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); d.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done; d.Close() })
	tick, late := time.NewTicker(100*time.Millisecond), time.After(2*time.Minute)
	defer tick.Stop()
	for s := d.Status(); s.Delivered < keys*each || s.Dead["malformed_detail"]+s.Dead["too_large"] < uint64(len(wrong)); s = d.Status() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%+v", s)
		}
	}
	cancel()
	<-done
	judge(t, g, d.Status(), keys*each)
	letters := make(map[string]string)
	if err := d.Letters(t.Context(), deliver.Selection{}, func(l deliver.Letter) error { letters[string(l.Record.Key)] = l.Cause; return nil }); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(letters, wrong) {
		t.Errorf("the dead letters are %v, want %v", letters, wrong)
	}
	if strings.Contains(log.String(), "hush") {
		t.Errorf("the log has a secret: %s", &log)
	}
}

// produce writes records of keys, between them some that can't be events. It returns
// those, with the cause of each.
func produce(t *testing.T, client *kgo.Client, keys, each int) (wrong map[string]string) {
	t.Helper()
	var records []*kgo.Record
	for n := 1; n <= each; n++ {
		for k := range keys {
			value := fmt.Sprintf(`{"key":"k%d","n":%d}`, k, n)
			records = append(records, &kgo.Record{Topic: "orders", Key: fmt.Append(nil, "k", k), Value: []byte(value)})
		}
	}
	for key, value := range map[string]string{"text": "hello", "bytes": "{\"a\":\"\xff\"}", "large": `{"a":"` + strings.Repeat("x", 256<<10) + `"}`} {
		records = slices.Insert(records, 20, &kgo.Record{Topic: "orders", Key: []byte(key), Value: []byte(value)})
	}
	if err := client.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	return map[string]string{"text": "malformed_detail", "bytes": "malformed_detail", "large": "too_large"}
}

// judge looks at what came through, and at what the bus has.
func judge(t *testing.T, g *gatekeeper, s deliver.Status, want int) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	var arrived []struct {
		Source     string
		DetailType string `json:"detail-type"`
		Resources  []string
		Detail     struct {
			Key string
			N   int
		}
	}
	if err := json.Unmarshal(cloudtest.Python(t, nil, "testdata/bus.py", g.moto, "take"), &arrived); err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for _, e := range arrived {
		seen[fmt.Sprint(e.Detail)] = true
		if e.Source != "shop.orders" || e.DetailType != "orders" || len(e.Resources) != 1 || g.taken[e.Resources[0]] != 1 {
			t.Errorf("%+v", e)
		}
	}
	if len(arrived) != want || len(seen) != want {
		t.Errorf("%d events arrived, %d different ones, want %d", len(arrived), len(seen), want)
	}
	most := slices.Max(slices.Collect(maps.Keys(g.sizes)))
	if most != 10 || g.sizes[10] < 10 {
		t.Errorf("batches by size: %v", g.sizes)
	}
	if len(g.failed) < 20 || s.Attempts["throttled"] == 0 || s.Attempts["internal_failure"] < 10 {
		t.Errorf("%d were throttled, and the delivery counts %v", len(g.failed), s.Attempts)
	}
	t.Logf("%d requests, batches by size %v, failed attempts %v", g.requests, g.sizes, s.Attempts)
}
