// Package proxy runs proxies in front of a gateway, for tests: those of deploy/proxies,
// and any other that a test has a configuration for.
//
// Files:
//   - proxy.go: starts a proxy.
//   - recipes.go: the recipes of deploy/proxies.
//   - tls.go: certificates.
package proxy

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/broker/kafkatest/child"
	"sluice/cmd/internal/e2e/gateway"
)

// Proxy is one of deploy/proxies' recipes, and how a site that includes it is started.
type Proxy struct {
	Name, Command, DebianPackage string

	// start writes the site's configuration to the setup's directory. The site compresses
	// whatever it can, which the recipe has to keep from a stream.
	start func(t *testing.T, s Setup) *exec.Cmd
}

// Run starts the proxy, waits until it answers, and returns its URL. It ends with the
// test.
func (p Proxy) Run(ctx context.Context, t *testing.T, gatewayURL, origin string) (url string) {
	t.Helper()
	s := NewSetup(t, gatewayURL, origin)
	s.Start(ctx, t, p.start(t, s), http.DefaultClient, "http://"+s.Listen)
	return "http://" + s.Listen
}

// Setup is what a proxy is started with.
type Setup struct {
	Dir     string // to keep its files in
	Listen  string // host:port for browsers
	Gateway string // host:port of the gateway
	Origin  string // of the pages that may read the streams
}

// NewSetup finds a directory and an address for a proxy before this gateway.
func NewSetup(t *testing.T, gatewayURL, origin string) Setup {
	t.Helper()
	listen, err := gateway.Address()
	if err != nil {
		t.Fatal(err)
	}
	return Setup{t.TempDir(), listen, strings.TrimPrefix(gatewayURL, "http://"), origin}
}

// Start runs the command until the test ends, and returns when something answers at the
// URL.
func (s Setup) Start(ctx context.Context, t *testing.T, command *exec.Cmd, client *http.Client, url string) {
	t.Helper()
	log := filepath.Join(s.Dir, "log")
	process, err := child.Start(command, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := process.Kill(); err != nil {
			t.Error(err)
		}
		if said, err := os.ReadFile(log); t.Failed() && err == nil {
			t.Logf("the end of what %s said:\n%s", command.Path, said[max(0, len(said)-4000):])
		}
	})
	// It asks again and again until something answers, because nothing tells when a proxy
	// has come so far.
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if response, err := client.Do(request); err == nil {
			_ = response.Body.Close() // that it answers is enough
			return
		}
		select {
		case <-again.C:
		case <-process.Ended():
			t.Fatal("the proxy ended while starting")
		case <-ctx.Done():
			t.Fatal("the proxy doesn't answer")
		}
	}
}

// Write writes a file to the setup's directory, readable also by a proxy that gives up
// being root.
func (s Setup) Write(t *testing.T, name, text string) string {
	t.Helper()
	name = filepath.Join(s.Dir, name)
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// Need skips the test where a command is missing, unless nothing may be missing.
func Need(t *testing.T, command, debianPackage string) {
	t.Helper()
	if testing.Short() {
		t.Skip("no " + command + " with -short")
	}
	if _, err := exec.LookPath(command); err == nil {
		return
	}
	Lacks(t, "needs "+command+" (Debian: "+debianPackage+")")
}

// Lacks skips the test for what it hasn't, unless nothing may be missing.
func Lacks(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("SLUICE_TEST_ALL") == "1" {
		t.Fatal(what)
	}
	t.Skip(what)
}
