package demo

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/kafkatest"
	"sluice/server/leaktest"
	"sluice/stream/ssetest"
)

// TestMain fails the run when anything of ours, or of the embedded Kafka, is left behind.
func TestMain(m *testing.M) {
	kafkatest.AtOnce("4", "4")
	leaktest.Exit(m.Run(), "/kfake.", "/kgo.")
}

// running is a demo under test.
type running struct {
	url, kafka string
	stop       func() (status int) // Ctrl-C
}

// start runs the command until it says where it is.
func start(t *testing.T, args ...string) running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, stdout := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- Run(ctx, append([]string{"--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}, args...), stdout, os.Stderr)
		stdout.Close()
	}()
	var r running
	for lines := bufio.NewScanner(out); r.kafka == "" && lines.Scan(); {
		switch words := strings.Fields(lines.Text()); {
		case len(words) == 2 && words[0] == "page":
			r.url = strings.TrimSuffix(words[1], "/")
		case len(words) == 2 && words[0] == "listens":
			r.url = "http://" + words[1]
		case len(words) > 1 && words[0] == "Kafka":
			r.kafka = strings.TrimSuffix(words[1], ",")
		}
	}
	drained := make(chan struct{})
	go func() { io.Copy(io.Discard, out); close(drained) }()
	r.stop = func() int {
		cancel()
		<-drained
		status := <-ended
		ended <- status
		return status
	}
	t.Cleanup(func() { r.stop() })
	if r.url == "" || r.kafka == "" {
		t.Fatalf("it said neither where the page nor where Kafka is; status %d", r.stop())
	}
	return r
}

// get asks for a path of the demo.
func (r running) get(t *testing.T, path string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", r.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// What the shops write comes out at the user's stream, placed before confirmed; so does
// what another producer writes; and Ctrl-C ends all of it, with the stream still open.
func TestDemo(t *testing.T) {
	t.Parallel()
	demo := start(t, "--rate", "20")
	resp := demo.get(t, "/events?user=alice&from=earliest")
	events := ssetest.NewReader(resp.Body)
	producer, err := kgo.NewClient(kgo.SeedBrokers(demo.kafka))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	record := &kgo.Record{Topic: orderTopic, Key: []byte("alice"), Value: []byte(`{"orderId":"mine","type":"order.mine"}`)}
	if err := producer.ProduceSync(t.Context(), record).FirstErr(); err != nil {
		t.Fatal(err)
	}

	placed := map[string]bool{}
	for confirmed, mine := 0, false; confirmed < 3 || !mine; {
		e, err := events.Next()
		if err != nil {
			t.Fatal(err)
		}
		id, _, _ := strings.Cut(strings.TrimPrefix(e.Data, `{"orderId":"`), `"`)
		switch e.Name {
		case "order.placed":
			placed[id] = true
		case "order.confirmed":
			if !placed[id] {
				t.Fatalf("%s before it was placed", e.Data)
			}
			confirmed++
		case "order.mine":
			mine = true
			continue
		default:
			continue
		}
		if !strings.Contains(e.Data, `"customer":"alice"`) {
			t.Errorf("alice got %s", e.Data)
		}
	}

	if status := demo.stop(); status != 0 {
		t.Errorf("status %d after Ctrl-C; want 0", status)
	}
	for {
		e, err := events.Next()
		if err != nil {
			t.Fatalf("the stream ended with %v and without sluice.closing", err)
		}
		if e.Name == "sluice.closing" {
			break
		}
	}
	if c, err := net.Dial("tcp", demo.kafka); err == nil {
		c.Close()
		t.Error("Kafka still listens")
	}
}

// With a configuration of one's own it is that gateway, its topics are there, and nobody
// writes to them but oneself.
func TestDemoOfAConfiguration(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shop.yaml")
	text := "kafka: {brokers: [unused.example:9092]}\nstreams: {mine: {topic: my-topic, user: key}}\nauth: none\nlog: {level: warn}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	demo := start(t, "-c", path)
	resp := demo.get(t, "/events?user=alice&from=earliest")
	events := ssetest.NewReader(resp.Body)
	producer, err := kgo.NewClient(kgo.SeedBrokers(demo.kafka))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	if err := producer.ProduceSync(t.Context(), &kgo.Record{Topic: "my-topic", Key: []byte("alice"), Value: []byte("hers")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	for {
		e, err := events.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(e.Name, "sluice.") {
			if e.Data != "hers" {
				t.Errorf("%+v", e)
			}
			break
		}
	}
	if resp := demo.get(t, "/app.js"); resp.StatusCode != 404 {
		t.Errorf("/app.js: %s; the demo's page is not this configuration's", resp.Status)
	}
	if status := demo.stop(); status != 0 {
		t.Errorf("status %d after Ctrl-C; want 0", status)
	}
}

func TestPage(t *testing.T) {
	t.Parallel()
	demo := start(t)
	for path, kind := range map[string]string{
		"/": "text/html", "/app.js": "text/javascript", "/follow.js": "text/javascript", "/style.css": "text/css", "/icon.svg": "image/svg+xml",
	} {
		resp := demo.get(t, path)
		h := resp.Header
		if resp.StatusCode != 200 || !strings.HasPrefix(h.Get("Content-Type"), kind) {
			t.Errorf("%s: %s, %s", path, resp.Status, h.Get("Content-Type"))
		}
		if !strings.HasPrefix(h.Get("Content-Security-Policy"), "default-src 'self';") || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", path, h)
		}
	}
	if resp := demo.get(t, "/nothing"); resp.StatusCode != 404 {
		t.Errorf("/nothing: %s", resp.Status)
	}
}

// The page links to the console of the gateway that has its stream.
func TestEachGatewayHasItsConsole(t *testing.T) {
	t.Parallel()
	demo := start(t)
	leadsTo := func(number string) string {
		at := demo.get(t, "/operator?gateway="+number).Request.URL
		if at.Path != "/console/" {
			t.Fatalf("%q leads to %s", number, at)
		}
		return at.Host
	}
	first := leadsTo("1")
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	late := time.After(time.Minute)
	for leadsTo("2") == first { // until the second has begun
		select {
		case <-again.C:
		case <-late:
			t.Fatal("the second has no console")
		}
	}
	for _, number := range []string{"", "0", "3", "x"} {
		if at := leadsTo(number); at != first {
			t.Errorf("%q leads to %s, want %s", number, at, first)
		}
	}
}

// A port that is taken is named, with the flag that chooses another.
func TestTakenPortNamesTheFlag(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	free := map[string]string{"--listen": "127.0.0.1:0", "--admin": "127.0.0.1:0", "--kafka": "127.0.0.1:0"}
	for flag := range free {
		args := []string{flag, taken.Addr().String()}
		for other, address := range free {
			if other != flag {
				args = append(args, other, address)
			}
		}
		var stderr strings.Builder
		if status := Run(t.Context(), args, io.Discard, &stderr); status != 1 || !strings.Contains(stderr.String(), flag) {
			t.Errorf("%s: status %d, stderr %q; want 1 and the flag", flag, status, &stderr)
		}
	}
}

func TestBadEnvironmentIsStatus2(t *testing.T) {
	t.Setenv("SLUICE_HEARTBEAT", "soon")
	var stderr strings.Builder
	if status := Run(t.Context(), nil, io.Discard, &stderr); status != 2 || !strings.Contains(stderr.String(), "SLUICE_HEARTBEAT") {
		t.Errorf("status %d, stderr %q", status, &stderr)
	}
}
