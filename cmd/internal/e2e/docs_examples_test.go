package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/twmb/franz-go/pkg/kfake"

	"sluice/broker/kafkatest/child"
	"sluice/cmd/internal/e2e/gateway"
	"sluice/cmd/internal/e2e/proxy"
)

var shellBlock = regexp.MustCompile("(?ms)^```sh\n(.*?)^```")

// Every command of the documents is run, with other ports. TestQuickStart runs those of
// the quick start.
func TestCommandsOfTheDocs(t *testing.T) {
	need(t, "curl", "curl")
	pages, err := filepath.Glob(filepath.Join("..", "..", "..", "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, file := range pages {
		if filepath.Base(file) == "quickstart.md" {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range shellBlock.FindAllStringSubmatch(string(text), -1) {
			for line := range strings.Lines(block[1]) {
				tried++
				t.Run(filepath.Base(file), func(t *testing.T) { tryCommand(t, string(text), strings.TrimSpace(line)) })
			}
		}
	}
	if tried < 3 {
		t.Errorf("there are only %d", tried)
	}
}

// tryCommand runs a line of a page against the gateway that the page means.
func tryCommand(t *testing.T, page, line string) {
	n := onFirstDay(t)
	n.page = page
	switch {
	case strings.Contains(line, "/state?user=alice"):
		n.demo()
		if said := n.run(line); !strings.Contains(said, `"cursor":"`) || !strings.Contains(said, `"events":[`) {
			t.Errorf("%s: %s", line, said)
		}
	case strings.Contains(line, "/tickets"):
		n.demo("-c", n.ticketConfig())
		if said := n.run(line); !strings.Contains(said, `"ticket":"`) {
			t.Errorf("%s: %s", line, said)
		}
	case strings.Contains(line, "/revoke"):
		n.demo("-c", n.ticketConfig())
		if said := n.run(line); !strings.Contains(said, `"ended":0`) {
			t.Errorf("%s: %s", line, said)
		}
	case strings.Contains(line, "/publish/"):
		n.demo("-c", n.publishConfig())
		all := n.run(line)
		if !strings.Contains(all, `"topic":"order-topic"`) {
			t.Errorf("%s: %s", line, all)
		}
		for range 2 { // the demo has two gateways, and each has a memory of keys
			all += n.run(line)
		}
		if !strings.Contains(all, `"repeated":true`) {
			t.Errorf("%s: %s", line, all)
		}
	default:
		t.Errorf("nobody tries: %s", line)
	}
}

// ticketConfig is the configuration of tickets in docs/identity.md, with the key that the
// page makes.
func (n *newcomer) ticketConfig() string {
	return n.configWithKey("identity.md", "\n## Tickets\n")
}

// publishConfig is that of docs/publishing.md.
func (n *newcomer) publishConfig() string { return n.configWithKey("publishing.md", "# Publishing") }

// configWithKey is the first configuration in a section of a page, with the key that the
// page makes.
func (n *newcomer) configWithKey(name, heading string) string {
	n.t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", name))
	if err != nil {
		n.t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), heading)
	config := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```").FindStringSubmatch(section)
	if config == nil || !strings.Contains(section, "`sluice keys new -f keys.yaml shop`") {
		n.t.Fatal("the page doesn't say how to make the key")
	}
	keys := exec.CommandContext(bounded(n.t), "./sluice", "keys", "new", "-f", "keys.yaml", "shop")
	keys.Dir = n.dir
	key, err := keys.Output()
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Setenv("SLUICE_KEY", strings.TrimSpace(string(key)))
	for name, text := range map[string]string{"sluice.yaml": config[1], "tickets.key": strings.Repeat("k", 44), "jwt.key": strings.Repeat("k", 44)} {
		if err := os.WriteFile(filepath.Join(n.dir, name), []byte(text), 0o600); err != nil {
			n.t.Fatal(err)
		}
	}
	return filepath.Join(n.dir, "sluice.yaml")
}

// demo starts `sluice demo` and waits until it is ready.
func (n *newcomer) demo(args ...string) {
	n.t.Helper()
	cmd := exec.Command(filepath.Join(n.dir, "sluice"), append([]string{"demo"}, args...)...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "SLUICE_KEY=") { // the shop's, and none of the gateway's variables
			cmd.Env = append(cmd.Env, v)
		}
	}
	p, err := child.Start(cmd, filepath.Join(n.dir, "log"))
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _, _ = p.Terminate() })
	awaitURL(bounded(n.t), n.t, "http://"+os.Getenv("SLUICE_ADMIN")+"/readyz", "")
}

// The few lines for nginx in docs/proxies.md please sluice doctor, if the gateway is told
// of the proxy as the page says.
func TestTheShortNginxRecipePleasesDoctor(t *testing.T) {
	p := proxy.ShortNginx
	need(t, p.Command, p.DebianPackage)
	kafka, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "order-topic"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	ctx := bounded(t)
	g := readyGateway(ctx, t, fmt.Sprintf("trusted_proxies: [127.0.0.1]\nkafka: {brokers: [%q]}\nauth: none\nstreams:\n  orders: {topic: order-topic, user: key}\n",
		kafka.ListenAddrs()[0]))
	binary, err := gateway.Binary()
	if err != nil {
		t.Fatal(err)
	}
	url := p.Run(ctx, t, g.URL(), "")
	said, err := exec.CommandContext(ctx, binary, "doctor", url+"/events?user=alice").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, said)
	}

	socket, _, err := websocket.Dial(ctx, url+"/ws?user=alice", &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {url}}})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.CloseNow()
	if _, hello, err := socket.Read(ctx); err != nil || !strings.Contains(string(hello), `"event":"sluice.hello"`) {
		t.Errorf("a WebSocket: %s %v", hello, err)
	}
}
