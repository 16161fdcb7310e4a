package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sluice/broker/kafkatest"
	"sluice/cmd/internal/e2e/gateway"
	"sluice/cmd/internal/e2e/proxy"
	"sluice/stream/ssetest"
)

const compose = "../../../deploy/compose.yaml"

// There is no container engine where the tests run, so what an engine would refuse is
// looked for in the specification.
func TestComposeFileIsOneByItsSpecification(t *testing.T) {
	need(t, "python3", "python3-venv")
	const version = "0.39.0"
	python := pythonWith(t, "check-jsonschema-"+version, "check-jsonschema=="+version)
	check := func(file string) error {
		return run(python, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", file)
	}
	if err := check(compose); err != nil {
		t.Error(err)
	}
	broken := filepath.Join(t.TempDir(), "compose.yaml")
	if err := os.WriteFile(broken, []byte(strings.Replace(readFile(t, compose), "ports:", "port:", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := check(broken); err == nil || !strings.Contains(err.Error(), "'port' was unexpected") {
		t.Errorf("a wrong key: %v", err)
	}
	for _, mounted := range regexp.MustCompile(`- \./(\S+):/\S+:ro`).FindAllStringSubmatch(readFile(t, compose), -1) {
		if _, err := os.Stat(filepath.Join(filepath.Dir(compose), mounted[1])); err != nil {
			t.Error(err)
		}
	}
}

// What the file starts, started without an engine: its configuration of the gateways and
// of nginx, before a real Kafka. A page goes on when its gateway stops.
func TestWhatComposeStartsGoesOnWithOneGateway(t *testing.T) {
	need(t, "nginx", "nginx-light")
	kafka := kafkatest.Shared(t) // its start takes from nobody's time
	ctx := bounded(t)
	kafka.CreateTopic(t, "order-topic", 6)
	config := readFile(t, filepath.Join(filepath.Dir(compose), "compose", "sluice.yaml"))
	config = replaced(t, config, `listen: ":8080"`+"\n", "")
	config = replaced(t, config, `"kafka:19092"`, fmt.Sprintf("%q", kafka.Plaintext()))
	config = replaced(t, config, "[10.0.0.0/8,", "[127.0.0.0/8, 10.0.0.0/8,")
	one, two := newGateway(t, config), newGateway(t, config)
	for _, g := range []*gateway.Gateway{one, two} {
		g.Start()
		if err := g.AwaitReady(ctx); err != nil {
			t.Fatal(err)
		}
	}
	url := composeNginx(ctx, t, one.URL(), two.URL())

	response, err := get(ctx, url+"/events?user=alice&from=earliest", http.Header{"Accept": {"text/event-stream"}})
	if err != nil {
		t.Fatal(err)
	}
	events := ssetest.NewReader(response.Body)
	write := func(text string) {
		t.Helper()
		if err := kafka.Client(t).ProduceSync(ctx, kgoRecord("order-topic", "alice", text)).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	write(`"first"`)
	id := untilData(t, events, `"first"`)
	_ = response.Body.Close() // of the stream there is no more to read
	for _, g := range []*gateway.Gateway{one, two} {
		g.Kill()
		write(fmt.Sprintf("%q", "without "+g.URL()))
		response, err := get(ctx, url+"/events?user=alice", http.Header{"Accept": {"text/event-stream"}, "Last-Event-ID": {id}})
		if err != nil {
			t.Fatal(err)
		}
		id = untilData(t, ssetest.NewReader(response.Body), fmt.Sprintf("%q", "without "+g.URL()))
		_ = response.Body.Close() // as above
		g.Start()
		if err := g.AwaitReady(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

// composeNginx starts nginx with the file's configuration before these gateways.
func composeNginx(ctx context.Context, t *testing.T, gateways ...string) (url string) {
	t.Helper()
	s := proxy.NewSetup(t, gateways[0], "")
	site := readFile(t, filepath.Join(filepath.Dir(compose), "compose", "nginx.conf"))
	for i, g := range gateways {
		site = replaced(t, site, fmt.Sprintf("gateway-%d:8080 resolve;", i+1), strings.TrimPrefix(g, "http://")+";")
	}
	site = replaced(t, site, "resolver 127.0.0.11 valid=5s;", "") // an engine's
	site = replaced(t, site, "listen 80;", "listen "+s.Listen+";")
	file := s.Write(t, "nginx.conf", fmt.Sprintf("daemon off; pid %s/pid; error_log stderr; events {} http { access_log off;\n%s}\n", s.Dir, site))
	s.Start(ctx, t, exec.Command("nginx", "-p", s.Dir, "-e", "stderr", "-c", file), http.DefaultClient, "http://"+s.Listen)
	return "http://" + s.Listen
}

// untilData reads events up to this one, and returns its id.
func untilData(t *testing.T, events *ssetest.Reader, data string) (id string) {
	t.Helper()
	for {
		e, err := events.Next()
		if err != nil {
			t.Fatalf("waiting for %s: %v", data, err)
		}
		if e.Data == data {
			return e.ID
		}
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// replaced replaces a part of a file that must be there once.
func replaced(t *testing.T, text, old, by string) string {
	t.Helper()
	if strings.Count(text, old) != 1 {
		t.Fatalf("%d of %q in\n%s", strings.Count(text, old), old, text)
	}
	return strings.Replace(text, old, by, 1)
}
