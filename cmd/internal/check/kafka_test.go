package check

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"sluice/broker/kafkatest"
)

func TestMain(m *testing.M) { os.Exit(kafkatest.Run(m)) }

// Each way to write kafka: reaches the listener of a real Kafka that it is for, or says why not.
func TestTheConfigurationReachesARealKafka(t *testing.T) {
	k := kafkatest.Shared(t)
	k.CreateTopic(t, "order-topic", 3)
	certFile, keyFile := k.ClientCertificate()
	login := func(mechanism, password string) string {
		return fmt.Sprintf("sasl: {mechanism: %s, username: %s, password_file: %s}", mechanism, kafkatest.User, password)
	}
	for _, tt := range []struct {
		name, broker, keys string
		status             int
		want               string // on either output
	}{
		{"plain text", k.Plaintext(), "", 0, "order-topic, 3 partitions"},
		{"PLAIN", k.SASL(), login("PLAIN", "right"), 0, "order-topic, 3 partitions"},
		{"SCRAM-SHA-256", k.SASL(), login("SCRAM-SHA-256", "right"), 0, "order-topic, 3 partitions"},
		{"SCRAM-SHA-512 over TLS", k.TLS(), login("SCRAM-SHA-512", "right") + ", tls: {ca_file: " + k.CAFile() + "}", 0, "order-topic, 3 partitions"},
		{"client certificate", k.MutualTLS(), fmt.Sprintf("tls: {ca_file: %s, cert_file: %s, key_file: %s}", k.CAFile(), certFile, keyFile), 0, "order-topic, 3 partitions"},
		{"wrong password", k.SASL(), login("SCRAM-SHA-256", "wrong"), 2, "sluice.yaml:1: kafka.sasl: Kafka can't be asked: Kafka refused the credentials: wrong username or password"},
		{"unknown authority", k.TLS(), login("PLAIN", "right") + ", tls: true", 0, "kafka.brokers: warning: Kafka can't be asked: the broker's certificate is signed by no authority known here (kafka.tls.ca_file)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			keys := ""
			if tt.keys != "" {
				keys = ", " + tt.keys
			}
			inDir(t, fmt.Sprintf("kafka: {brokers: [%q]%s}\nstreams: {orders: {topic: order-topic, user: key}}\nlisten: localhost:8080\nauth: none\n", tt.broker, keys),
				map[string]string{"right": kafkatest.Password + "\n", "wrong": "wrong\n"})
			status, stdout, stderr := runCheck(t)
			if status != tt.status || !strings.Contains(stdout+stderr, tt.want) {
				t.Errorf("status %d, want %d and %q\n--- stdout\n%s--- stderr\n%s", status, tt.status, tt.want, stdout, stderr)
			}
		})
	}
}
