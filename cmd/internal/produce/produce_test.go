package produce

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// cluster starts a fake Kafka and puts a configuration for it into the current directory.
func cluster(t *testing.T) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, "order-topic"), kfake.SeedTopics(1, "news-topic"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	t.Chdir(t.TempDir())
	text := "kafka: {brokers: [\"" + c.ListenAddrs()[0] + "\"]}\nauth: none\nlisten: 127.0.0.1:8080\nstreams:\n" +
		"  orders: {topic: order-topic, user: key}\n  news: {topic: news-topic, audience: everyone}\n"
	if err := os.WriteFile("sluice.yaml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

func run(t *testing.T, args ...string) (status int, stdout, stderr string) {
	var out, errs strings.Builder
	status = Run(t.Context(), args, &out, &errs)
	return status, out.String(), errs.String()
}

func TestTheRecordIsInTheTopic(t *testing.T) {
	c := cluster(t)
	if err := os.WriteFile("order.json", []byte(`{"orderId":"o-77"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	status, stdout, stderr := run(t, "stream=orders", "key=alice", "value=@order.json", "header=traceparent=00-x")
	if status != 0 || !strings.HasPrefix(stdout, "order-topic/") || !strings.HasSuffix(stdout, "/0\n") {
		t.Fatalf("status %d, %q, %q", status, stdout, stderr)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.ConsumeTopics("order-topic"))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	r := cl.PollFetches(t.Context()).Records()[0]
	if string(r.Key) != "alice" || string(r.Value) != `{"orderId":"o-77"}` || len(r.Headers) != 1 || r.Headers[0].Key != "traceparent" {
		t.Errorf("%+v", r)
	}
}

func TestTopicWithoutAStream(t *testing.T) {
	cluster(t)
	if status, stdout, stderr := run(t, "--topic", "news-topic", "value=x"); status != 0 || stdout != "news-topic/0/0\n" {
		t.Errorf("status %d, %q, %q", status, stdout, stderr)
	}
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	cluster(t)
	for _, tt := range []struct {
		line   string
		status int
		want   string
	}{
		{"", 2, "it needs a record: key=… value=…"},
		{"key=alice value=x", 2, "there are several streams: write stream= with one of news, orders"},
		{"stream=order value=x", 2, `there is no stream "order": there are news, orders`},
		{"stream=orders key= value=", 2, "the record has neither a key nor a value"},
		{"stream=orders --topic x value=y", 2, "--topic and stream= both say where to"},
		{"hello", 2, `"hello" is no part of a record`},
		{"--topic nowhere value=x", 1, "topic nowhere: there is no such topic"},
	} {
		if status, stdout, stderr := run(t, strings.Fields(tt.line)...); status != tt.status || stdout != "" || !strings.Contains(stderr, tt.want) {
			t.Errorf("%s: status %d, %q, %q; want %d, %q", tt.line, status, stdout, stderr, tt.status, tt.want)
		}
	}
}

func TestKafkaAway(t *testing.T) {
	cluster(t).Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out, errs strings.Builder
	if status := Run(ctx, []string{"--timeout", "300ms", "--topic", "news-topic", "value=x"}, &out, &errs); status != 1 || !strings.Contains(errs.String(), "Kafka doesn't answer in time") {
		t.Errorf("status %d, %q", status, errs.String())
	}
}
