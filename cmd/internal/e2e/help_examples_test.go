package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"sluice/broker/kafkatest/child"
	"sluice/cmd/internal/e2e/gateway"
)

// Every command's help ends with an example. Each is run as it stands, with other ports,
// against the gateway that the example of init has made.
func TestExamplesOfTheHelps(t *testing.T) {
	need(t, "curl", "curl")
	kafka, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders", "copies", "orders.dead"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	t.Setenv("SLUICE_KAFKA_BROKERS", kafka.ListenAddrs()[0])
	t.Setenv("SLUICE_DECISIONS", "1000") // which sluice top --user looks at
	n := onFirstDay(t)
	t.Setenv("PATH", n.dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	demo, err := gateway.Address()
	if err != nil {
		t.Fatal(err)
	}
	n.ports = strings.NewReplacer("localhost:8080", n.public, "127.0.0.1:8081", demo, "https://shop.example", "http://"+n.public, "sluice serve", "exec sluice serve")
	examples := n.examplesOfHelps()
	try := func(command, want string, args ...string) {
		t.Helper()
		line := examples[command]
		delete(examples, command)
		if said := n.bash(line + strings.Join(args, " ")); !strings.Contains(said, want) {
			t.Errorf("%s says\n%s\nwant %q", line, said, want)
		}
	}
	start := func(command, ready string) (log string, end func()) {
		t.Helper()
		log, end = n.background(examples[command])
		delete(examples, command)
		awaitURL(bounded(t), t, ready, "")
		return log, end
	}

	_, end := start("init", "http://"+os.Getenv("SLUICE_ADMIN")+"/readyz") // and serves
	try("check", `"alice" would get it`)
	follow := n.followLine(examples["token"])
	delete(examples, "token")
	follow("event: sluice.hello")
	try("produce", "orders/0/0")
	follow(`data: {"orderId":"o-77","type":"order.confirmed"}`)
	try("top", "alice", " ", os.Getenv("SLUICE_ADMIN"))
	n.bash("sluice token --user alice > token")
	try("doctor", "ok       reach")
	try("keys", "")
	try("cursor", "1042")
	try("completion", "sluice", "; complete -p sluice")
	try("version", "sluice")
	end()
	log, end := start("serve", "http://"+os.Getenv("SLUICE_ADMIN")+"/readyz")
	n.bash("curl -s http://localhost:8080/events")
	end()
	if text, err := os.ReadFile(log); err != nil || !strings.Contains(string(text), "a request was refused") {
		t.Errorf("on debug the log has %s, %v", text, err)
	}

	delivery := map[string]string{"STREAM": "orders", "KAFKA_TOPIC": "copies", "DEAD_LETTER": "orders.dead"}
	for key, value := range delivery {
		t.Setenv("SLUICE_DELIVERIES_ORDER_MAIL_"+key, value)
	}
	try("deliver", "order-mail goes on from since:24h")
	try("redrive", "0 sent again")
	for key := range delivery {
		t.Setenv("SLUICE_DELIVERIES_ORDER_MAIL_"+key, "")
	}

	t.Setenv("SLUICE_KAFKA_BROKERS", "")
	_, end = start("demo", "http://"+demo+"/state?user=alice")
	n.ports = strings.NewReplacer("localhost:8080", demo)
	n.followLine(examples["tail"])("order.")
	delete(examples, "tail")
	end()
	for command, line := range examples {
		t.Errorf("nobody tries the example of sluice help %s: %s", command, line)
	}
}

// examplesOfHelps are the examples by command.
func (n *newcomer) examplesOfHelps() map[string]string {
	n.t.Helper()
	examples := make(map[string]string)
	for _, m := range regexp.MustCompile(`(?m)^  sluice (\w+)`).FindAllStringSubmatch(n.bash("sluice help"), -1) {
		_, example, found := strings.Cut(n.bash("sluice help "+m[1]), "\nExample:\n  ")
		if !found {
			n.t.Fatalf("sluice help %s has no example", m[1])
		}
		examples[m[1]], _, _ = strings.Cut(example, "\n")
	}
	return examples
}

// shell is a line, ready to be run.
func (n *newcomer) shell(ctx context.Context, line string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "bash", "-c", n.ports.Replace(line))
	cmd.Dir, cmd.Stdin = n.dir, strings.NewReader("\n\n\n\n") // the answers to questions
	return cmd
}

// bash runs a line and returns what it prints on stdout.
func (n *newcomer) bash(line string) string {
	n.t.Helper()
	return n.output(n.shell(bounded(n.t), line), line)
}

// background starts a line. It returns the file of what it says, and what ends it.
func (n *newcomer) background(line string) (log string, end func()) {
	n.t.Helper()
	log = filepath.Join(n.t.TempDir(), "log")
	p, err := child.Start(n.shell(context.Background(), line), log)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = p.Kill() })
	return log, func() {
		n.t.Helper()
		if status, err := p.Terminate(); err != nil || status != 0 {
			text, _ := os.ReadFile(log)
			n.t.Errorf("%s ends with %d, %v\n%s", line, status, err, text)
		}
	}
}
