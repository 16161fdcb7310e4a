package gateway

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/cmd/internal/config"
	"sluice/stream"
	"sluice/stream/cursor"
)

// wideShop has a second stream, of a topic of so many partitions.
func wideShop(t *testing.T, partitions int32) (*kfake.Cluster, *config.Config) {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "order-topic"), kfake.SeedTopics(partitions, "clicks"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, configured(t, c, `streams: {orders: {topic: order-topic, user: key}, clicks: {topic: clicks, user: key}}
auth: none
`)
}

// A stream that no id has room for is not served, and that is said where an operator
// looks. The others are.
func TestATooWideStreamCostsOnlyItself(t *testing.T) {
	t.Parallel()
	c, conf := wideShop(t, 1200)
	log := &syncBuffer{}
	g := startLogging(t, conf, log)
	r, _ := open(t, http.DefaultClient, "http://"+g.Addr().String()+"/events?user=alice")
	produce(t, c, "alice", "hers")
	if e := next(t, r); e.Data != "hers" || !strings.HasPrefix(e.ID, "orders@") || strings.Contains(e.ID, "clicks") {
		t.Errorf("%+v", e)
	}
	for query, want := range map[string]int{"stream=orders": 200, "stream=clicks": 503, "stream=clicks,orders": 503} {
		resp, err := http.Get("http://" + g.Addr().String() + "/events?user=alice&" + query)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", query, resp.StatusCode, want)
		}
	}
	const why = "its 1200 partitions don't fit into event ids"
	for _, path := range []string{"/readyz", "/live"} {
		if status, body := get(t, "http://"+g.AdminAddr().String()+path); status != 200 || !strings.Contains(body, why) {
			t.Errorf("%s: %d, %s", path, status, body)
		}
	}
	if !strings.Contains(log.String(), `"level":"error","stream":"clicks","why":"`+why) {
		t.Errorf("log: %s", log)
	}
	_, metrics := get(t, "http://"+g.AdminAddr().String()+"/metrics")
	for _, want := range []string{
		fmt.Sprintf("sluice_id_length_chars %d\n", cursor.Plain.MaxLen(map[string]cursor.Width{"orders": {Partitions: 1}})),
		fmt.Sprintf("sluice_id_length_max_chars %d\n", cursor.MaxID), "sluice_streams_too_wide 1\n",
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
}

// A gateway that can serve nothing is not ready.
func TestAGatewayOfTooWideStreamsIsNotReady(t *testing.T) {
	c := cluster(t, 1200)
	log := &syncBuffer{}
	g, err := New(Options{Config: shop(t, c, ""), Log: zerolog.New(log)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	stop, cancel := context.WithCancel(t.Context())
	go func() { done <- g.Run(stop, context.Background()) }()
	for !strings.Contains(log.String(), "the stream is not served") {
		select {
		case err := <-done:
			t.Fatalf("it ended: %v", err)
		default:
		}
	}
	if status, body := get(t, "http://"+g.AdminAddr().String()+"/readyz"); status != 503 || !strings.Contains(body, "its 1200 partitions") {
		t.Errorf("%d %s", status, body)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A topic that outgrows an id's room while it is read is no longer served. Its readers
// are told, keep the rest, and no id was ever too long. So it is after a restart, too.
func TestATopicThatOutgrowsItsRoomCostsOnlyItself(t *testing.T) {
	t.Parallel()
	c, conf := wideShop(t, 100)
	g := start(t, conf)
	at := "http://" + g.Addr().String() + "/events?user=alice"
	both, _ := open(t, http.DefaultClient, at)
	one, _ := open(t, http.DefaultClient, at+"&stream=orders")
	produce(t, c, "alice", "before")
	last := next(t, both)
	if !strings.Contains(last.ID, "~clicks@") && !strings.Contains(last.ID, "clicks@") || next(t, one).Data != "before" {
		t.Fatalf("%+v", last)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).CreatePartitions(t.Context(), 1100, "clicks"); err != nil {
		t.Fatal(err)
	}
	for {
		e, err := both.Next()
		if err != nil {
			t.Fatal(err)
		}
		if len(e.ID) > cursor.MaxID {
			t.Fatalf("an id of %d characters", len(e.ID))
		}
		if e.Name == "sluice.closing" {
			if !strings.Contains(e.Data, `"reason":"withdrawn"`) {
				t.Errorf("it ends with %+v", e)
			}
			break
		}
	}
	produce(t, c, "alice", "after")
	if e := next(t, one); e.Data != "after" {
		t.Errorf("who doesn't read it gets %+v", e)
	}
	back := func(g *Gateway) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+g.Addr().String()+"/events?user=alice", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Last-Event-ID", last.ID)
		resp, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var text strings.Builder
		buf := make([]byte, 1<<10)
		for !strings.Contains(text.String(), "data: after\n") {
			n, err := resp.Body.Read(buf)
			text.Write(buf[:n])
			if err != nil {
				t.Fatalf("%v after %s", err, &text)
			}
		}
		if s := text.String(); !strings.Contains(s, `"resume":"resumed"`) || !strings.Contains(s, `"streams":["orders"]`) {
			t.Errorf("who comes back gets %s", s)
		}
	}
	back(g)
	back(start(t, conf))
}

// The decision is the same on all gateways, in whatever order topics are found; what
// grows while it runs goes itself.
func TestRoomIsGivenFromTheNarrowestOn(t *testing.T) {
	specs := []stream.Spec{{Name: "a"}, {Name: "b"}, {Name: "c"}, {Name: "d"}}
	fresh := func() *idLimiter {
		h := stream.NewHub(stream.Config{Streams: specs})
		t.Cleanup(h.Close)
		return newIDLimiter(h, cursor.Plain, slog.New(slog.NewTextHandler(io.Discard, nil)))
	}
	refused := func(w *idLimiter) []string {
		names := slices.Sorted(maps.Keys(w.refused))
		for i, spec := range specs {
			if out := slices.Contains(names, spec.Name); out != w.IsWithdrawn(i) || out != (w.why(spec.Name) != "") {
				t.Errorf("%s is refused: %v, withdrawn: %v", spec.Name, out, w.IsWithdrawn(i))
			}
		}
		return names
	}
	begin := func(w *idLimiter, order []int, partitions ...int) {
		for _, i := range order {
			w.Begin(i, "e", make([]int64, partitions[i]))
		}
	}
	for _, order := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}} {
		for want, partitions := range map[string][]int{
			"":      {400, 400, 10, 10},
			"a":     {2000, 3, 3, 3},
			"c":     {10, 400, 500, 400},
			"a b":   {900, 900, 10, 500},
			"b c d": {500, 500, 500, 500},
		} {
			w := fresh()
			begin(w, order, partitions...)
			if got := strings.Join(refused(w), " "); got != want {
				t.Errorf("%v found as %v: refused %s, want %s", partitions, order, got, want)
			}
			if w.length > cursor.MaxID || want == "" && w.length < cursor.MaxID/2 {
				t.Errorf("%v: the length is %d", partitions, w.length)
			}
		}
	}
	w := fresh()
	begin(w, []int{0, 1, 2, 3}, 10, 600, 10, 10)
	w.AddPartitions(2, make([]int64, 390)) // narrower than b, and yet the one that grew
	if got := refused(w); !slices.Equal(got, []string{"c"}) {
		t.Errorf("after growth refused %v", got)
	}
	w.AddPartitions(0, make([]int64, 5)) // has room
	if got := refused(w); !slices.Equal(got, []string{"c"}) {
		t.Errorf("after more growth refused %v", got)
	}
	w.Begin(2, "f", make([]int64, 10)) // made anew
	if got := refused(w); len(got) != 0 {
		t.Errorf("after it was made anew refused %v", got)
	}
}
