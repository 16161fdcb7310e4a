package delivering

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/cmd/internal/config"
	"sluice/server/status"
)

// shop is a Kafka, a target, and a configuration that delivers from one to the other.
type shop struct {
	t      *testing.T
	client *kgo.Client
	file   string

	mu     sync.Mutex
	status int // that the target answers
	got    []string
}

func newShop(t *testing.T) *shop {
	cluster := kfake.MustCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "order-topic"), kfake.SeedTopics(1, "order-topic.dead"))
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	s := &shop{t: t, client: client, status: 200, file: filepath.Join(t.TempDir(), "sluice.yaml")}
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.status == 200 {
			s.got = append(s.got, string(body))
		}
		w.WriteHeader(s.status)
	}))
	t.Cleanup(target.Close)
	secret := filepath.Join(filepath.Dir(s.file), "mail.secret")
	for name, text := range map[string]string{
		secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n",
		s.file: fmt.Sprintf(`kafka: {brokers: [%q]}
admin: 127.0.0.1:0
streams: {orders: {topic: order-topic, user: value:user, transform: "{n}", envelope: metadata}}
deliveries:
  order-mail:
    stream: orders
    from: earliest
    filter: .n > 0
    http: {url: %q, secret_file: mail.secret, allow_private: true}
    retry: {min: 10ms, max: 20ms, attempts: 2}
    dead_letter: order-topic.dead
`, cluster.ListenAddrs()[0], target.URL),
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *shop) produce(values ...string) {
	s.t.Helper()
	for _, v := range values {
		if err := s.client.ProduceSync(s.t.Context(), &kgo.Record{Topic: "order-topic", Key: []byte("k"), Value: []byte(v)}).FirstErr(); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *shop) answer(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}

func (s *shop) received() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.got, " ")
}

func streams(stdout, stderr io.Writer) Streams {
	return Streams{Kill: context.Background(), Stdout: stdout, Stderr: stderr, NewLog: func(_ config.Log, w io.Writer) (zerolog.Logger, error) { return zerolog.New(w), nil }}
}

// deliver runs `sluice deliver` until stop. It returns its admin address, and its log,
// which is a file, since it is read while it is written.
func (s *shop) deliver() (admin string, log func() string, stop func()) {
	s.t.Helper()
	file, err := os.Create(filepath.Join(s.t.TempDir(), "log"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = file.Close() })
	log = func() string {
		text, err := os.ReadFile(file.Name())
		if err != nil {
			s.t.Error(err)
		}
		return string(text)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan int, 1)
	go func() { done <- Run(ctx, []string{"-c", s.file}, streams(io.Discard, file)) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if status := <-done; status != 0 {
			s.t.Errorf("it ended with %d: %s", status, log())
		}
	})
	s.t.Cleanup(stop)
	address := regexp.MustCompile(`"admin":"([^"]+)"`)
	s.await("it runs", func() bool { return address.MatchString(log()) })
	return "http://" + address.FindStringSubmatch(log())[1], log, stop
}

func (s *shop) await(what string, holds func() bool) {
	s.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(time.Minute); !holds(); {
		select {
		case <-tick.C:
		case <-late:
			s.t.Fatalf("never: %s; received %s", what, s.received())
		}
	}
}

func ask(t *testing.T, method, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func delivery(t *testing.T, admin string) status.Delivery {
	t.Helper()
	var list struct{ Deliveries []status.Delivery }
	if code, body := ask(t, http.MethodGet, admin+"/deliveries"); code != 200 || json.Unmarshal([]byte(body), &list) != nil || len(list.Deliveries) != 1 {
		t.Fatalf("%d %s", code, body)
	}
	return list.Deliveries[0]
}

func (s *shop) redrive(args ...string) (int, string) {
	var out bytes.Buffer
	code := Redrive(s.t.Context(), append([]string{"-c", s.file, "order-mail"}, args...), streams(&out, &out))
	return code, out.String()
}

// The whole command: records without a user are delivered in their shape, a pause holds
// them, dead letters are listed, shown and sent again, and the group may be moved.
func TestDeliverAndRedrive(t *testing.T) {
	s := newShop(t)
	admin, log, stop := s.deliver()
	s.await("it is ready", func() bool {
		code, body := ask(t, http.MethodGet, admin+"/readyz")
		return code == http.StatusOK && strings.Contains(body, `"state":"running"`)
	})
	s.produce(`{"n":1,"secret":true}`, `{"n":0}`, `{"n":2}`)
	s.await("two are delivered", func() bool { return s.received() == `{"n":1} {"n":2}` })

	if code, _ := ask(t, http.MethodPost, admin+"/deliveries/order-mail/pause"); code != http.StatusNoContent {
		t.Fatal(code)
	}
	s.produce(`{"n":3}`)
	s.await("it is held", func() bool {
		d := delivery(t, admin)
		return d.Held == 1 && d.State == "paused" && d.OldestWaiting != nil
	})
	if got := s.received(); got != `{"n":1} {"n":2}` {
		t.Errorf("sent while paused: %s", got)
	}
	if code, _ := ask(t, http.MethodPost, admin+"/deliveries/order-mail/resume"); code != http.StatusNoContent {
		t.Fatal(code)
	}
	s.await("it goes on", func() bool { return strings.HasSuffix(s.received(), `{"n":3}`) })
	if code, body := ask(t, http.MethodPost, admin+"/deliveries/other/pause"); code != http.StatusNotFound || !strings.Contains(body, "no such delivery") {
		t.Errorf("%d %s", code, body)
	}
	for _, line := range []string{`"audit":true,"delivery":"order-mail"`, "an operator paused a delivery", "an operator resumed a delivery"} {
		if !strings.Contains(log(), line) {
			t.Errorf("the log lacks %s", line)
		}
	}

	s.answer(http.StatusBadRequest)
	s.produce(`{"n":4}`, `{"n":5}`)
	s.await("two dead letters", func() bool { return delivery(t, admin).DeadLetters["status_400"] == 2 })
	_, metrics := ask(t, http.MethodGet, admin+"/metrics")
	for _, want := range []string{
		`sluice_delivery_dead_letters_total{cause="status_400",delivery="order-mail"} 2`, `sluice_delivery_delivered_total{delivery="order-mail"} 3`,
		`sluice_delivery_dropped_total{delivery="order-mail",reason="filtered"} 1`, `sluice_delivery_state{delivery="order-mail",state="running"} 1`,
		`sluice_delivery_circuit_open{delivery="order-mail"} 0`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
	code, text := s.redrive("--list")
	first, _, _ := strings.Cut(text, " ")
	if code != 0 || strings.Count(text, "\n") != 2 || !strings.Contains(text, "status_400  key=k  order-topic/") {
		t.Errorf("%d %s", code, text)
	}
	if code, text := s.redrive("--show", first); code != 0 || !strings.Contains(text, `value: {"n":4}`) || !strings.Contains(text, "message: the target answered 400") {
		t.Errorf("%d %s", code, text)
	}
	if code, text := s.redrive("--all"); code != 1 || !strings.Contains(text, "0 sent again, 0 not wanted by the filter, 2 failed.") {
		t.Errorf("%d %s", code, text)
	}
	s.answer(http.StatusOK)
	if code, text := s.redrive("--key", "k"); code != 0 || !strings.Contains(text, "2 sent again") || !strings.HasSuffix(s.received(), `{"n":4} {"n":5}`) {
		t.Errorf("%d %s", code, text)
	}
	if code, text := s.redrive(); code != 0 || !strings.HasSuffix(text, "There are no dead letters.\n") {
		t.Errorf("%d %s", code, text)
	}

	var out bytes.Buffer
	if code := Run(t.Context(), []string{"-c", s.file, "--from", "earliest", "order-mail"}, streams(&out, &out)); code != 1 || !strings.Contains(out.String(), "stop all gateways") {
		t.Errorf("moved while it runs: %d %s", code, &out)
	}
	stop()
	out.Reset()
	if code := Run(t.Context(), []string{"-c", s.file, "--from", "earliest", "order-mail"}, streams(&out, &out)); code != 0 {
		t.Errorf("%d %s", code, &out)
	}
	before := len(s.received())
	s.deliver()
	s.await("all are delivered again", func() bool { return s.received()[before:] == ` {"n":1} {"n":2} {"n":3} {"n":4} {"n":5}` })
}

// A target that answers 410 pauses the delivery: nothing is sent and nothing is lost. It
// is logged once, and metrics tell of it. An operator has it go on, or a restart does.
func TestATargetThatIsGonePausesTheDelivery(t *testing.T) {
	s := newShop(t)
	s.answer(http.StatusGone)
	admin, log, stop := s.deliver()
	s.produce(`{"n":1}`, `{"n":2}`)
	isPaused := func() bool { return delivery(t, admin).State == "paused" }
	s.await("it is paused", isPaused)
	d := delivery(t, admin)
	if d.Why != "the target answered 410 Gone" || d.Failed["status_410"] != 1 || len(d.DeadLetters) > 0 {
		t.Errorf("%+v", d)
	}
	if _, metrics := ask(t, http.MethodGet, admin+"/metrics"); !strings.Contains(metrics, `sluice_delivery_state{delivery="order-mail",state="paused"} 1`) {
		t.Errorf("/metrics: %s", metrics)
	}
	if code, _ := ask(t, http.MethodPost, admin+"/deliveries/order-mail/resume"); code != http.StatusNoContent {
		t.Fatal(code)
	}
	s.await("it is paused again", func() bool { return isPaused() && delivery(t, admin).Failed["status_410"] == 2 })
	if n := strings.Count(log(), "the delivery is paused"); n != 2 {
		t.Errorf("two pauses are logged %d times", n)
	}
	s.answer(http.StatusOK)
	stop()
	if got := s.received(); got != "" {
		t.Errorf("sent to a target that is gone: %s", got)
	}
	s.deliver()
	s.await("a restart goes on", func() bool { return s.received() == `{"n":1} {"n":2}` })
}

// A dead letter must not steer the terminal of who looks at it, nor begin another line.
func TestDeadLettersDoNotSteerTheTerminal(t *testing.T) {
	s := newShop(t)
	s.answer(http.StatusBadRequest)
	admin, _, _ := s.deliver()
	record := &kgo.Record{
		Topic: "order-topic", Key: []byte("k\n0/9  status_400"), Value: []byte("{\"n\":1}\n"),
		Headers: []kgo.RecordHeader{{Key: "h\x1b[2J", Value: []byte("\u202ev")}},
	}
	if err := s.client.ProduceSync(t.Context(), record).FirstErr(); err != nil {
		t.Fatal(err)
	}
	s.await("a dead letter", func() bool { return delivery(t, admin).DeadLetters["status_400"] == 1 })
	_, list := s.redrive("--list")
	if strings.Count(list, "\n") != 1 || !strings.Contains(list, "key=k\ufffd0/9") {
		t.Errorf("%q", list)
	}
	name, _, _ := strings.Cut(list, " ")
	if code, text := s.redrive("--show", name); code != 0 || !strings.Contains(text, "header h\ufffd[2J: \ufffdv\nvalue: {\"n\":1}\ufffd\n") {
		t.Errorf("%d %q", code, text)
	}
}

func TestCommandLines(t *testing.T) {
	s := newShop(t)
	for line, want := range map[string]string{
		"--from now":                    "--from needs the delivery's name",
		"--from soon order-mail":        `"soon" is no place to start`,
		"order-mail":                    "one word too many",
		"--from now other":              `there is no delivery "other"`,
		"redrive":                       "it needs a delivery's name",
		"redrive x --list --all":        "exclude each other",
		"redrive x --all --cause c":     "--all leaves nothing to choose",
		"redrive other":                 `there is no delivery "other"`,
		"redrive order-mail --show 0/7": "there is no dead letter 0/7",
	} {
		var out bytes.Buffer
		args := append([]string{"-c", s.file}, strings.Fields(line)...)
		if rest, isRedrive := strings.CutPrefix(line, "redrive"); isRedrive {
			Redrive(t.Context(), append([]string{"-c", s.file}, strings.Fields(rest)...), streams(&out, &out))
		} else {
			Run(t.Context(), args, streams(&out, &out))
		}
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s: %s, want %s", line, &out, want)
		}
	}
}
