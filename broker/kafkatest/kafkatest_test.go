package kafkatest_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"sluice/broker/kafkatest"
)

func TestMain(m *testing.M) { os.Exit(kafkatest.Run(m)) }

// withTLS trusts the cluster's authority, and nothing else.
func withTLS(t *testing.T, c *kafkatest.Cluster, certificates ...tls.Certificate) kgo.Opt {
	t.Helper()
	ca, err := os.ReadFile(c.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		t.Fatalf("%s holds no certificate", c.CAFile())
	}
	return kgo.DialTLSConfig(&tls.Config{RootCAs: roots, Certificates: certificates})
}

func TestEveryListenerProducesAndConsumes(t *testing.T) {
	c := kafkatest.Shared(t)
	certFile, keyFile := c.ClientCertificate()
	certificate, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	login := scram.Auth{User: kafkatest.User, Pass: kafkatest.Password}
	plainLogin := plain.Auth{User: kafkatest.User, Pass: kafkatest.Password}
	for _, tt := range []struct {
		name, topic string
		opts        []kgo.Opt
	}{
		{"plaintext", "plaintext", []kgo.Opt{kgo.SeedBrokers(c.Plaintext())}},
		{"SCRAM-SHA-256", "scram-256", []kgo.Opt{kgo.SeedBrokers(c.SASL()), kgo.SASL(login.AsSha256Mechanism())}},
		{"SCRAM-SHA-512", "scram-512", []kgo.Opt{kgo.SeedBrokers(c.SASL()), kgo.SASL(login.AsSha512Mechanism())}},
		{"PLAIN", "plain", []kgo.Opt{kgo.SeedBrokers(c.SASL()), kgo.SASL(plainLogin.AsMechanism())}},
		{"SCRAM over TLS", "scram-tls", []kgo.Opt{kgo.SeedBrokers(c.TLS()), kgo.SASL(login.AsSha256Mechanism()), withTLS(t, c)}},
		{"client certificate", "mutual-tls", []kgo.Opt{kgo.SeedBrokers(c.MutualTLS()), withTLS(t, c, certificate)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c.CreateTopic(t, tt.topic, 1)
			client := c.Client(t, tt.opts...)
			produce(t, client, tt.topic, "o-1")
			if got := first(t, c.Client(t, append(tt.opts, kgo.ConsumeTopics(tt.topic))...)); got != "o-1" {
				t.Errorf("consumed %q, want the record that was produced", got)
			}
		})
	}
}

func TestListenersRefuse(t *testing.T) {
	c := kafkatest.Shared(t)
	wrong := scram.Auth{User: kafkatest.User, Pass: "wrong"}
	for _, tt := range []struct {
		name string
		opts []kgo.Opt
	}{
		{"a wrong password", []kgo.Opt{kgo.SeedBrokers(c.SASL()), kgo.SASL(wrong.AsSha256Mechanism())}},
		{"no client certificate", []kgo.Opt{kgo.SeedBrokers(c.MutualTLS()), withTLS(t, c)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client := c.Client(t, append(tt.opts, kgo.RequestRetries(0))...)
			if err := client.Ping(bounded(t)); err == nil {
				t.Error("the broker answered")
			}
		})
	}
}

func TestDataOutlivesKillAndStop(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Properties(map[string]string{"log.retention.check.interval.ms": "2500"}))
	c.CreateTopic(t, "orders", 1)
	client := c.Client(t)
	produce(t, client, "orders", "o-1")
	c.Kill()
	c.Start()
	produce(t, client, "orders", "o-2") // the client finds the broker where it was
	c.Stop()
	c.Start()
	ends, err := c.Admin().ListEndOffsets(bounded(t), "orders")
	if err != nil {
		t.Fatal(err)
	}
	if end, _ := ends.Lookup("orders", 0); end.Offset != 2 {
		t.Errorf("the topic ends at offset %d (%v), want both records there", end.Offset, end.Err)
	}
	config, err := c.Admin().DescribeBrokerConfigs(bounded(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range config[0].Configs {
		if line.Key == "log.retention.check.interval.ms" && line.MaybeValue() != "2500" {
			t.Errorf("%s is %s, want what Properties set", line.Key, line.MaybeValue())
		}
	}
}

func TestTopicsAreNotCreatedByAsking(t *testing.T) {
	c := kafkatest.Shared(t)
	client := c.Client(t, kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(0))
	if err := client.ProduceSync(bounded(t), &kgo.Record{Topic: "nobody-made-me"}).FirstErr(); err == nil {
		t.Error("a record went to a topic that nobody created")
	}
}

// bounded is the test's context with an end: running into it is a failure.
func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func produce(t *testing.T, client *kgo.Client, topic, value string) {
	t.Helper()
	if err := client.ProduceSync(bounded(t), &kgo.Record{Topic: topic, Value: []byte(value)}).FirstErr(); err != nil {
		t.Fatalf("producing %s: %v", value, err)
	}
}

// first returns the value of the first record that the client is sent.
func first(t *testing.T, client *kgo.Client) string {
	t.Helper()
	fetches := client.PollFetches(bounded(t))
	if err := fetches.Err(); err != nil {
		t.Fatal(err)
	}
	return string(fetches.Records()[0].Value)
}
