package check

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
)

func TestTopicsOfAPatternAreListed(t *testing.T) {
	c := cluster(t, kfake.SeedTopics(2, "orders.eu", "orders.control"), kfake.SeedTopics(1, "orders.us", "other"))
	inDir(t, withBroker(c, `kafka: {brokers: ["BROKER"]}
streams:
  listed: {topics: [other, missing], user: key}
  nothing: {topics: '^none\..*', user: key}
  orders: {topics: '^orders\..*', user: key}
listen: localhost:8080
control_topic: orders.control
auth: none
`), nil)
	status, stdout, stderr := runCheck(t)
	for _, want := range []string{
		"  topics   ^orders\\..*, which matches 2 topics now\n           orders.eu, 2 partitions\n           orders.us, 1 partition\n  who",
		"  topics   2 topics\n           other, 1 partition\n           missing\n  who",
		"  topics   ^none\\..*, which matches 0 topics now\n  who",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("it doesn't say\n%s", want)
		}
	}
	for _, want := range []string{
		`streams.nothing.topics: warning: ^none\..* matches no topic now; the gateway would wait for one`,
		"streams.listed.topics: warning: missing: the topic does not exist; the gateway would wait for it",
	} {
		if !strings.Contains(stderr, want) {
			t.Errorf("it doesn't warn %q", want)
		}
	}
	if status != 0 || t.Failed() {
		t.Errorf("status %d\n--- stdout\n%s--- stderr\n%s", status, stdout, stderr)
	}
	if _, stdout, _ := runCheck(t, "--offline"); !strings.Contains(stdout, "  topics   ^orders\\..*\n") {
		t.Errorf("offline: %s", stdout)
	}
}

func TestMoreTopicsThanFitAreSaid(t *testing.T) {
	var opts []kfake.Opt
	for i := range 470 {
		opts = append(opts, kfake.SeedTopics(1, fmt.Sprintf("orders.%d", i)))
	}
	c := cluster(t, opts...)
	inDir(t, withBroker(c, "kafka: {brokers: [\"BROKER\"]}\nstreams: {orders: {topics: '^orders\\..*', user: key}}\nlisten: localhost:8080\nauth: none\n"), nil)
	status, stdout, stderr := runCheck(t)
	if status != 0 || !strings.Contains(stderr, "streams.orders.topics: warning: its 470 topics of 470 partitions don't fit into event ids") || !strings.Contains(stdout, "           and 450 more\n") {
		t.Errorf("status %d\n--- stdout\n%s--- stderr\n%s", status, stdout, stderr)
	}
}
