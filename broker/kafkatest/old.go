package kafkatest

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// Old is an older Kafka, with ZooKeeper and without topic ids.
type Old struct {
	// Release is the version of Kafka's jars.
	Release string

	pom        pom
	properties settings
}

// The releases that [StartOld] runs.
var (
	// Upgraded is a broker of release 3.9 in the middle of a rolling upgrade from 2.6. The
	// brokers still speak the old protocol with each other, so topics have no ids. But
	// clients may speak versions of Fetch that name a topic by its id alone.
	Upgraded = Old{"3.9.1", pom39, settings{"inter.broker.protocol.version": "2.6"}}

	// BeforeIDs is the last release in which nobody knew of topic ids.
	BeforeIDs = Old{"2.7.2", pom27, nil}
)

// StartOld starts an old Kafka of the test's own, with its ZooKeeper, and returns when it
// answers. Both are killed, and their data removed, when the test ends.
func StartOld(t testing.TB, old Old, opts ...Option) *Cluster {
	t.Helper()
	c := &Cluster{t: t}
	t.Cleanup(c.close)
	if err := c.startOld(old, opts); err != nil {
		giveUp(t, err)
	}
	return c
}

func (c *Cluster) startOld(old Old, opts []Option) error {
	run, err := newProgram(old.pom)
	if err != nil {
		return err
	}
	lease, err := leasePorts()
	if err != nil {
		return err
	}
	c.broker = broker(lease, run.java, run.jars, "512m")
	if c.access, err = newAccess(c.Plaintext()); err != nil {
		return err
	}
	keeper, err := leasePorts()
	if err != nil {
		return err
	}
	c.zookeeper = &node{
		lease: keeper, java: run.java, jars: run.jars, heap: "128m",
		class: "org.apache.zookeeper.server.quorum.QuorumPeerMain", properties: zookeeperFile, log: logFile,
	}
	err = settings{
		"dataDir":           keeper.path(dataDir),
		"clientPort":        keeper.port(portController),
		"clientPortAddress": "127.0.0.1",
		"tickTime":          "500", // ms; no session can be shorter than two
		// How a test asks which brokers' sessions go on.
		"4lw.commands.whitelist": "dump",
		// Otherwise it opens a web page on another port.
		"admin.enableServer": "false",
	}.write(keeper.path(zookeeperFile))
	if err != nil {
		return err
	}
	p := common()
	p["broker.id"] = "0"
	p["zookeeper.connect"] = keeper.address(portController)
	p["zookeeper.session.timeout.ms"] = "4000"
	p["log.dirs"] = lease.path(dataDir)
	p.listeners(lease, []listener{{"PLAINTEXT", "PLAINTEXT", portPlaintext}})
	for key, value := range old.properties {
		p[key] = value
	}
	if err := p.with(opts).write(lease.path(propertiesFile)); err != nil {
		return err
	}
	answers := func(ctx context.Context) bool {
		_, err := c.sessions(ctx)
		return err == nil
	}
	if err := c.zookeeper.boot(answers); err != nil {
		return fmt.Errorf("ZooKeeper: %w", err)
	}
	return c.broker.bootBroker(c.id)
}

// sessions is what ZooKeeper knows of the brokers: its answer to the command dump.
func (c *Cluster) sessions(ctx context.Context) (string, error) {
	// It takes questions before it can answer them, and then never does.
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	connection, err := new(net.Dialer).DialContext(ctx, "tcp", c.zookeeper.lease.address(portController))
	if err != nil {
		return "", err
	}
	defer connection.Close()
	end, _ := ctx.Deadline()
	if err := connection.SetDeadline(end); err != nil {
		return "", err
	}
	if _, err := connection.Write([]byte("dump\n")); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(connection)
	return string(answer), err
}

// awaitNoSession waits until ZooKeeper has forgotten the broker that was killed: until
// then it would end as it starts.
func (c *Cluster) awaitNoSession() error {
	return c.zookeeper.await(c.zookeeper.process, func(ctx context.Context) bool {
		sessions, err := c.sessions(ctx)
		return err == nil && !strings.Contains(sessions, fmt.Sprintf("/brokers/ids/%d", c.id))
	})
}
