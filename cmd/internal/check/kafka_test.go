package check

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"sluice/broker/kafkatest"
)

func TestMain(m *testing.M) { os.Exit(kafkatest.Run(m)) }

// Each way to write kafka: reaches the listener of a real Kafka that it is for, or says
// why not.
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

// What keeps the gateway from reading a real Kafka is named, with the key to change, and
// tells the exit status, in words and as JSON. Rights are as Kafka checks them: what may
// be described is not what may be read.
func TestWhatARealKafkaRefusesIsNamed(t *testing.T) {
	k := kafkatest.Start(t, kafkatest.AdvertiseSASL("kafka.invalid"), kafkatest.Properties(map[string]string{
		"authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"super.users":           "User:ANONYMOUS", // of the plain text listener and the controller
	}))
	for _, topic := range []string{"described", "hidden"} {
		k.CreateTopic(t, topic, 3)
	}
	another, _ := authority(t)
	files := map[string]string{"password": kafkatest.Password + "\n", "another.pem": another}
	login := "sasl: {mechanism: PLAIN, username: " + kafkatest.User + ", password_file: password}"
	trusting := login + ", tls: {ca_file: " + k.CAFile() + "}"
	const needed = ": Kafka doesn't allow this user to use the topic: it needs the READ and DESCRIBE permissions"
	allow(t, k, "described", kadm.OpDescribe)

	for _, tt := range []struct {
		name, broker, keys, topic string
		status, strict            int
		level, key, want          string // of the one finding, without --strict
	}{
		{"READ denied", k.TLS(), trusting, "described", 2, 2, "fault", "streams.orders.topic", "described" + needed},
		{"everything denied", k.TLS(), trusting, "hidden", 2, 2, "fault", "streams.orders.topic", "hidden" + needed},
		{"an advertised name that can't be resolved", k.SASL(), login, "described", 2, 2, "fault", "kafka.brokers",
			`broker 1 can't be asked: no address is known for the host "kafka.invalid" (kafka.brokers, or what the brokers advertise); it leads partitions of described`},
		{"another authority", k.TLS(), login + ", tls: {ca_file: another.pem}", "described", 1, 1, "warning", "kafka.brokers",
			"Kafka can't be asked: the broker's certificate is signed by no authority known here (kafka.tls.ca_file)"},
		{"no client certificate", k.MutualTLS(), "tls: {ca_file: " + k.CAFile() + "}", "described", 1, 1, "warning", "kafka.brokers",
			"Kafka can't be asked: the broker refused the TLS connection: "},
		{"a missing topic", k.Plaintext(), "", "missing", 0, 2, "warning", "streams.orders.topic", "missing: the topic does not exist; the gateway would wait for it"},
		{"nothing", k.Plaintext(), "", "described", 0, 0, "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			keys := tt.keys
			if keys != "" {
				keys = ", " + keys
			}
			inDir(t, fmt.Sprintf("kafka: {brokers: [%q]%s}\nstreams: {orders: {topic: %s, user: key}}\nlisten: localhost:8080\nauth: none\n", tt.broker, keys, tt.topic), files)
			status, stdout, stderr := runCheck(t)
			for range 50 { // a broker hears of rights a moment after they were given
				if status == tt.status && strings.Contains(stderr, tt.want) {
					break
				}
				status, stdout, stderr = runCheck(t)
			}
			if status != tt.status || !strings.Contains(stderr, tt.want) || strings.Contains(stdout, "It can be served") != (tt.status == 0) {
				t.Errorf("status %d, want %d and %q\n--- stdout\n%s--- stderr\n%s", status, tt.status, tt.want, stdout, stderr)
			}
			if status, _, _ := runCheck(t, "--strict"); status != tt.strict {
				t.Errorf("status %d with --strict, want %d", status, tt.strict)
			}
			status, stdout, stderr = runCheck(t, "--json")
			var got resultJSON
			if err := json.Unmarshal([]byte(stdout), &got); err != nil || stderr != "" {
				t.Fatalf("%v\n--- stdout\n%s--- stderr\n%s", err, stdout, stderr)
			}
			if status != tt.status || got.Status != status || got.Served != (status == 0) || got.Learned == (status == 1) {
				t.Errorf("status %d with --json: %+v", status, got)
			}
			named := slices.ContainsFunc(got.Findings, func(f findingJSON) bool {
				return f.Level == tt.level && f.Key == tt.key && strings.Contains(f.Text, tt.want)
			})
			if named != (tt.want != "") || len(got.Findings) > 1 {
				t.Errorf("--json finds %+v", got.Findings)
			}
		})
	}

	allow(t, k, "described", kadm.OpRead)
	inDir(t, fmt.Sprintf("kafka: {brokers: [%q], %s}\nstreams: {orders: {topic: described, user: key}}\nlisten: localhost:8080\nauth: none\n", k.TLS(), trusting), files)
	status, stdout, stderr := runCheck(t, "--strict")
	for range 50 {
		if status == 0 {
			break
		}
		status, stdout, stderr = runCheck(t, "--strict")
	}
	if status != 0 || !strings.Contains(stdout, "It can be served.") {
		t.Errorf("READ allowed: status %d\n--- stdout\n%s--- stderr\n%s", status, stdout, stderr)
	}

	// To read a topic is not to write it.
	inDir(t, fmt.Sprintf("kafka: {brokers: [%q], %s}\nstreams: {orders: {topic: described, user: key}}\nlisten: localhost:8080\nauth: {jwt: {secret: 0123456789abcdef0123456789abcdef, require_exp: true}}\npublish: {streams: [orders], roles: [backend]}\n", k.TLS(), trusting), files)
	if status, _, stderr := runCheck(t); status != 2 || !strings.Contains(stderr, "publish.streams: described: Kafka doesn't allow this user to write to it (WRITE); grant it") {
		t.Errorf("status %d\n%s", status, stderr)
	}
}

// allow lets the user do this with a topic.
func allow(t *testing.T, k *kafkatest.Cluster, topic string, what kadm.ACLOperation) {
	t.Helper()
	b := kadm.NewACLs().Topics(topic).ResourcePatternType(kadm.ACLPatternLiteral).Allow("User:" + kafkatest.User).AllowHosts().Operations(what)
	made, err := k.Admin().CreateACLs(t.Context(), b)
	if err == nil && len(made) > 0 {
		err = made[0].Err
	}
	if err != nil {
		t.Fatal(err)
	}
}
