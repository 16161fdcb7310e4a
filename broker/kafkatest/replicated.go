package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// Replicated is a Kafka of three KRaft brokers, 1, 2 and 3. Broker 1 is the controller
// too, and the only one: with it down nobody is elected, and with it up an election waits
// for no quorum. Kill, Stop and Start are for the goroutine of the test; everything else
// may be called by anyone.
type Replicated struct {
	access
	t     testing.TB
	nodes map[int32]*node // by broker id
}

// replicas is how many brokers there are.
const replicas = 3

// StartReplicated starts three brokers of the test's own, and returns when all of them
// answer. They are killed, and their data removed, when the test ends.
//
// A partition has the replicas that [Replicated.CreateTopic] gives it. By default one
// in-sync replica is enough to write, and the leader is not chosen uncleanly: see the
// topic's unclean.leader.election.enable.
func StartReplicated(t testing.TB, opts ...Option) *Replicated {
	t.Helper()
	c := &Replicated{t: t, nodes: make(map[int32]*node)}
	t.Cleanup(c.close)
	if err := c.startNodes(opts); err != nil {
		giveUp(t, err)
	}
	return c
}

func (c *Replicated) startNodes(opts []Option) error {
	run, err := newProgram(pom41)
	if err != nil {
		return err
	}
	for id := range int32(replicas) {
		lease, err := leasePorts()
		if err != nil {
			return err
		}
		c.nodes[id+1] = broker(lease, run.java, run.jars, "384m")
	}
	var addresses []string
	for _, id := range slices.Sorted(maps.Keys(c.nodes)) {
		addresses = append(addresses, c.nodes[id].lease.address(portPlaintext))
	}
	if c.access, err = newAccess(addresses...); err != nil {
		return err
	}
	// Together, since a broker waits for the controller and the controller for nobody.
	cluster, controller := clusterID(), c.nodes[1].lease
	failures := make(chan error, len(c.nodes))
	var starting sync.WaitGroup
	for id, n := range c.nodes {
		starting.Go(func() {
			err := replica(n.lease, id, controller).with(opts).write(n.lease.path(propertiesFile))
			if err == nil {
				err = n.format(cluster)
			}
			if err == nil {
				err = n.bootBroker(id)
			}
			if err != nil {
				failures <- fmt.Errorf("broker %d: %w", id, err)
			}
		})
	}
	starting.Wait()
	close(failures)
	var failed []error
	for err := range failures {
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// Kill ends a broker as a crash does (SIGKILL). Its data stays.
func (c *Replicated) Kill(id int32) {
	c.t.Helper()
	endNode(c.t, c.nodes[id], (*node).kill)
}

// Stop shuts a broker down cleanly: it hands its partitions over first.
func (c *Replicated) Stop(id int32) {
	c.t.Helper()
	endNode(c.t, c.nodes[id], (*node).stop)
}

// Start starts a broker again after [Replicated.Kill] or [Replicated.Stop], with the same
// data on the same ports, and returns when it answers.
func (c *Replicated) Start(id int32) {
	c.t.Helper()
	startNode(c.t, c.nodes[id], id)
}

// CreateTopic creates a topic with a partition for each list of replicas: the ids of the
// brokers that hold it, of which the first is to lead. Configuration is given as
// "key=value".
func (c *Replicated) CreateTopic(t testing.TB, topic string, replicas [][]int32, config ...string) {
	t.Helper()
	c.createTopic(t, topic, assignment{replicas: replicas}, config)
	c.Await(t, topic, "led by its first replica, all in sync", func(p kadm.PartitionDetail) bool {
		return p.Leader == replicas[p.Partition][0] && len(p.ISR) == len(replicas[p.Partition])
	})
}

// Await waits until all partitions of the topic are as the condition has it. Partitions
// that no broker leads have the leader -1.
func (c *Replicated) Await(t testing.TB, topic, what string, condition func(kadm.PartitionDetail) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		topics, err := c.adminClient.ListTopics(ctx, topic)
		found := topics[topic].Partitions
		if err == nil && len(found) > 0 && !slices.ContainsFunc(slices.Collect(maps.Values(found)),
			func(p kadm.PartitionDetail) bool { return !condition(p) }) {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("kafkatest: waiting for the partitions of %s to be %s: %v %+v", topic, what, err, found)
		}
	}
}

// close ends the brokers and removes what they wrote.
func (c *Replicated) close() {
	c.access.close()
	for _, n := range c.nodes {
		n.close()
	}
}

// replica are the properties of one of several brokers, of which one is the controller.
func replica(lease *portLease, id int32, controller *portLease) settings {
	p := kraft(lease)
	p["node.id"] = strconv.Itoa(int(id))
	p["controller.quorum.voters"] = "1@" + controller.address(portController)
	p["auto.leader.rebalance.enable"] = "false" // the test decides which broker leads
	p["min.insync.replicas"] = "1"
	p["log.dirs"] = lease.path(dataDir)
	open := []listener{{"PLAINTEXT", "PLAINTEXT", portPlaintext}}
	p["process.roles"] = "broker"
	if id == 1 {
		p["process.roles"] = "broker,controller"
		open = append(open, controllerListener)
	}
	p.listeners(lease, open)
	return p
}
