package kafkatest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"sluice/broker/kafkatest/child"
)

// node is one Java process of a cluster: a broker, or the ZooKeeper of an old one.
type node struct {
	lease      *portLease
	java       string // path of the java command
	jars       string // directory of the jars
	heap       string // the most that it may take, as -Xmx has it
	class      string // what is run
	properties string // file in the leased directory that it is run with
	log        string // file in the leased directory that its output goes to

	process *child.Process // nil while it is down
}

// broker is the node that runs a Kafka broker.
func broker(lease *portLease, java, jars, heap string) *node {
	return &node{
		lease: lease, java: java, jars: jars, heap: heap,
		class: "kafka.Kafka", properties: propertiesFile, log: logFile,
	}
}

// command is a Java program from the node's jars. TieredStopAtLevel=1 and the serial
// collector halve the processor time of a start. A test's broker never lives long enough
// to miss the rest.
func (n *node) command(ctx context.Context, class string, args ...string) *exec.Cmd {
	flags := []string{
		"-Xmx" + n.heap, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData",
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
		"-cp", filepath.Join(n.jars, "*"), class,
	}
	return exec.CommandContext(ctx, n.java, append(flags, args...)...)
}

// clusterID makes the id that all nodes of a KRaft cluster are formatted with.
func clusterID() string {
	id := make([]byte, 16)
	rand.Read(id)
	id[0] &= 0x7f // keeps the text from beginning with '-', which the tool would take for a flag
	return base64.RawURLEncoding.EncodeToString(id)
}

// format prepares the data directory of a KRaft node.
func (n *node) format(cluster string, more ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	args := append([]string{"format", "-t", cluster, "-c", n.lease.path(n.properties)}, more...)
	if said, err := n.command(ctx, "kafka.tools.StorageTool", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("formatting Kafka's storage: %w\n%s", err, said)
	}
	return nil
}

// boot starts the node and returns when it answers.
func (n *node) boot(answers func(context.Context) bool) error {
	process, err := child.Start(n.command(context.Background(), n.class, n.lease.path(n.properties)), n.lease.path(n.log))
	if err != nil {
		return fmt.Errorf("starting %s: %w", n.class, err)
	}
	if err := n.await(process, answers); err != nil {
		return errors.Join(err, process.Kill(), n.lastWords())
	}
	n.process = process
	return nil
}

// bootBroker starts a broker. It answers once it has recovered its logs and opened its
// listeners, when its own metadata counts it among the living.
func (n *node) bootBroker(id int32) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(n.lease.address(portPlaintext)))
	if err != nil {
		return err
	}
	defer client.Close()
	itself := client.SeedBrokers()[0]
	return n.boot(func(ctx context.Context) bool {
		answer, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, itself)
		return err == nil && slices.ContainsFunc(answer.Brokers, func(b kmsg.MetadataResponseBroker) bool { return b.NodeID == id })
	})
}

// await waits until the process answers.
func (n *node) await(process *child.Process, answers func(context.Context) bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for !answers(ctx) {
		select {
		case <-again.C:
		case <-process.Ended():
			return fmt.Errorf("%s ended while starting", n.class)
		case <-ctx.Done():
			return fmt.Errorf("%s doesn't answer: %w", n.class, ctx.Err())
		}
	}
	return nil
}

// kill ends the node as a crash does. It does nothing to one that is down.
func (n *node) kill() error { return n.end((*child.Process).Kill) }

// stop shuts the node down cleanly.
func (n *node) stop() error {
	return n.end(func(p *child.Process) error {
		_, err := p.Terminate() // a JVM's status after SIGTERM is 143, whatever happened
		return err
	})
}

func (n *node) end(how func(*child.Process) error) error {
	if n.process == nil {
		return nil
	}
	err := how(n.process)
	n.process = nil
	return err
}

// close kills the node and removes what it wrote.
func (n *node) close() {
	_ = n.kill() // it can only have ended already
	n.lease.release()
}

// lastWords is the end of the node's log, as an error.
func (n *node) lastWords() error {
	log, err := os.ReadFile(n.lease.path(n.log))
	if err != nil {
		return err
	}
	lines := bytes.Split(bytes.TrimSpace(log), []byte("\n"))
	return fmt.Errorf("the last it said:\n%s", bytes.Join(lines[max(0, len(lines)-20):], []byte("\n")))
}
