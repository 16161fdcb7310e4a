// Package kafkatest runs a real Apache Kafka for tests: one KRaft node, from Maven Central's
// jars, with data of its own, on free ports of the loopback address.
//
//	cluster := kafkatest.Start(t)
//	cluster.CreateTopic("orders", 6)
//	client := cluster.Client(t)
//
// It needs Java 17 or newer, and Maven the first time. Where one is missing the test is
// skipped with a word on what to install; with SLUICE_TEST_ALL=1 it fails instead.
//
// A start costs three seconds or so of two cores. Packages whose tests can live beside each
// other in one Kafka (own topics, no kills) take [Shared].
//
// Topics are never created by a client asking for them: a deleted topic that
// comes back by itself would hide what re-creation tests look for.
package kafkatest

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/kafkatest/child"
)

// The one user of the SASL listeners, known to SCRAM-SHA-256, SCRAM-SHA-512 and PLAIN.
const (
	User     = "gateway"
	Password = "gateway-secret"
)

// patience bounds each wait for the broker. It is far beyond what a loaded machine needs, so
// running into it is a failure and never a measure.
const patience = 2 * time.Minute

// Cluster is one Kafka node. Kill, Stop and Start are for the goroutine of the test that
// started it; everything else may be called by anyone.
type Cluster struct {
	t     testing.TB // nil for the shared cluster
	place *place
	java  string // path of the java command
	jars  string // directory of the broker's jars

	broker *child.Process // nil while it is down
	admin  *kadm.Client
}

// An Option changes how a cluster is set up.
type Option func(properties)

// Properties overrides lines of server.properties, such as log.retention.check.interval.ms.
func Properties(override map[string]string) Option {
	return func(p properties) {
		for key, value := range override {
			p[key] = value
		}
	}
}

// Start starts a Kafka of the test's own and returns when it answers. It is killed,
// and its data removed, when the test ends.
func Start(t testing.TB, opts ...Option) *Cluster {
	t.Helper()
	c, err := start(opts)
	if err != nil {
		giveUp(t, err)
	}
	c.t = t
	t.Cleanup(c.close)
	return c
}

// Plaintext is the address of the listener without authentication.
func (c *Cluster) Plaintext() string { return c.place.address(portPlaintext) }

// SASL is the address of the listener that wants [User] and [Password], unencrypted.
func (c *Cluster) SASL() string { return c.place.address(portSASL) }

// TLS is the address of the listener that wants [User] and [Password] over TLS.
func (c *Cluster) TLS() string { return c.place.address(portSASLTLS) }

// MutualTLS is the address of the TLS listener that wants a client certificate
// ([Cluster.ClientCertificate]) and no password.
func (c *Cluster) MutualTLS() string { return c.place.address(portMutualTLS) }

// CAFile is the PEM file of the authority that signed the broker's certificate,
// which is good for localhost and 127.0.0.1.
func (c *Cluster) CAFile() string { return filepath.Join(c.place.dir, caFile) }

// ClientCertificate returns the PEM files of a certificate that [Cluster.MutualTLS] accepts.
func (c *Cluster) ClientCertificate() (certFile, keyFile string) {
	return filepath.Join(c.place.dir, clientCertFile), filepath.Join(c.place.dir, clientKeyFile)
}

// Kill ends the broker as a crash does (SIGKILL); what it acknowledged stays.
func (c *Cluster) Kill() {
	c.end((*child.Process).Kill)
}

// Stop shuts the broker down cleanly; its data stays.
func (c *Cluster) Stop() {
	c.end(func(p *child.Process) error {
		_, err := p.Terminate() // a JVM's status after SIGTERM is 143, whatever happened
		return err
	})
}

func (c *Cluster) end(how func(*child.Process) error) {
	if c.t == nil {
		panic("kafkatest: the shared cluster is everybody's: take Start(t) to end one")
	}
	c.t.Helper()
	if c.broker == nil {
		c.t.Fatal("kafkatest: the broker is not running")
	}
	if err := how(c.broker); err != nil {
		c.t.Fatalf("kafkatest: ending the broker: %v", err)
	}
	c.broker = nil
}

// Start starts the broker again after [Cluster.Kill] or [Cluster.Stop], with the same data
// on the same ports, and returns when it answers.
func (c *Cluster) Start() {
	c.t.Helper()
	if c.broker != nil {
		c.t.Fatal("kafkatest: the broker is running already")
	}
	if err := c.boot(); err != nil {
		c.t.Fatalf("kafkatest: %v", err)
	}
}

// Client returns a client of the plaintext listener that is closed with the test.
func (c *Cluster) Client(t testing.TB, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(c.Plaintext())}, opts...)...)
	if err != nil {
		t.Fatalf("kafkatest: %v", err)
	}
	t.Cleanup(client.Close)
	return client
}

// Admin is an administration client of the plaintext listener; it lives as long as the cluster.
func (c *Cluster) Admin() *kadm.Client { return c.admin }

// CreateTopic creates a topic, with configuration given as "key=value".
func (c *Cluster) CreateTopic(t testing.TB, topic string, partitions int32, config ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	values := make(map[string]*string, len(config))
	for _, line := range config {
		key, value, found := strings.Cut(line, "=")
		if !found {
			t.Fatalf("kafkatest: topic configuration %q is not key=value", line)
		}
		values[key] = &value
	}
	if _, err := c.admin.CreateTopic(ctx, partitions, 1, values, topic); err != nil {
		t.Fatalf("kafkatest: creating topic %s: %v", topic, err)
	}
}
