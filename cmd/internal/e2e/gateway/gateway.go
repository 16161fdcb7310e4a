// Package gateway runs sluice as a separate process, as an operator does. It has a
// binary, a configuration file and signals, and reaches the process by its two addresses
// only.
//
// Files:
//   - gateway.go: the process.
//   - build.go, race_on.go, race_off.go: its binary, for the race detector too.
//   - addresses.go: addresses for it and for proxies.
package gateway

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/broker/kafkatest/child"
)

// Gateway is one gateway: its addresses and configuration stay when its process ends. Its
// methods are for the goroutine of the test.
type Gateway struct {
	t       testing.TB
	binary  string
	dir     string
	public  string
	admin   string
	process *child.Process // nil while it is down
}

// New prepares a gateway with this configuration, in YAML, to which the addresses are
// added. It is killed when the test ends. A data race or a panic in its log fails the
// test.
func New(t testing.TB, binary, config string) *Gateway {
	t.Helper()
	public, err := Address()
	if err != nil {
		t.Fatalf("gateway: %v", err)
	}
	admin, err := Address()
	if err != nil {
		t.Fatalf("gateway: %v", err)
	}
	g := &Gateway{t: t, binary: binary, dir: t.TempDir(), public: public, admin: admin}
	config = fmt.Sprintf("listen: %q\nadmin: %q\n%s", public, admin, config)
	if err := os.WriteFile(g.ConfigFile(), []byte(config), 0o600); err != nil {
		t.Fatalf("gateway: %v", err)
	}
	t.Cleanup(g.finish)
	return g
}

// ConfigFile is the name of the gateway's configuration.
func (g *Gateway) ConfigFile() string { return filepath.Join(g.dir, "sluice.yaml") }

// URL is where browsers find it: http://host:port.
func (g *Gateway) URL() string { return "http://" + g.public }

// AdminURL is where operators find it.
func (g *Gateway) AdminURL() string { return "http://" + g.admin }

// Start starts the gateway. It returns at once: see [Gateway.AwaitReady].
func (g *Gateway) Start() {
	g.t.Helper()
	p, err := child.Start(exec.Command(g.binary, "serve", "-c", g.ConfigFile()), g.logFile())
	if err != nil {
		g.t.Fatalf("gateway: starting %s: %v", g.binary, err)
	}
	g.process = p
}

// Kill ends the gateway at once (SIGKILL).
func (g *Gateway) Kill() {
	g.t.Helper()
	if err := g.process.Kill(); err != nil {
		g.t.Fatalf("gateway: %v", err)
	}
	g.process = nil
}

// Terminate asks the gateway to end (SIGTERM), and fails the test unless it ends with
// status 0.
func (g *Gateway) Terminate() {
	g.t.Helper()
	status, err := g.process.Terminate()
	if err != nil {
		g.t.Fatalf("gateway: %v", err)
	}
	if status != 0 {
		g.t.Errorf("gateway: ended with status %d after SIGTERM, want 0", status)
	}
	g.process = nil
}

// Pause stops the gateway's process where it is (SIGSTOP): its sockets stay, and nothing
// answers.
func (g *Gateway) Pause() { g.signal(syscall.SIGSTOP) }

// Continue lets a paused gateway go on (SIGCONT).
func (g *Gateway) Continue() { g.signal(syscall.SIGCONT) }

func (g *Gateway) signal(s syscall.Signal) {
	g.t.Helper()
	if err := g.process.Signal(s); err != nil {
		g.t.Fatalf("gateway: sending %v: %v", s, err)
	}
}

// Readiness asks /readyz. The status is 0 while nobody answers.
func (g *Gateway) Readiness(ctx context.Context) (status int, body string) {
	return g.Ask(ctx, "/readyz")
}

// Metric is the sum of a metric's series. It fails while nobody answers.
func (g *Gateway) Metric(ctx context.Context, name string) (sum float64, err error) {
	status, body := g.Ask(ctx, "/metrics")
	if status != http.StatusOK {
		return 0, fmt.Errorf("/metrics answers %d", status)
	}
	for line := range strings.Lines(body) {
		series, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if series, _, _ = strings.Cut(series, "{"); series != name {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, fmt.Errorf("/metrics: %w", err)
		}
		sum += n
	}
	return sum, nil
}

// Ask asks the admin address. The status is 0 while nobody answers.
func (g *Gateway) Ask(ctx context.Context, path string) (status int, body string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+g.admin+path, nil)
	if err != nil {
		g.t.Fatalf("gateway: %v", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, ""
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, ""
	}
	return response.StatusCode, string(text)
}

// AwaitReady waits until /readyz says that the gateway is ready.
func (g *Gateway) AwaitReady(ctx context.Context) error {
	status, body := 0, ""
	return g.await(ctx, func() (bool, string) {
		status, body = g.Readiness(ctx)
		return status == http.StatusOK, fmt.Sprintf("ready: /readyz says %d %s", status, body)
	})
}

// AwaitLog waits until the gateway's log contains the text.
func (g *Gateway) AwaitLog(ctx context.Context, text string) error {
	return g.await(ctx, func() (bool, string) {
		return strings.Contains(g.Log(), text), fmt.Sprintf("%q in its log", text)
	})
}

// await looks again and again, because nothing tells when another process has come so
// far.
func (g *Gateway) await(ctx context.Context, look func() (done bool, what string)) error {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		done, what := look()
		if done {
			return nil
		}
		select {
		case <-again.C:
		case <-g.process.Ended():
			return fmt.Errorf("the gateway ended while it was waited for %s", what)
		case <-ctx.Done():
			return fmt.Errorf("waiting for the gateway to be %s: %w", what, context.Cause(ctx))
		}
	}
}

// Log is what the gateway has said so far, in all its lives.
func (g *Gateway) Log() string {
	log, err := os.ReadFile(g.logFile())
	if err != nil {
		return ""
	}
	return string(log)
}

func (g *Gateway) logFile() string { return filepath.Join(g.dir, "sluice.log") }

// finish ends the gateway and looks through its log.
func (g *Gateway) finish() {
	if g.process != nil {
		g.Kill()
	}
	log := g.Log()
	for _, bad := range []string{"WARNING: DATA RACE", "panic:", "fatal error:"} {
		if _, after, found := strings.Cut(log, bad); found {
			g.t.Errorf("gateway: %s%.4000s", bad, after)
		}
	}
	if g.t.Failed() {
		g.t.Logf("the end of the log of the gateway at %s:\n%s", g.public, log[max(0, len(log)-4000):])
	}
}
