package e2e

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sluice/cmd/internal/e2e/proxy"
)

// h2specCases is how many cases h2spec v2.2.1 runs, without its strict ones.
const h2specCases = 145

// The gateway adds nothing to HTTP/2 that is wrong: each case of h2spec that a bare
// net/http server passes, the gateway passes too. Both are asked over h2c.
func TestHTTP2IsAsConformingAsNetHTTP(t *testing.T) {
	if testing.Short() || os.Getenv("SLUICE_TEST_ALL") != "1" {
		t.Skip("h2spec waits half a minute: SLUICE_TEST_ALL=1 runs it")
	}
	tool := h2spec(t)
	ctx := bounded(t)
	// There is no Kafka there, and none is needed.
	g := newGateway(t, listenerConfig(`{brokers: ["127.0.0.1:1"]}`, "orders"))
	g.Start()
	if err := g.AwaitLog(ctx, "serving"); err != nil {
		t.Fatal(err)
	}
	gateway := strings.TrimPrefix(g.URL(), "http://")
	bare := bareServer(t)

	failedBare, failed := h2specFailures(ctx, t, tool, bare), h2specFailures(ctx, t, tool, gateway)
	t.Logf("of %d cases net/http fails %d, the gateway %d", h2specCases, len(failedBare), len(failed))
	worse := without(failed, failedBare)
	// A few cases are races between the tool's next frame and the answer, and h2spec waits 2
	// s for each answer, which a busy machine can miss. What is wrong stays so.
	for round := 0; round < 5 && len(worse) > 0; round++ {
		t.Logf("once more, because of\n%s", strings.Join(worse, "\n"))
		var sections []string
		for _, name := range worse {
			section, _, _ := strings.Cut(name, ": ")
			sections = append(sections, section)
		}
		again := h2specFailures(ctx, t, tool, gateway, sections...)
		worse = slices.DeleteFunc(worse, func(name string) bool { return !slices.Contains(again, name) })
		worse = without(worse, h2specFailures(ctx, t, tool, bare, sections...))
	}
	if len(worse) > 0 {
		t.Errorf("net/http passes these, the gateway doesn't:\n%s", strings.Join(worse, "\n"))
	}
}

// h2spec is the tool that .ci/run installs.
func h2spec(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	tool := filepath.Join(cache, "sluice", "tools", "h2spec-v2.2.1")
	if _, err := os.Stat(tool); err != nil {
		proxy.Lacks(t, "needs h2spec v2.2.1 (.ci/run installs it)")
	}
	return tool
}

// bareServer is net/http with nothing on it, at host:port.
func bareServer(t *testing.T) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "A page.\n") // a client that left is what h2spec tries
	}))
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // it would tell of each case
	s.Start()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// h2specFailures names the cases of these sections, or of all, that a server fails. It
// ends the test unless all cases ran.
func h2specFailures(ctx context.Context, t *testing.T, tool, address string, sections ...string) (failed []string) {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "report.xml")
	// The path must lead to an answer with a body, which several cases wait for.
	args := append([]string{"-h", host, "-p", port, "-P", "/.well-known/sluice", "-j", file}, sections...)
	said, err := exec.CommandContext(ctx, tool, args...).CombinedOutput()
	var exit *exec.ExitError // 1: cases failed
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		t.Fatalf("h2spec: %v\n%s", err, said)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("h2spec: %v\n%s", err, said)
	}
	var report struct {
		Suites []struct {
			Cases []struct {
				Package string    `xml:"package,attr"`
				Title   string    `xml:"classname,attr"`
				Failure *struct{} `xml:"failure"`
				Error   *struct{} `xml:"error"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(text, &report); err != nil {
		t.Fatalf("h2spec: its report: %v", err)
	}
	ran := 0
	for _, suite := range report.Suites {
		for _, c := range suite.Cases {
			ran++
			if c.Failure != nil || c.Error != nil {
				failed = append(failed, fmt.Sprintf("%s: %s", c.Package, c.Title))
			}
		}
	}
	if len(sections) == 0 && ran != h2specCases || ran == 0 {
		t.Fatalf("h2spec ran %d cases, want %d\n%s", ran, h2specCases, said)
	}
	return failed
}

// without are the names that are not among the others.
func without(names, others []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(others, name) })
}
