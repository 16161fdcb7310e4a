package e2e

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sluice/broker/kafkatest/child"
	"sluice/cmd/internal/e2e/gateway"
)

// newcomer does what docs/quickstart.md says, with other ports.
type newcomer struct {
	t       *testing.T
	page    string // the document
	dir     string // where they work
	ports   *strings.Replacer
	public  string
	kafka   string   // as --kafka takes it
	started []string // commands that were run, as they are written
}

// onFirstDay is somebody who has built the command and works in an empty directory.
func onFirstDay(t *testing.T) *newcomer {
	t.Helper()
	binary, err := gateway.Binary()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "quickstart.md"))
	if err != nil {
		t.Fatal(err)
	}
	var addresses [3]string
	for i := range addresses {
		if addresses[i], err = gateway.Address(); err != nil {
			t.Fatal(err)
		}
	}
	_, kafka, _ := net.SplitHostPort(addresses[2])
	n := &newcomer{t: t, page: string(page), dir: t.TempDir(), public: addresses[0], kafka: "127.0.0.1:" + kafka}
	n.ports = strings.NewReplacer("localhost:8080", addresses[0], "localhost:9092", addresses[2], "127.0.0.1:9092", n.kafka)
	t.Setenv("SLUICE_LISTEN", addresses[0])
	t.Setenv("SLUICE_ADMIN", addresses[1])
	if err := os.Symlink(binary, filepath.Join(n.dir, "sluice")); err != nil {
		t.Fatal(err)
	}
	return n
}

// command is a line of the page, ready to be run. It fails the test if the page doesn't
// have it.
func (n *newcomer) command(ctx context.Context, line string) *exec.Cmd {
	n.t.Helper()
	if !strings.Contains(n.page, "\n"+line+"\n") {
		n.t.Fatalf("the quick start doesn't say: %s", line)
	}
	n.started = append(n.started, line)
	cmd := exec.CommandContext(ctx, "bash", "-c", "exec "+n.ports.Replace(line))
	if strings.Contains(line, "&&") || strings.Contains(line, "$(") {
		cmd = exec.CommandContext(ctx, "bash", "-c", n.ports.Replace(line))
	}
	cmd.Dir = n.dir
	return cmd
}

// run runs a line and returns what it prints on stdout.
func (n *newcomer) run(line string) string {
	n.t.Helper()
	return n.output(n.command(bounded(n.t), line), line)
}

// output runs what a line has become, and returns what it prints on stdout.
func (n *newcomer) output(cmd *exec.Cmd, line string) string {
	n.t.Helper()
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		n.t.Fatalf("%s: %v\n%s%s", line, err, out, errs.String())
	}
	return string(out)
}

// initialize writes the configuration, with the port of this Kafka in it.
func (n *newcomer) initialize() {
	n.t.Helper()
	n.run("./sluice init --yes")
	file := filepath.Join(n.dir, "sluice.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		n.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(n.ports.Replace(string(text))), 0o600); err != nil {
		n.t.Fatal(err)
	}
}

// serve starts the gateway with the Kafka inside, and waits until it is ready.
func (n *newcomer) serve() {
	n.t.Helper()
	log := filepath.Join(n.dir, "log")
	p, err := child.Start(n.command(context.Background(), "./sluice demo -c sluice.yaml --kafka 127.0.0.1:9092"), log)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		if status, err := p.Terminate(); err != nil || status != 0 {
			text, _ := os.ReadFile(log)
			n.t.Errorf("the demo ends with %d, %v\n%s", status, err, text)
		}
	})
	awaitURL(bounded(n.t), n.t, "http://"+os.Getenv("SLUICE_ADMIN")+"/readyz", "")
}

// awaitURL waits until an address answers 200 with a text that has a part.
func awaitURL(ctx context.Context, t *testing.T, address, part string) {
	t.Helper()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		response, err := http.Get(address)
		if err == nil {
			text, err := io.ReadAll(response.Body)
			_ = response.Body.Close()
			if err == nil && response.StatusCode == http.StatusOK && strings.Contains(string(text), part) {
				return
			}
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("%s: never ready: %v", address, err)
		}
	}
}

// follow starts the page's curl and returns a function that waits for a line.
func (n *newcomer) follow(line string) (until func(part string)) {
	n.t.Helper()
	ctx, stop := context.WithCancel(bounded(n.t))
	return n.until(n.command(ctx, line), stop)
}

// followLine is follow for a line that is not the page's.
func (n *newcomer) followLine(line string) (until func(part string)) {
	n.t.Helper()
	ctx, stop := context.WithCancel(bounded(n.t))
	return n.until(n.shell(ctx, line), stop)
}

// until starts a command that goes on until it is stopped.
func (n *newcomer) until(cmd *exec.Cmd, stop func()) (until func(part string)) {
	n.t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { stop(); _ = cmd.Wait() }) // it ends by the kill
	lines := bufio.NewScanner(out)
	return func(part string) {
		n.t.Helper()
		var said []string
		for lines.Scan() {
			said = append(said, lines.Text())
			if strings.Contains(lines.Text(), part) {
				return
			}
		}
		n.t.Fatalf("%s: no %q in\n%s", cmd, part, strings.Join(said, "\n"))
	}
}

// The quick start, from the first command to the first event of one's own.
func TestQuickStart(t *testing.T) {
	need(t, "curl", "curl")
	n := onFirstDay(t)
	n.initialize()
	if text, err := os.ReadFile(filepath.Join(n.dir, "sluice.yaml")); err != nil || string(text) != n.block("yaml", "# Made by") {
		t.Errorf("init writes\n%s, %v\nand the quick start shows\n%s", text, err, n.block("yaml", "# Made by"))
	}
	n.serve()
	if said := n.run("./sluice check"); !strings.Contains(said, "It can be served") {
		t.Errorf("check says %s", said)
	}
	until := n.follow(`curl -N -H "Authorization: Bearer $(./sluice token --user alice)" http://localhost:8080/events`)
	until("event: sluice.hello")
	if said := n.run(`./sluice produce key=alice value='{"orderId":"o-77","status":"confirmed"}'`); !strings.HasPrefix(said, "orders/") {
		t.Errorf("produce says %s", said)
	}
	until(`data: {"orderId":"o-77","status":"confirmed"}`)
	if said := n.run(`./sluice check --record key=alice value='{"orderId":"o-77"}'`); !strings.Contains(said, `"alice" would get it`) {
		t.Errorf("check --record says %s", said)
	}
	n.nothingLeft()
}

// nothingLeft fails the test for commands of the page that nobody tries.
func (n *newcomer) nothingLeft() {
	n.t.Helper()
	elsewhere := []string{
		"go run ./cmd/sluice demo",                                                              // the demo's own tests, and the README's in CI
		"go build -o sluice ./cmd/sluice",                                                       // gateway.Binary
		"cd web/nextjs && npm ci && npm run demo",                                               // the shop's tests
		"curl -N 'http://localhost:8080/events?user=alice'",                                     // TestQuickStartOfTheDemo
		"curl -N -H 'Last-Event-ID: PUT-THE-ID-HERE' 'http://localhost:8080/events?user=alice'", // the same
	}
	tried := strings.Join(append(elsewhere, n.started...), "\n") + "\n"
	for _, block := range shellBlock.FindAllStringSubmatch(n.page, -1) {
		for line := range strings.Lines(block[1]) {
			if !strings.Contains(tried, line) {
				n.t.Errorf("nobody tries: %s", line)
			}
		}
	}
}

// The demo's stream in curl, and the same from its last id on.
func TestQuickStartOfTheDemo(t *testing.T) {
	need(t, "curl", "curl")
	n := onFirstDay(t)
	n.demo()
	n.follow(`curl -N 'http://localhost:8080/events?user=alice'`)("event: order.")
	n.ports = strings.NewReplacer("localhost:8080", n.public, "PUT-THE-ID-HERE", n.lastID())
	n.follow(`curl -N -H 'Last-Event-ID: PUT-THE-ID-HERE' 'http://localhost:8080/events?user=alice'`)(`"resume":"resumed"`)
}

// lastID is the newest id of alice's stream.
func (n *newcomer) lastID() string {
	n.t.Helper()
	response, err := http.Get("http://" + n.public + "/state?user=alice")
	if err != nil {
		n.t.Fatal(err)
	}
	defer response.Body.Close()
	var text strings.Builder
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		text.WriteString(lines.Text())
	}
	m := regexp.MustCompile(`"cursor":"([^"]+)"`).FindStringSubmatch(text.String())
	if m == nil {
		n.t.Fatalf("no cursor in %s", text.String())
	}
	return m[1]
}

// The page of the quick start, in a browser: on an origin that the configuration names,
// with the cookie that is set in the browser's console.
func TestQuickStartsPage(t *testing.T) {
	need(t, "chromium", "chromium")
	n := onFirstDay(t)
	n.initialize()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(n.block("html", "<ul")))
	}))
	t.Cleanup(site.Close)
	n.ports = strings.NewReplacer("localhost:8080", n.public, "localhost:8000", site.Listener.Addr().String(), "127.0.0.1:9092", n.kafka)
	n.configure(n.block("yaml", "cors:"))
	n.serve()
	c := openConsole(startChromium(t), t, site.URL)
	c.until(`performance.getEntriesByType("resource").some(e => e.name.includes("/docs/follow.js"))`)
	c.until(`(document.cookie = "session=` + strings.TrimSpace(n.token()) + `; path=/", location.reload(), true)`)
	awaitURL(bounded(t), t, "http://"+os.Getenv("SLUICE_ADMIN")+"/subscribers", `"user":"alice"`)
	n.run(`./sluice produce key=alice value='{"orderId":"o-77","status":"confirmed"}'`)
	c.until(`document.querySelector("#orders").innerText.includes("o-77")`)
}

// block is the page's block of a language that begins so, ready to be used.
func (n *newcomer) block(language, begin string) string {
	n.t.Helper()
	m := regexp.MustCompile("(?ms)^```" + language + "\n(" + begin + ".*?)^```").FindStringSubmatch(n.page)
	if m == nil {
		n.t.Fatalf("the quick start has no block of %s that begins with %s", language, begin)
	}
	return n.ports.Replace(m[1])
}

// configure adds lines to the configuration.
func (n *newcomer) configure(lines string) {
	n.t.Helper()
	file := filepath.Join(n.dir, "sluice.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		n.t.Fatal(err)
	}
	if err := os.WriteFile(file, append(text, lines...), 0o600); err != nil {
		n.t.Fatal(err)
	}
}

// token is what the page's curl line makes.
func (n *newcomer) token() string {
	n.t.Helper()
	cmd := exec.CommandContext(bounded(n.t), "./sluice", "token", "--user", "alice")
	cmd.Dir = n.dir
	out, err := cmd.Output()
	if err != nil {
		n.t.Fatal(err)
	}
	return string(out)
}
