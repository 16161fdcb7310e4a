package demo

import (
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"sluice/cmd/internal/config"
)

// Flags go before the environment, that before the defaults, and nobody's own gateway
// gets into the demo.
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

// A file takes the place of the demo's own streams and auth, and the embedded Kafka that
// of the one it names.
func TestSettingsOfAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.yaml")
	text := "kafka: {brokers: [kafka.example:9093], tls: true, rack: a}\nstreams: {mine: {topic: my-topic, user: key}}\nauth: {jwt: {secret: 0123456789abcdef0123456789abcdef}}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	environ := []string{"SLUICE_KAFKA_SASL_MECHANISM=PLAIN", "SLUICE_STREAMS_MINE_REPLAY=1m"}
	c, findings := options{file: path, listen: ":4"}.settings("127.0.0.1:5", environ)
	if faults := findings.Faults(); len(faults) > 0 {
		t.Fatal(faults)
	}
	if want := (config.Kafka{Brokers: []string{"127.0.0.1:5"}}); !reflect.DeepEqual(c.Kafka, want) {
		t.Errorf("kafka %+v, want %+v", c.Kafka, want)
	}
	if len(c.Streams) != 1 || c.Streams[0].Topic != "my-topic" || c.Streams[0].Replay != time.Minute || c.Auth.None || c.Listen != ":4" {
		t.Errorf("streams %+v, auth none %v, listen %s", c.Streams, c.Auth.None, c.Listen)
	}
}

func TestBadUsageIsStatus2(t *testing.T) {
	for _, args := range [][]string{
		{"extra"},
		{"--rate", "0"},
		{"--rate", "NaN"},
		{"--rate", "1e9"},
		{"--kafka", "9092"},
		{"-c", "sluice.yaml", "--rate", "1"},
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
	if !strings.Contains(stdout.String(), "  --listen address\n") {
		t.Errorf("help: %q", &stdout)
	}
}
