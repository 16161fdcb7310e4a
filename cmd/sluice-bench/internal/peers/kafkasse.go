//go:build linux

package peers

import (
	"context"
	_ "embed"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"sluice/cmd/sluice-bench/internal/process"
)

// kafkaSSEPeer is Wikimedia's kafka-sse for Node.js, a Kafka consumer for each
// client. It takes no user: its clients read a whole topic.
var kafkaSSEPeer = Peer{
	Name: "kafka-sse", About: "Wikimedia's kafka-sse on Node.js, a Kafka consumer for each client",
	Kafka: true, only: []Audience{Public},
	lacks: func() string {
		if _, err := exec.LookPath("node"); err != nil {
			return "there is no node"
		}
		if _, err := os.Stat(filepath.Join(kafkaSSEModules(), "kafka-sse")); err != nil {
			return "run `npm install kafka-sse` somewhere and set " + kafkaSSEDir + " to that directory"
		}
		return ""
	},
	Start: startKafkaSSE,
}

const kafkaSSEDir = "SLUICE_BENCH_KAFKA_SSE"

func kafkaSSEModules() string { return filepath.Join(os.Getenv(kafkaSSEDir), "node_modules") }

//go:embed kafka-sse.js
var kafkaSSEServer []byte

func startKafkaSSE(ctx context.Context, env Env, sh Shape) (*Target, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(env.Dir, "kafka-sse.js")
	if err := os.WriteFile(file, kafkaSSEServer, 0o600); err != nil {
		return nil, err
	}
	// Each client's consumer blocks one of Node's worker threads while it waits; of
	// the usual four there would soon be none left.
	environ := []string{"NODE_PATH=" + kafkaSSEModules(), "UV_THREADPOOL_SIZE=1024"}
	c, err := process.Start(env.Dir, "kafka-sse", environ, "node", file, port, strings.Join(env.Brokers, ","), sh.Topics[Public])
	if err != nil {
		return nil, err
	}
	t := published(addr)
	t.Window = 10              // each request is a new Kafka consumer,
	t.Slack = 10 * time.Second // which finds the topic's end only after the head is out
	return started(ctx, c, t)
}
