package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/kafkatest"
	"sluice/cmd/internal/e2e/checker"
	"sluice/cmd/internal/e2e/gateway"
)

// pm2Programs is PM2, of npm.
var pm2Programs = foreignPrograms{
	runs:   "node",
	folder: "pm2", needs: "Node.js, npm, and its registry",
	fetch: func(dir string) [][]string {
		return [][]string{{"npm", "install", "--prefix", dir, "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"}}
	},
}

// pm2 is a daemon of PM2 with its own home, and the ecosystem of deploy/pm2.
type pm2 struct {
	t    *testing.T
	dir  string
	home string
	env  []string
}

func newPM2(t *testing.T, env ...string) *pm2 {
	t.Helper()
	dir, err := pm2Programs.install(bounded(t))
	switch {
	case err != nil && os.Getenv("SLUICE_TEST_ALL") == "1":
		t.Fatal(err)
	case err != nil:
		t.Skipf("needs %s: %v", pm2Programs.needs, err)
	}
	home, err := os.MkdirTemp("", "pm2-") //nolint:usetesting // it has sockets, whose paths have to be short
	if err != nil {
		t.Fatal(err)
	}
	p := &pm2{t: t, dir: dir, home: home}
	p.env = append(os.Environ(), append(env, "PM2_HOME="+home, "PM2_WORKER_INTERVAL=500", "PM2_DISABLE_VERSION_CHECK=true")...)
	t.Cleanup(func() {
		p.run("kill")
		os.RemoveAll(home)
	})
	return p
}

// run runs a command of PM2, and returns what it says.
func (p *pm2) run(args ...string) string {
	p.t.Helper()
	out, err := p.try(args...)
	if err != nil {
		p.t.Errorf("pm2 %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// try is run for a command that may come while PM2 does something by itself.
func (p *pm2) try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", append([]string{filepath.Join(p.dir, "node_modules", "pm2", "bin", "pm2")}, args...)...)
	cmd.Env = p.env
	out, err := cmd.Output()
	return string(out), err
}

// start starts an app of the ecosystem, anew if it runs.
func (p *pm2) start(app string) { p.run("start", p.ecosystem(), "--only", app) }

func (p *pm2) ecosystem() string {
	p.t.Helper()
	file, err := filepath.Abs("../../../deploy/pm2/ecosystem.config.cjs")
	if err != nil {
		p.t.Fatal(err)
	}
	return file
}

// reachLimit has the gateway be over its limit of memory at once, until PM2 has noticed.
// Then it is stopped. Either may fail once, since PM2 starts the gateway again meanwhile.
func (p *pm2) reachLimit(ctx context.Context) error {
	p.env = append(p.env, "GATEWAY_MAX_MEMORY=1M")
	_, _ = p.try("start", p.ecosystem(), "--only", "sluice")
	if err := until(ctx, func() bool { return strings.Contains(p.log("pm2.log"), "current_memory") }); err != nil {
		return err
	}
	return until(ctx, func() bool {
		_, _ = p.try("stop", "sluice")
		return p.app().Env.Status == "stopped"
	})
}

// log is what an app has said, or PM2 itself.
func (p *pm2) log(name string) string {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.home, name))
	if err != nil {
		p.t.Error(err)
	}
	return string(text)
}

// pm2App is an app as PM2 lists it.
type pm2App struct {
	PID int
	Env struct {
		Restarts int    `json:"restart_time"`
		Mode     string `json:"exec_mode"`
		Wait     int    `json:"kill_timeout"`
		Memory   int    `json:"max_memory_restart"`
		Status   string
	} `json:"pm2_env"`
}

func (p *pm2) app() pm2App {
	p.t.Helper()
	out := p.run("jlist")
	var apps []pm2App
	if err := json.Unmarshal([]byte(out[max(0, strings.LastIndex(out, "\n[")+1):]), &apps); err != nil || len(apps) != 1 {
		p.t.Fatalf("%v: %s", err, out)
	}
	return apps[0]
}

// A gateway under PM2 is reloaded under load, and started again when it takes too much
// memory. No event is lost, no client is refused in a way that would end it, and PM2
// kills nothing.
func TestPM2ReloadsTheGateway(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a Kafka, and installs PM2")
	}
	t.Parallel()
	need(t, "node", "nodejs")
	need(t, "npm", "npm")
	streams, rate := 50, 20
	if os.Getenv("SLUICE_TEST_FULL") != "" {
		streams, rate = 500, 200
	}
	binary, err := gateway.Binary()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
	defer cancel()
	kafka := kafkatest.Shared(t)
	const topic = "pm2-orders"
	kafka.CreateTopic(t, topic, 3)
	g := newGateway(t, fmt.Sprintf("heartbeat: 1s\nkafka: {brokers: [%q]}\nauth: none\nstreams: {%s: {topic: %s, user: key}}\n", kafka.Plaintext(), topic, topic))
	p := newPM2(t, "GATEWAY_BINARY="+binary, "GATEWAY_CONFIG="+g.ConfigFile())
	p.start("sluice")
	books := checker.New(fmt.Sprintf("run-%d", time.Now().UnixNano()))
	books.Stream(topic, false)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%v\nby then: %v\n%s", err, books.Verdict(), p.log("pm2.log"))
		}
	}
	must(awaitOK(ctx, g))

	var readers []*reader
	for i := range streams {
		r := newReader(ctx, books, g.URL(), fmt.Sprint("page ", i), fmt.Sprint("user-", i), []string{topic}, nil)
		t.Cleanup(r.Close)
		readers = append(readers, r)
	}
	greeted := func(times int64) {
		t.Helper()
		for _, r := range readers {
			must(books.Await(ctx, r.page.Name()+" to be greeted", func() bool { return r.hellos.Load() >= times }))
		}
	}
	greeted(1)
	load := pm2Load(ctx, newProducer(t, kafka, books), topic, streams, rate)

	first := p.app()
	if first.Env.Mode != "fork_mode" || first.Env.Wait < 25000 || first.Env.Memory != 2<<30 {
		t.Errorf("%+v", first)
	}
	for n := int64(1); n <= 2; n++ {
		p.run("reload", "sluice")
		must(awaitOK(ctx, g))
		greeted(1 + n)
	}
	second := p.app()
	if second.PID == first.PID || second.Env.Restarts != 2 || second.Env.Status != "online" {
		t.Errorf("after two reloads: %+v, before: %+v", second, first)
	}
	must(p.reachLimit(ctx))
	must(load())
	p.env = append(p.env, "GATEWAY_MAX_MEMORY=2G")
	p.start("sluice")
	for _, r := range readers {
		for _, a := range r.page.Newest() {
			must(books.Await(ctx, fmt.Sprintf("%v at %s", a, r.page.Name()), func() bool { return r.page.Has(a) }))
		}
	}
	if v := books.Verdict(); !v.Clean() {
		t.Error(v)
	}
	if log := p.log("pm2.log"); strings.Contains(log, "SIGKILL") || !strings.Contains(log, "exited with code [0]") || !strings.Contains(log, "current_memory") {
		t.Errorf("PM2 says:\n%s", log)
	}
	if said := p.log("logs/sluice-error.log"); !strings.Contains(said, `"level":"info"`) {
		t.Errorf("the gateway's log has %.2000s", said)
	}
}

// awaitOK waits until a gateway that others run is ready.
func awaitOK(ctx context.Context, g *gateway.Gateway) error {
	return until(ctx, func() bool {
		status, _ := g.Readiness(ctx)
		return status == http.StatusOK
	})
}

// until looks again and again.
func until(ctx context.Context, holds func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.New("what other programs should do doesn't happen")
		}
	}
	return nil
}

// pm2Load sends events to users, rate a second, until end is called.
func pm2Load(ctx context.Context, p *producer, topic string, users, rate int) (end func() error) {
	over, done := make(chan struct{}), make(chan error, 1)
	go func() {
		tick := time.NewTicker(time.Second / time.Duration(rate))
		defer tick.Stop()
		for n := 0; ; n++ {
			user := fmt.Sprint("user-", n%users)
			p.send(ctx, topic, user, anywhere, checker.Event{Users: []string{user}})
			select {
			case <-tick.C:
			case <-over:
				done <- p.flush(ctx)
				return
			case <-ctx.Done():
				done <- ctx.Err()
				return
			}
		}
	}()
	return func() error { close(over); return <-done }
}

// The shop's worker under PM2 confirms each order, also those that are placed while it is
// reloaded.
func TestPM2ReloadsTheWorker(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a Kafka, and installs PM2")
	}
	t.Parallel()
	need(t, "node", "nodejs")
	need(t, "npm", "npm")
	shop, err := filepath.Abs("../../../web/nextjs")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(shop, ".build", "worker", "main.js")); err != nil {
		if os.Getenv("SLUICE_TEST_ALL") != "" {
			t.Fatal("web/nextjs has to be built: npm ci && npm run build there")
		}
		t.Skip("web/nextjs has to be built: npm ci && npm run build there")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	kafka := kafkatest.Shared(t)
	const topic = "pm2-shop"
	kafka.CreateTopic(t, topic, 1)
	p := newPM2(t, "SHOP_DIR="+shop, "KAFKA_BROKERS="+kafka.Plaintext(), "ORDER_TOPIC="+topic, "CONFIRM_DELAY_MS=20")
	p.start("shop-worker")
	if app := p.app(); app.Env.Mode != "fork_mode" || app.Env.Memory != 300<<20 {
		t.Errorf("%+v", app)
	}
	client := kafka.Client(t, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	const orders = 60
	place := func(from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			value := fmt.Sprintf(`{"type":"order.placed","status":"placed","orderId":"o-%d","user":"alice","item":"tea","total":5}`, i)
			if err := client.ProduceSync(ctx, &kgo.Record{Topic: topic, Key: []byte("alice"), Value: []byte(value)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	place(0, orders/2)
	p.run("reload", "shop-worker")
	place(orders/2, orders)
	confirmed := make(map[string]bool)
	for len(confirmed) < orders {
		fetched := client.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("%d of %d are confirmed\n%s\n%s", len(confirmed), orders, p.log("logs/shop-worker-error.log"), p.log("logs/shop-worker-out.log"))
		}
		fetched.EachRecord(func(r *kgo.Record) {
			var order struct{ Type, OrderID string }
			if json.Unmarshal(r.Value, &order) == nil && order.Type == "order.confirmed" {
				confirmed[order.OrderID] = true
			}
		})
	}
	if log := p.log("pm2.log"); strings.Contains(log, "SIGKILL") {
		t.Errorf("PM2 says:\n%s", log)
	}
}
