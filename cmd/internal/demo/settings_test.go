package demo

import (
	"io"
	"strings"
	"testing"
)

// Flags go before the environment, that before the defaults, and nobody's own gateway gets into the demo.
func TestSettings(t *testing.T) {
	environ := []string{
		"SLUICE_LISTEN=:1", "SLUICE_ADMIN=127.0.0.1:2", "SLUICE_HEARTBEAT=3s",
		"SLUICE_KAFKA_BROKERS=kafka.example:9092", "SLUICE_AUTH_JWT_SECRET_FILE=/run/secret", "SLUICE_STREAMS_ORDERS_TOPIC=x",
	}
	c, findings := options{listen: ":4"}.settings("127.0.0.1:5", environ)
	if faults := findings.Faults(); len(faults) > 0 {
		t.Fatal(faults)
	}
	if c.Listen != ":4" || c.Admin != "127.0.0.1:2" || c.Heartbeat.Seconds() != 3 {
		t.Errorf("listen %s, admin %s, heartbeat %v", c.Listen, c.Admin, c.Heartbeat)
	}
	if len(c.Kafka.Brokers) != 1 || c.Kafka.Brokers[0] != "127.0.0.1:5" || !c.Auth.None || c.Auth.JWT != nil {
		t.Errorf("brokers %q, auth %+v", c.Kafka.Brokers, c.Auth)
	}
	for _, s := range c.Streams {
		if want := map[string]string{"orders": orderTopic, "announcements": announcementTopic}[s.Name]; s.Topic != want {
			t.Errorf("stream %s shows %s; want %s", s.Name, s.Topic, want)
		}
	}
}

func TestBadUsageIsStatus2(t *testing.T) {
	for _, args := range [][]string{
		{"extra"},
		{"--rate", "0"},
		{"--rate", "NaN"},
		{"--rate", "1e9"},
		{"--kafka", "9092"},
		{"--unknown"},
	} {
		if _, err := parse(args, io.Discard); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
}

func TestHelp(t *testing.T) {
	var stdout strings.Builder
	parse([]string{"-h"}, &stdout)
	if !strings.Contains(stdout.String(), "-listen") {
		t.Errorf("help: %q", &stdout)
	}
}
