package bench

import (
	"context"
	_ "embed"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// kafkaSSEPeer is Wikimedia's kafka-sse for Node.js, a Kafka consumer for each
// client. It takes no user: its clients read a whole topic.
var kafkaSSEPeer = peer{
	name: "kafka-sse", about: "Wikimedia's kafka-sse on Node.js, a Kafka consumer for each client",
	kafka: true, only: []audience{public},
	lacks: func() string {
		if _, err := exec.LookPath("node"); err != nil {
			return "there is no node"
		}
		if _, err := os.Stat(filepath.Join(kafkaSSEModules(), "kafka-sse")); err != nil {
			return "run `npm install kafka-sse` somewhere and set " + kafkaSSEDir + " to that directory"
		}
		return ""
	},
	start: startKafkaSSE,
}

const kafkaSSEDir = "SLUICE_BENCH_KAFKA_SSE"

func kafkaSSEModules() string { return filepath.Join(os.Getenv(kafkaSSEDir), "node_modules") }

//go:embed kafka-sse.js
var kafkaSSEServer []byte

func startKafkaSSE(ctx context.Context, s *session, sh shape) (*target, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(s.dir, "kafka-sse.js")
	if err := os.WriteFile(file, kafkaSSEServer, 0o600); err != nil {
		return nil, err
	}
	// Each client's consumer blocks one of Node's worker threads while it waits; of
	// the usual four there would soon be none left.
	env := []string{"NODE_PATH=" + kafkaSSEModules(), "UV_THREADPOOL_SIZE=1024"}
	c, err := start(s.dir, "kafka-sse", env, "node", file, port, join(s.brokersNow()), sh.topics[public])
	if err != nil {
		return nil, err
	}
	t := published(addr)
	t.window = 10              // each request is a new Kafka consumer,
	t.slack = 10 * time.Second // which finds the topic's end only after the head is out
	return started(ctx, c, t)
}
