package broker

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/connect"
	"sluice/broker/kafkatest"
	"sluice/broker/record"
)

// manual lets a record's Partition say where it goes.
var manual = kgo.RecordPartitioner(kgo.ManualPartitioner())

// named is the stream of a topic by key, with an hour's replay.
func named(topic string) []StreamConfig {
	return []StreamConfig{{Name: "orders", Topic: topic, Record: record.Rules{User: "key"}, Replay: time.Hour}}
}

// unique makes a topic's name this test's own, in a Kafka that tests share.
func unique(name string) string { return fmt.Sprint(name, "-", transactions.Add(1)) }

func TestKafkaTransactions(t *testing.T) {
	c := kafkatest.Shared(t)
	topic := unique("transactions")
	c.CreateTopic(t, topic, 2)
	brokers := []string{c.Plaintext()}
	cl := c.Client(t, manual)
	produceTo(t, cl, recordOf(topic, 0, "alice", "plain"))
	transact(t, brokers, kgo.TryCommit, recordOf(topic, 0, "alice", "committed"), recordOf(topic, 1, "bob", "committed too"))
	transact(t, brokers, kgo.TryAbort, recordOf(topic, 0, "alice", "aborted"), recordOf(topic, 1, "bob", "aborted"))
	produceTo(t, cl, recordOf(topic, 0, "alice", "after"))
	transact(t, brokers, kgo.TryAbort, recordOf(topic, 0, "alice", "aborted as the last"), recordOf(topic, 1, "bob", "aborted as the last"))

	waitStable(t, cl, topic, 8, 6)

	cfg := Config{Brokers: brokers}
	h := openHistory(t, cfg, named(topic))
	b := bounds(t, h)
	if b.Compacted != nil || b.Epoch == "0" {
		t.Errorf("bounds %+v", b)
	}
	want := []string{"after", "committed", "plain", "too"}
	sink := newRecorder(t, 1)
	r := follow(t, cfg, named(topic), sink, quiet)
	sink.wait(0, "warm", isWarm)
	sink.look(0, func(s *recorded) {
		if got := texts(s.events); !slices.Equal(got, want) {
			t.Errorf("the reader has %q; want %q", got, want)
		}
		if !slices.Equal(s.next, b.End) || s.begins[0] != b.Epoch {
			t.Errorf("the reader is at %d of %s; want the end, %d of %s", s.next, s.begins[0], b.End, b.Epoch)
		}
	})
	got, err := collect(t, h, b.Epoch, b.Start, b.End)
	if got := texts(got.events); err != nil || !slices.Equal(got, want) {
		t.Errorf("history has %q, %v; want %q", got, err, want)
	}

	// One left open: nothing at or behind it is read, and lag doesn't count it.
	tx := open(t, brokers, recordOf(topic, 0, "alice", "late"))
	produceTo(t, cl, recordOf(topic, 0, "alice", "behind it"), recordOf(topic, 1, "bob", "elsewhere"))
	sink.waitEvents(0, 5)
	waitStatus(t, r, "up to the open transaction", func(s Status) bool { return s.Behind == 0 })
	sink.look(0, func(s *recorded) {
		if len(s.events) != 5 || s.next[0] != b.End[0] {
			t.Errorf("events %q at %d while a transaction is open", s.events, s.next)
		}
	})
	if err := tx.EndTransaction(context.Background(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	sink.waitEvents(0, 7)
	sink.wait(0, "past the marker", func(s *recorded) bool { return s.next[0] == b.End[0]+3 })
}

// waitStable waits until a topic's last stable offsets are these: a transaction's end is
// answered before its markers are written.
func waitStable(t *testing.T, cl *kgo.Client, topic string, want ...int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		listed, err := kadm.NewClient(cl).ListCommittedOffsets(ctx, topic)
		got, err := allOffsets(listed, err, topic, len(want))
		if err == nil && slices.Equal(got, want) {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("%s is at %d, %v; want %d", topic, got, err, want)
		}
	}
}

// texts are the last words of events, sorted: their data without their offsets, which
// depend on when a marker was written.
func texts(events []string) (all []string) {
	for _, e := range events {
		words := strings.Fields(e)
		all = append(all, words[len(words)-1])
	}
	slices.Sort(all)
	return all
}

func TestKafkaTopicComesGrowsGoesAndComesBack(t *testing.T) {
	c := kafkatest.Shared(t)
	topic := unique("comes-and-goes")
	var log logged
	cfg := Config{Brokers: []string{c.Plaintext()}}
	sink := newRecorder(t, 1)
	r := follow(t, cfg, named(topic), sink, slog.New(slog.NewTextHandler(&log, nil)))
	waitStatus(t, r, "waiting", func(s Status) bool { return strings.Contains(s.Waiting, "does not exist") })
	c.CreateTopic(t, topic, 1)
	cl := c.Client(t, manual)
	produceTo(t, cl, recordOf(topic, 0, "alice", "first"))
	sink.waitEvents(0, 1)

	if _, err := c.Admin().CreatePartitions(context.Background(), 1, topic); err != nil {
		t.Fatal(err)
	}
	cl = c.Client(t, manual) // knows both partitions
	produceTo(t, cl, recordOf(topic, 1, "alice", "second"))
	sink.waitEvents(0, 2)

	h := openHistory(t, cfg, named(topic))
	before := bounds(t, h)
	if _, err := c.Admin().DeleteTopic(context.Background(), topic); err != nil {
		t.Fatal(err)
	}
	waitStatus(t, r, "waiting again", func(s Status) bool { return strings.Contains(s.Waiting, "does not exist") })
	c.CreateTopic(t, topic, 1)
	cl = c.Client(t, manual)
	produceTo(t, cl, recordOf(topic, 0, "bob", "third"))
	sink.waitEvents(0, 3)
	produceTo(t, cl, recordOf(topic, 0, "bob", "fourth"))
	sink.waitEvents(0, 4)
	sink.look(0, func(s *recorded) {
		want := []string{"0@0 [alice] first", "1@0 [alice] second", "0@0 [bob] third", "0@1 [bob] fourth"}
		if !slices.Equal(s.events, want) || len(s.begins) != 2 || s.begins[0] == s.begins[1] || !slices.Equal(s.next, []int64{2}) {
			t.Errorf("events %q, begun %q, at %d", s.events, s.begins, s.next)
		}
	})
	if _, err := collect(t, h, before.Epoch, before.Start, before.End); err == nil || !strings.Contains(err.Error(), "created again") {
		t.Errorf("history of the one before: %v; want that it was re-created", err)
	}
	if n := strings.Count(log.String(), "created again"); n != 1 {
		t.Errorf("said %d times:\n%s", n, log.String())
	}
}

func TestKafkaListeners(t *testing.T) {
	c := kafkatest.Shared(t)
	topic := unique("listeners")
	c.CreateTopic(t, topic, 1)
	produceTo(t, c.Client(t, manual), recordOf(topic, 0, "alice", "x"))
	certFile, keyFile := c.ClientCertificate()
	secure := connect.TLS{Enabled: true, CAFile: c.CAFile()}
	login := func(mechanism, password string) connect.SASL {
		return connect.SASL{Mechanism: mechanism, Username: kafkatest.User, Password: password}
	}
	for _, tt := range []struct {
		name string
		cfg  Config
		why  string // "" it can be read
	}{
		{"SCRAM-SHA-256", Config{Brokers: []string{c.SASL()}, SASL: login(connect.MechanismSCRAM256, kafkatest.Password)}, ""},
		{"SCRAM-SHA-512", Config{Brokers: []string{c.SASL()}, SASL: login(connect.MechanismSCRAM512, kafkatest.Password)}, ""},
		{"PLAIN", Config{Brokers: []string{c.SASL()}, SASL: login(connect.MechanismPlain, kafkatest.Password)}, ""},
		{"SCRAM over TLS", Config{Brokers: []string{c.TLS()}, TLS: secure, SASL: login(connect.MechanismSCRAM256, kafkatest.Password)}, ""},
		{"OAUTHBEARER", Config{Brokers: []string{c.SASL()}, SASL: connect.SASL{Mechanism: connect.MechanismOAuthBearer, OAuth: connect.OAuth{TokenFile: write(t, unsigned("gateway"))}}}, ""},
		{"client certificate", Config{Brokers: []string{c.MutualTLS()}, TLS: connect.TLS{Enabled: true, CAFile: c.CAFile(), CertFile: certFile, KeyFile: keyFile}}, ""},
		{"wrong SCRAM password", Config{Brokers: []string{c.SASL()}, SASL: login(connect.MechanismSCRAM256, "gu3ss")}, "wrong username or password"},
		{"wrong PLAIN password", Config{Brokers: []string{c.SASL()}, SASL: login(connect.MechanismPlain, "gu3ss")}, "wrong username or password"},
		{"a token Kafka doesn't take", Config{Brokers: []string{c.SASL()}, SASL: connect.SASL{Mechanism: connect.MechanismOAuthBearer, OAuth: connect.OAuth{TokenFile: write(t, "gu3ss")}}}, "wrong username or password, or an expired token"},
		{"no SASL", Config{Brokers: []string{c.SASL()}}, "SASL"},
		{"system roots", Config{Brokers: []string{c.TLS()}, TLS: connect.TLS{Enabled: true}, SASL: login(connect.MechanismSCRAM256, kafkatest.Password)}, "kafka.tls.ca_file"},
		{"no client certificate", Config{Brokers: []string{c.MutualTLS()}, TLS: secure}, "client certificate"},
		{"TLS to a listener without", Config{Brokers: []string{c.Plaintext()}, TLS: secure}, "TLS"},
		{"no TLS to a listener with", Config{Brokers: []string{c.TLS()}, SASL: login(connect.MechanismSCRAM256, kafkatest.Password)}, "TLS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log logged
			sink := newRecorder(t, 1)
			r := follow(t, tt.cfg, named(topic), sink, slog.New(slog.NewTextHandler(&log, nil)))
			if tt.why == "" {
				sink.waitEvents(0, 1)
				return
			}
			waitStatus(t, r, "saying why: "+tt.why, func(s Status) bool { return strings.Contains(s.Waiting, tt.why) && !s.Fetching })
			if strings.Contains(log.String(), "gu3ss") {
				t.Errorf("a secret in the log:\n%s", log.String())
			}
		})
	}
}

// unsigned is a token that the fixture's broker takes: a JWT without signature.
func unsigned(subject string) string {
	now := time.Now()
	claims := fmt.Sprintf(`{"sub":%q,"iat":%d,"exp":%d}`, subject, now.Unix()-1, now.Add(time.Hour).Unix())
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + "."
}

func TestKafkaRetentionPassesACursor(t *testing.T) {
	c := kafkatest.Shared(t)
	topic := unique("retention")
	c.CreateTopic(t, topic, 1)
	cl := c.Client(t, manual)
	for i := range 10 {
		produceTo(t, cl, recordOf(topic, 0, "alice", fmt.Sprint(i)))
	}
	h := openHistory(t, Config{Brokers: []string{c.Plaintext()}}, named(topic))
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: topic, Partition: 0, At: 4})
	if _, err := c.Admin().DeleteRecords(context.Background(), offsets); err != nil {
		t.Fatal(err)
	}
	b := bounds(t, h)
	if b.Start[0] != 4 || b.End[0] != 10 {
		t.Errorf("bounds %+v; want 4 to 10", b)
	}
	if _, err := collect(t, h, b.Epoch, []int64{3}, b.End); err == nil || err.Error() != "stream: partition 0 begins at offset 4 now" {
		t.Errorf("from 3: %v; want that 4 is the first", err)
	}
	if got, err := collect(t, h, b.Epoch, b.Start, b.End); err != nil || len(got.events) != 6 {
		t.Errorf("from 4: %q, %v", got.events, err)
	}
}

func TestKafkaCompactionLeavesHoles(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Properties(map[string]string{"log.cleaner.backoff.ms": "100", "log.initial.task.delay.ms": "100"}))
	const topic = "compacted"
	c.CreateTopic(t, topic, 1, "cleanup.policy=compact", "segment.ms=1", "min.cleanable.dirty.ratio=0.001", "delete.retention.ms=1", "min.compaction.lag.ms=0")
	cl := c.Client(t, manual)
	const n = 40
	for i := range n {
		produceTo(t, cl, recordOf(topic, 0, fmt.Sprint("user", i%4), fmt.Sprint(i)))
	}
	produceTo(t, cl, &kgo.Record{Topic: topic, Key: []byte("user0")})
	cfg := Config{Brokers: []string{c.Plaintext()}}
	h := openHistory(t, cfg, named(topic))
	b := bounds(t, h)
	if b.Compacted == nil {
		t.Errorf("bounds %+v; want them compacted", b)
	}
	end := b.End[0]
	deadline := time.Now().Add(patience)
	var got collected
	for { // until the cleaner has been here
		var err error
		if got, err = collect(t, h, b.Epoch, []int64{0}, []int64{end}); err != nil {
			t.Fatal(err)
		}
		if len(got.events) < n/2 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("Kafka doesn't compact: %d events", len(got.events))
		}
		produceTo(t, cl, recordOf(topic, 0, "roll", "x")) // a segment is only rolled by a record after it
	}
	for from := range end { // every position in a hole, as a start and as an end
		if _, err := collect(t, h, b.Epoch, []int64{from}, []int64{from + 1}); err != nil {
			t.Fatalf("from %d: %v", from, err)
		}
	}
	sink := newRecorder(t, 1)
	follow(t, cfg, named(topic), sink, quiet)
	sink.wait(0, "warm", isWarm)
}

func TestKafkaIsKilledAndComesBack(t *testing.T) {
	c := kafkatest.Start(t)
	const topic = "orders"
	c.CreateTopic(t, topic, 2)
	cl := c.Client(t, manual)
	produceTo(t, cl, recordOf(topic, 0, "alice", "a"), recordOf(topic, 1, "alice", "b"))
	var log logged
	cfg := Config{Brokers: []string{c.Plaintext()}, StaleAfter: time.Second}
	sink := newRecorder(t, 1)
	r := follow(t, cfg, named(topic), sink, slog.New(slog.NewTextHandler(&log, nil)))
	sink.waitEvents(0, 2)
	h := openHistory(t, cfg, named(topic))
	before := bounds(t, h)
	c.Kill()
	sink.wait(0, "stale", func(s *recorded) bool { return !s.stale.IsZero() })
	c.Start()
	sink.wait(0, "fresh", func(s *recorded) bool { return s.stale.IsZero() })
	produceTo(t, cl, recordOf(topic, 0, "alice", "c"))
	sink.waitEvents(0, 3)
	sink.look(0, func(s *recorded) {
		if len(s.events) != 3 || len(s.jumps) != 0 || len(s.begins) != 1 || s.begins[0] != before.Epoch {
			t.Errorf("%+v", *s)
		}
	})
	waitStatus(t, r, "fetching", func(s Status) bool { return s.Fetching })
	after := bounds(t, h)
	if got, err := collect(t, h, before.Epoch, after.Start, after.End); err != nil || len(got.events) != 3 {
		t.Errorf("history has %q, %v", got.events, err)
	}
	if lines := strings.Count(log.String(), "\n"); lines > 6 {
		t.Errorf("a flood of %d lines:\n%s", lines, log.String())
	}
}
