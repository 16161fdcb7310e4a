package shop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/broker/kafkatest"
	"sluice/cmd/internal/e2e/gateway"
)

// site is a shop in business: a topic, a gateway, the shop and its worker, and nginx
// before it.
type site struct {
	t       *testing.T
	kafka   *kafkatest.Cluster
	topic   string
	gateway *gateway.Gateway
	shop    string // its URL, past nginx
	nginx   *nginx
	truth   *truth
	backend *backend
	next    *program // the shop
	worker  *program // confirms orders
	mail    *mailOffice
}

const authSecret = "a secret that only the tests know, and the shop, and the gateway"

// open opens a site on a topic of this name. environment is the shop's and its worker's,
// beyond what they need to find the rest.
func open(t *testing.T, kafka *kafkatest.Cluster, topic string, environment func(*site) []string) *site {
	t.Helper()
	return newSite(t, kafka, topic).openBeating("2s", environment)
}

func newSite(t *testing.T, kafka *kafkatest.Cluster, topic string) *site {
	t.Helper()
	kafka.CreateTopic(t, topic, 3)
	return &site{
		t: t, kafka: kafka, topic: topic, nginx: newNginx(t),
		truth: readTruth(t, kafka, topic), backend: newBackend(t, kafka, topic), shop: "http://" + address(t),
	}
}

// openBeating opens a site whose gateway has this heartbeat.
func (s *site) openBeating(heartbeat string, environment func(*site) []string) *site {
	t, kafka := s.t, s.kafka
	t.Helper()
	binary, err := gateway.Binary()
	if err != nil {
		t.Fatal(err)
	}

	apiKey, keys := apiKey(t, binary)
	s.gateway = gateway.New(t, binary, "heartbeat: "+heartbeat+"\n"+s.config(keys))
	s.gateway.Start()
	env := append(os.Environ(), "NODE_ENV=production", "PORT="+port(t, s.shop), "HOSTNAME=127.0.0.1", "NEXT_TELEMETRY_DISABLED=1",
		"AUTH_SECRET="+authSecret, "AUTH_TRUST_HOST=true", "KAFKA_BROKERS="+kafka.Plaintext(), "ORDER_TOPIC="+s.topic,
		"SLUICE_URL="+s.gateway.URL(), "SLUICE_API_KEY="+apiKey, "CONFIRM_DELAY_MS=200")
	if environment != nil {
		env = append(env, environment(s)...)
	}
	s.next = s.node("shop", env, "node_modules/next/dist/bin/next", "start", "-H", "127.0.0.1", "-p", port(t, s.shop))
	s.worker = s.node("worker", env, ".build/worker/main.js")
	s.nginx.start(s.shop, s.gateway.URL())
	s.awaitShop()
	s.awaitGateway()
	return s
}

// awaitShop waits until the shop answers.
func (s *site) awaitShop() {
	s.t.Helper()
	awaitAnswer(s.t, s.shop+"/login", s.next.process)
}

// apiKey makes a key of the shop's for the gateway, and the file by which the gateway
// knows it.
func apiKey(t *testing.T, binary string) (key, file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "keys.yaml")
	said, err := exec.Command(binary, "keys", "new", "shop", "-f", file).Output()
	if err != nil {
		t.Fatalf("sluice keys: %v", err)
	}
	return strings.TrimSpace(string(said)), file
}

// config is the shop's own sluice.yaml, with this site's addresses, secrets and topic.
func (s *site) config(keys string) string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(shopDir, "sluice.yaml"))
	if err != nil {
		s.t.Fatal(err)
	}
	config := string(text)
	for _, r := range [][2]string{
		{`"127.0.0.1:9092"`, fmt.Sprintf("%q", s.kafka.Plaintext())},
		{`topic: order-topic`, "topic: " + s.topic},
		{`secret_file: .shop/auth-secret`, fmt.Sprintf("secret: %q", authSecret)},
		{`secret_file: .shop/tickets-secret`, `secret: "a secret for tickets that only the tests know"`},
		{`.shop/keys.yaml`, keys},
		{`"http://localhost:3000"`, fmt.Sprintf("%q", s.nginx.plain)},
	} {
		if !strings.Contains(config, r[0]) {
			s.t.Fatalf("web/nextjs/sluice.yaml doesn't contain %q", r[0])
		}
		config = strings.ReplaceAll(config, r[0], r[1])
	}
	rest, deliveries, found := strings.Cut(config, "\ndeliveries:\n")
	if !found {
		s.t.Fatal("web/nextjs/sluice.yaml has no deliveries")
	}
	return rest + "\n" + s.mail.config(s, deliveries)
}

func (s *site) awaitGateway() {
	s.t.Helper()
	if err := s.gateway.AwaitReady(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// pass lets time pass, in which business goes on.
func (s *site) pass(d time.Duration) {
	select {
	case <-time.After(d):
	case <-s.t.Context().Done():
	}
}
