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
	"sluice/broker/kafkatest/child"
	"sluice/cmd/internal/e2e/gateway"
)

// site is a shop in business: a topic, a gateway, the shop and its worker, and nginx
// before it.
type site struct {
	t       *testing.T
	kafka   *kafkatest.Cluster
	topic   string
	gateway *gateway.Gateway
	nginx   *nginx
	truth   *truth
	backend *backend
}

const authSecret = "a secret that only the tests know, and the shop, and the gateway"

// open opens a site on a topic of this name. environment is the shop's and its worker's,
// beyond what they need to find the rest.
func open(t *testing.T, kafka *kafkatest.Cluster, topic string, environment func(*site) []string) *site {
	t.Helper()
	return openBeating(t, "2s", kafka, topic, environment)
}

// openBeating opens a site whose gateway has another heartbeat.
func openBeating(t *testing.T, heartbeat string, kafka *kafkatest.Cluster, topic string, environment func(*site) []string) *site {
	t.Helper()
	binary, err := gateway.Binary()
	if err != nil {
		t.Fatal(err)
	}
	kafka.CreateTopic(t, topic, 3)
	s := &site{t: t, kafka: kafka, topic: topic, nginx: newNginx(t)}
	s.truth = readTruth(t, kafka, topic)
	s.backend = newBackend(t, kafka, topic)
	shop := "http://" + address(t)

	apiKey, keys := apiKey(t, binary)
	s.gateway = gateway.New(t, binary, "heartbeat: "+heartbeat+"\n"+s.config(keys))
	s.gateway.Start()
	env := append(os.Environ(), "NODE_ENV=production", "PORT="+port(t, shop), "HOSTNAME=127.0.0.1", "NEXT_TELEMETRY_DISABLED=1",
		"AUTH_SECRET="+authSecret, "AUTH_TRUST_HOST=true", "KAFKA_BROKERS="+kafka.Plaintext(), "ORDER_TOPIC="+topic,
		"SLUICE_URL="+s.gateway.URL(), "SLUICE_API_KEY="+apiKey, "CONFIRM_DELAY_MS=200")
	if environment != nil {
		env = append(env, environment(s)...)
	}
	next := s.node("shop", env, "node_modules/next/dist/bin/next", "start", "-H", "127.0.0.1", "-p", port(t, shop))
	s.node("worker", env, ".build/worker/main.js")
	s.nginx.start(shop, s.gateway.URL())
	awaitAnswer(t, shop+"/login", next)
	s.awaitGateway()
	return s
}

// node runs one of the shop's programs until the test ends.
func (s *site) node(name string, env []string, args ...string) *child.Process {
	s.t.Helper()
	log := filepath.Join(s.t.TempDir(), name+".log")
	command := exec.Command("node", args...)
	command.Dir, command.Env = shopDir, env
	process, err := child.Start(command, log)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		select {
		case <-process.Ended():
			s.t.Errorf("the %s has ended by itself", name)
		default:
		}
		if err := process.Kill(); err != nil {
			s.t.Error(err)
		}
		logOnFailure(s.t, "the "+name, log)
	})
	return process
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
	return config
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
