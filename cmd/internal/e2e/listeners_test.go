package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/broker/kafkatest"
)

// Each way into Kafka that the configuration knows leads there.
func TestEveryListener(t *testing.T) {
	kafka := kafkatest.Shared(t)
	kafka.CreateTopic(t, "listeners", 1)
	ctx := bounded(t)
	produced := kafka.Client(t)
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte(kafkatest.Password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	certificate, key := kafka.ClientCertificate()
	for i, tt := range []struct{ name, kafka string }{
		{"no authentication", fmt.Sprintf(`{brokers: [%q]}`, kafka.Plaintext())},
		{"PLAIN", fmt.Sprintf(`{brokers: [%q], sasl: {mechanism: PLAIN, username: %s, password: %s}}`, kafka.SASL(), kafkatest.User, kafkatest.Password)},
		{"SCRAM-SHA-256", fmt.Sprintf(`{brokers: [%q], sasl: {mechanism: SCRAM-SHA-256, username: %s, password_file: %q}}`, kafka.SASL(), kafkatest.User, password)},
		{"SCRAM-SHA-512 over TLS", fmt.Sprintf(`{brokers: [%q], tls: {ca_file: %q}, sasl: {mechanism: SCRAM-SHA-512, username: %s, password_file: %q}}`, kafka.TLS(), kafka.CAFile(), kafkatest.User, password)},
		{"client certificate", fmt.Sprintf(`{brokers: [%q], tls: {ca_file: %q, cert_file: %q, key_file: %q}}`, kafka.MutualTLS(), kafka.CAFile(), certificate, key)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := readyGateway(ctx, t, listenerConfig(tt.kafka, "listeners"))
			user := fmt.Sprintf("user-%d", i)
			record := kgoRecord("listeners", user, tt.name)
			if err := produced.ProduceSync(ctx, record).FirstErr(); err != nil {
				t.Fatal(err)
			}
			if got := readRaw(ctx, t, g.URL()+"/events?from=earliest&user="+user, 1); len(got) != 1 || got[0].data != tt.name {
				t.Errorf("%s was sent %+v, want %q", user, got, tt.name)
			}
		})
	}
}

// A gateway that can't log in says why in plain words, is not ready, and keeps the
// password to itself.
func TestWhyKafkaIsOutOfReachIsSaid(t *testing.T) {
	kafka := kafkatest.Shared(t)
	kafka.CreateTopic(t, "refused", 1)
	const wrong = "not-the-password"
	for _, tt := range []struct{ name, kafka, said string }{
		{"wrong password, SCRAM", fmt.Sprintf(`{brokers: [%q], sasl: {mechanism: SCRAM-SHA-256, username: %s, password: %s}}`, kafka.SASL(), kafkatest.User, wrong), "wrong username or password"},
		{"wrong password, PLAIN", fmt.Sprintf(`{brokers: [%q], sasl: {mechanism: PLAIN, username: %s, password: %s}}`, kafka.SASL(), kafkatest.User, wrong), "wrong username or password"},
		{"unknown authority", fmt.Sprintf(`{brokers: [%q], tls: true, sasl: {mechanism: SCRAM-SHA-256, username: %s, password: %s}}`, kafka.TLS(), kafkatest.User, wrong), "kafka.tls.ca_file"},
		{"no TLS", fmt.Sprintf(`{brokers: [%q], tls: {ca_file: %q}}`, kafka.Plaintext(), kafka.CAFile()), "TLS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx := bounded(t)
			g := newGateway(t, listenerConfig(tt.kafka, "refused"))
			g.Start()
			if err := g.AwaitLog(ctx, tt.said); err != nil {
				t.Fatalf("%v; its log:\n%s", err, g.Log())
			}
			status, body := g.Readiness(ctx)
			if status != http.StatusServiceUnavailable {
				t.Errorf("/readyz answers %d: %s", status, body)
			}
			if strings.Contains(g.Log()+body, wrong) {
				t.Error("the password stands in the log or in /readyz")
			}
		})
	}
}

// listenerConfig is a gateway's configuration with one stream, and Kafka reached in this
// way.
func listenerConfig(kafka, topic string) string {
	return fmt.Sprintf(`
kafka: %s
auth: none
streams:
  orders: {topic: %s, user: key}
`, kafka, topic)
}
