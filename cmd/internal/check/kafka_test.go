package check

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

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
		{"unknown authority", k.TLS(), login("PLAIN", "right") + ", tls: true", 1, "kafka.brokers: warning: Kafka can't be asked: the broker's certificate is signed by no authority known here (kafka.tls.ca_file)"},
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

// Rights as a real Kafka checks them: what may be described is not what may be read.
func TestARealKafkaThatDeniesReadIsNamed(t *testing.T) {
	k := kafkatest.Start(t, kafkatest.Properties(map[string]string{
		"authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"super.users":           "User:ANONYMOUS", // of the plain text listener and the controller
	}))
	k.CreateTopic(t, "order-topic", 3)
	allow := func(what kadm.ACLOperation) {
		t.Helper()
		b := kadm.NewACLs().Topics("order-topic").ResourcePatternType(kadm.ACLPatternLiteral).Allow("User:" + kafkatest.User).AllowHosts().Operations(what)
		made, err := k.Admin().CreateACLs(t.Context(), b)
		if err == nil && len(made) > 0 {
			err = made[0].Err
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	inDir(t, fmt.Sprintf("kafka: {brokers: [%q], sasl: {mechanism: PLAIN, username: %s, password_file: right}}\nstreams: {orders: {topic: order-topic, user: key}}\nlisten: localhost:8080\nauth: none\n", k.SASL(), kafkatest.User),
		map[string]string{"right": kafkatest.Password + "\n"})
	const denied = "sluice.yaml:2: streams.orders.topic: order-topic: Kafka doesn't allow this user to use the topic: it needs the READ and DESCRIBE permissions"
	for _, tt := range []struct {
		allowed kadm.ACLOperation // from here on
		status  int
		denied  bool
	}{{kadm.OpDescribe, 2, true}, {kadm.OpRead, 0, false}} {
		allow(tt.allowed)
		// A broker hears of rights a moment after they were given.
		var status int
		var stdout, stderr string
		for range 50 {
			if status, stdout, stderr = runCheck(t); strings.Contains(stderr, denied) == tt.denied && (tt.denied || status == tt.status) {
				break
			}
		}
		if status != tt.status || strings.Contains(stderr, denied) != tt.denied || strings.Contains(stdout, "can be served") == tt.denied {
			t.Errorf("%v allowed: status %d\n--- stdout\n%s--- stderr\n%s", tt.allowed, status, stdout, stderr)
		}
	}
}
