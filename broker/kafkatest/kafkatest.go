// Package kafkatest runs a real Apache Kafka for tests. It takes the jars from Maven
// Central, and free ports of the loopback address. Each cluster has its own data.
//
//	cluster := kafkatest.Start(t)
//	cluster.CreateTopic(t, "orders", 6)
//	client := cluster.Client(t)
//
// [Start] is one KRaft node, [StartReplicated] are three, and [StartOld] is a broker of
// an older release with its ZooKeeper.
//
// It needs Java 17 or newer, and Maven the first time. If one is missing, the test is
// skipped and says what to install. With SLUICE_TEST_ALL=1 it fails instead.
//
// A start takes about three seconds of two cores, and twice that with replicas or
// ZooKeeper. Tests that can live together in one Kafka (with separate topics, without
// kills) take [Shared].
//
// A client that asks for a topic never creates it. Otherwise a deleted topic could come
// back by itself, and hide what the tests of new topics look for.
//
// The files: kafkatest.go has a cluster of one node, replicated.go of three, old.go of an
// old release, and shared.go the one for all tests. start.go starts them, and node.go is
// one process (package child). access.go is how tests reach them. settings.go and
// certificates.go write their files, jars.go and java.go find the programs. port_lease.go
// finds ports, with the locks of lock_unix.go and lock_other.go. parallel.go lets tests
// that wait run side by side.
package kafkatest

import (
	"maps"
	"strings"
	"testing"
	"time"
)

// The one user of the SASL listeners, known to SCRAM-SHA-256, SCRAM-SHA-512 and PLAIN.
const (
	User     = "gateway"
	Password = "gateway-secret"
)

// patience bounds each wait for the broker. It is far beyond what a loaded machine needs,
// so running into it is a failure and never a measure.
const patience = 2 * time.Minute

// Cluster is one Kafka node. Kill, Stop and Start are for the goroutine of the test that
// started it; everything else may be called by anyone.
type Cluster struct {
	access
	t         testing.TB // nil for the shared cluster
	id        int32      // of the broker
	broker    *node
	zookeeper *node // nil for a KRaft node
}

// An Option changes how a cluster is set up.
type Option func(settings)

// Properties overrides lines of server.properties, such as
// log.retention.check.interval.ms.
func Properties(override map[string]string) Option {
	return func(p settings) {
		for key, value := range override {
			p[key] = value
		}
	}
}

// AdvertiseSASL makes the broker tell clients of [Cluster.SASL] that it is at this host,
// on the same port.
func AdvertiseSASL(host string) Option {
	return func(p settings) {
		advertised := strings.Split(p["advertised.listeners"], ",")
		for i, listener := range advertised {
			if name, address, _ := strings.Cut(listener, "://"); name == "SASL_PLAIN" {
				_, port, _ := strings.Cut(address, ":")
				advertised[i] = name + "://" + host + ":" + port
			}
		}
		p["advertised.listeners"] = strings.Join(advertised, ",")
	}
}

// PasswordAndCertificate makes [Cluster.TLS] want a client certificate too, as
// [Cluster.MutualTLS] does.
func PasswordAndCertificate() Option {
	return func(p settings) {
		for key, value := range maps.Clone(p) {
			if rest, found := strings.CutPrefix(key, "listener.name.mutual_tls."); found {
				p["listener.name.sasl_tls."+rest] = value
			}
		}
	}
}

// Start starts a Kafka of the test's own and returns when it answers. It is killed,
// and its data removed, when the test ends.
func Start(t testing.TB, opts ...Option) *Cluster {
	t.Helper()
	c, err := startCluster(opts)
	if err != nil {
		giveUp(t, err)
	}
	c.t = t
	t.Cleanup(c.close)
	return c
}

// Plaintext is the address of the listener without authentication. A broker of [StartOld]
// has no other.
func (c *Cluster) Plaintext() string { return c.broker.lease.address(portPlaintext) }

// SASL is the address of the listener that wants [User] and [Password], unencrypted.
func (c *Cluster) SASL() string { return c.broker.lease.address(portSASL) }

// TLS is the address of the listener that wants [User] and [Password] over TLS.
func (c *Cluster) TLS() string { return c.broker.lease.address(portSASLTLS) }

// MutualTLS is the address of the TLS listener that wants a client certificate
// ([Cluster.ClientCertificate]) and no password.
func (c *Cluster) MutualTLS() string { return c.broker.lease.address(portMutualTLS) }

// CAFile is the PEM file of the authority that signed the broker's certificate,
// which is good for localhost and 127.0.0.1.
func (c *Cluster) CAFile() string { return c.broker.lease.path(caFile) }

// ClientCertificate returns the PEM files of a certificate that [Cluster.MutualTLS]
// accepts.
func (c *Cluster) ClientCertificate() (certFile, keyFile string) {
	return c.broker.lease.path(clientCertFile), c.broker.lease.path(clientKeyFile)
}

// NewCertificates replaces the authority and all that it signed, in the same files. The
// broker takes them up when it starts again.
func (c *Cluster) NewCertificates() {
	if c.t == nil {
		panic("kafkatest: the shared cluster is everybody's: take Start(t) for certificates of its own")
	}
	c.t.Helper()
	if err := writeCertificates(c.broker.lease.dir); err != nil {
		c.t.Fatalf("kafkatest: making certificates: %v", err)
	}
}

// Kill ends the broker as a crash does (SIGKILL); what it acknowledged stays.
func (c *Cluster) Kill() { c.end((*node).kill) }

// Stop shuts the broker down cleanly; its data stays.
func (c *Cluster) Stop() { c.end((*node).stop) }

func (c *Cluster) end(how func(*node) error) {
	if c.t == nil {
		panic("kafkatest: the shared cluster is everybody's: take Start(t) to end one")
	}
	c.t.Helper()
	endNode(c.t, c.broker, how)
}

func endNode(t testing.TB, n *node, how func(*node) error) {
	t.Helper()
	if n.process == nil {
		t.Fatal("kafkatest: the broker is not running")
	}
	if err := how(n); err != nil {
		t.Fatalf("kafkatest: ending the broker: %v", err)
	}
}

// Start starts the broker again after [Cluster.Kill] or [Cluster.Stop], with the same
// data on the same ports, and returns when it answers.
func (c *Cluster) Start() {
	c.t.Helper()
	if c.zookeeper != nil {
		if err := c.awaitNoSession(); err != nil {
			c.t.Fatalf("kafkatest: waiting for the killed broker's session to end: %v", err)
		}
	}
	startNode(c.t, c.broker, c.id)
}

func startNode(t testing.TB, n *node, id int32) {
	t.Helper()
	if n.process != nil {
		t.Fatal("kafkatest: the broker is running already")
	}
	if err := n.bootBroker(id); err != nil {
		t.Fatalf("kafkatest: %v", err)
	}
}

// CreateTopic creates a topic, with configuration given as "key=value".
func (c *Cluster) CreateTopic(t testing.TB, topic string, partitions int32, config ...string) {
	t.Helper()
	c.createTopic(t, topic, assignment{partitions: partitions}, config)
}

// close ends the nodes and removes what they wrote.
func (c *Cluster) close() {
	c.access.close()
	for _, n := range []*node{c.broker, c.zookeeper} {
		if n != nil {
			n.close()
		}
	}
}
