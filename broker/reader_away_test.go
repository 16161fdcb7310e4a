package broker

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"sluice/broker/connect"
)

// port is the port of an address that a listener of ours had.
func port(t *testing.T, address string) int {
	t.Helper()
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestReaderSurvivesARestartAndSaysItOnce(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	f := newFake(t, kfake.NumBrokers(1), kfake.DataDir(data))
	f.create("orders", 1)
	f.produce(recordOf("orders", 0, "alice", "before"))
	var log logged
	sink := newRecorder(t, 1)
	cfg := f.config()
	cfg.StaleAfter = 2 * time.Second // longer than a busy machine is silent by itself
	r := follow(t, cfg, orders, sink, slog.New(slog.NewTextHandler(&log, nil)))
	sink.waitEvents(0, 1)
	sink.wait(0, "warm", isWarm)

	address := f.ListenAddrs()[0]
	f.Close()
	sink.wait(0, "stale", func(s *recorded) bool { return !s.stale.IsZero() })
	waitStatus(t, r, "waiting", func(s Status) bool { return !s.Fetching && !s.StaleSince.IsZero() && s.Waiting != "" && s.Warm })

	g := newFake(t, kfake.NumBrokers(1), kfake.DataDir(data), kfake.Ports(port(t, address)))
	g.produce(recordOf("orders", 0, "alice", "after"))
	sink.waitEvents(0, 2)
	sink.wait(0, "fresh", func(s *recorded) bool { return s.stale.IsZero() })
	sink.look(0, func(s *recorded) {
		if !slices.Equal(s.events, []string{"0@0 [alice] before", "0@1 [alice] after"}) || len(s.begins) != 1 || len(s.jumps) != 0 || s.fresh != 1 {
			t.Errorf("%+v", *s)
		}
	})
	waitStatus(t, r, "fetching", func(s Status) bool { return s.Fetching && s.StaleSince.IsZero() })
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) > 5 { // reading, up to three reasons (refused, cut, silent), reading
		t.Errorf("a flood of %d lines:\n%s", len(lines), log.String())
	}
}

func TestReaderSaysWhyItCannotRead(t *testing.T) {
	_, pair := certificate(t)
	another, _ := certificate(t)
	secure := kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}})
	login := connect.SASL{Mechanism: connect.MechanismPlain, Username: "gateway", Password: "s3cret"}
	for _, tt := range []struct {
		name   string
		opt    kfake.Opt
		refuse int16 // what SaslAuthenticate answers
		cfg    Config
		want   string
	}{
		{"wrong password", kfake.EnableSASL(), kerr.SaslAuthenticationFailed.Code, Config{SASL: login}, "wrong username or password"},
		{"no SASL", kfake.EnableSASL(), 0, Config{}, "SASL"},
		{"a CA that signed nothing", secure, 0, Config{TLS: connect.TLS{Enabled: true, CAFile: another}}, "kafka.tls.ca_file"},
		{"no TLS to a broker with", secure, 0, Config{}, "TLS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := kfake.NewCluster(tt.opt, kfake.NumBrokers(1))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(c.Close)
			c.ControlKey(int16(kmsg.SASLAuthenticate), func(req kmsg.Request) (kmsg.Response, error, bool) {
				c.KeepControl()
				resp := req.ResponseKind().(*kmsg.SASLAuthenticateResponse)
				resp.ErrorCode = tt.refuse
				return resp, nil, tt.refuse != 0
			})
			var log logged
			tt.cfg.Brokers = c.ListenAddrs()
			r := follow(t, tt.cfg, orders, newRecorder(t, 1), slog.New(slog.NewTextHandler(&log, nil)))
			waitStatus(t, r, "saying why", func(s Status) bool { return strings.Contains(s.Waiting, tt.want) && !s.Fetching })
			if strings.Contains(log.String(), login.Password) || !strings.Contains(log.String(), tt.want) {
				t.Errorf("the log says\n%s", log.String())
			}
		})
	}
}

func TestReaderReadsThroughSASLAndTLS(t *testing.T) {
	ca, pair := certificate(t)
	for _, mechanism := range []string{connect.MechanismPlain, connect.MechanismSCRAM256, connect.MechanismSCRAM512} {
		t.Run(mechanism, func(t *testing.T) {
			c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"), kfake.EnableSASL(),
				kfake.Superuser(mechanism, "gateway", "s3cret"), kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}}))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(c.Close)
			sink := newRecorder(t, 1)
			follow(t, Config{
				Brokers: c.ListenAddrs(),
				TLS:     connect.TLS{Enabled: true, CAFile: ca},
				SASL:    connect.SASL{Mechanism: mechanism, Username: "gateway", Password: "s3cret"},
			}, orders, sink, quiet)
			sink.wait(0, "warm", isWarm)
		})
	}
}

// fiveRead is a fake with five records that a reader has read.
func fiveRead(t *testing.T) (*fake, *recorder) {
	f := newFake(t)
	f.create("orders", 1)
	for _, v := range []string{"a", "b", "c", "d", "e"} {
		f.produce(recordOf("orders", 0, "alice", v))
	}
	sink := newRecorder(t, 1)
	follow(t, f.config(), orders, sink, quiet)
	sink.waitEvents(0, 5)
	return f, sink
}

func TestReaderSaysWhenKafkaLostTheEnd(t *testing.T) {
	t.Parallel()
	truncated := []string{"0 truncated 5→3"}
	again := []string{"0@3 [alice] d", "0@4 [alice] e"}

	t.Run("out of range", func(t *testing.T) {
		f, sink := fiveRead(t)
		// What a broker answers after an unclean election: the position is past its end, which
		// is 3.
		f.ControlKey(int16(kmsg.ListOffsets), func(req kmsg.Request) (kmsg.Response, error, bool) {
			f.KeepControl()
			q := req.(*kmsg.ListOffsetsRequest)
			if q.IsolationLevel != int8(uncommitted) || q.Topics[0].Partitions[0].Timestamp != latest {
				return nil, nil, false
			}
			f.DropControl()
			resp := q.ResponseKind().(*kmsg.ListOffsetsResponse)
			p := kmsg.NewListOffsetsResponseTopicPartition()
			p.Offset = 3
			resp.Topics = append(resp.Topics, kmsg.ListOffsetsResponseTopic{Topic: "orders", Partitions: []kmsg.ListOffsetsResponseTopicPartition{p}})
			return resp, nil, true
		})
		f.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
			q := req.(*kmsg.FetchRequest)
			if len(q.Topics) == 0 { // of a session: nothing has changed since the last
				f.DropControl()
				resp := q.ResponseKind().(*kmsg.FetchResponse)
				resp.ErrorCode = kerr.InvalidFetchSessionEpoch.Code
				f.KeepControl()
				return resp, nil, true
			}
			resp := q.ResponseKind().(*kmsg.FetchResponse)
			p := kmsg.NewFetchResponseTopicPartition()
			p.ErrorCode = kerr.OffsetOutOfRange.Code
			resp.Topics = append(resp.Topics, kmsg.FetchResponseTopic{TopicID: q.Topics[0].TopicID, Partitions: []kmsg.FetchResponseTopicPartition{p}})
			return resp, nil, true
		})
		sink.waitEvents(0, 7)
		sink.look(0, func(s *recorded) {
			if !slices.Equal(s.jumps, truncated) || !slices.Equal(s.events[5:], again) {
				t.Errorf("jumps %q, events %q", s.jumps, s.events)
			}
		})
	})

	t.Run("told by the leader's epoch", func(t *testing.T) {
		f, sink := fiveRead(t)
		f.ControlKey(int16(kmsg.OffsetForLeaderEpoch), func(req kmsg.Request) (kmsg.Response, error, bool) {
			q := req.(*kmsg.OffsetForLeaderEpochRequest)
			resp := q.ResponseKind().(*kmsg.OffsetForLeaderEpochResponse)
			p := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
			p.EndOffset, p.LeaderEpoch = 3, q.Topics[0].Partitions[0].LeaderEpoch
			resp.Topics = append(resp.Topics, kmsg.OffsetForLeaderEpochResponseTopic{Topic: "orders", Partitions: []kmsg.OffsetForLeaderEpochResponseTopicPartition{p}})
			return resp, nil, true
		})
		if err := f.MoveTopicPartition("orders", 0, 1-f.LeaderFor("orders", 0)); err != nil {
			t.Fatal(err)
		}
		f.cl.ForceMetadataRefresh()
		sink.waitEvents(0, 7)
		sink.look(0, func(s *recorded) {
			if !slices.Equal(s.jumps, truncated) || !slices.Equal(s.events[5:], again) {
				t.Errorf("jumps %q, events %q", s.jumps, s.events)
			}
		})
	})
}

func TestReaderPassesATrailingAbort(t *testing.T) {
	f := newFake(t)
	f.create("orders", 1)
	f.produce(recordOf("orders", 0, "alice", "a"))
	transact(t, f.ListenAddrs(), kgo.TryAbort, recordOf("orders", 0, "alice", "b"), recordOf("orders", 0, "alice", "c"))
	sink := newRecorder(t, 1)
	r := follow(t, f.config(), orders, sink, quiet)
	sink.wait(0, "warm", isWarm)
	sink.look(0, func(s *recorded) {
		if len(s.events) != 1 || s.next[0] != 4 { // a, b, c, the marker
			t.Errorf("events %q, position %d; want 1 at 4", s.events, s.next)
		}
	})
	// The same while following, and one that stays open: nothing beyond it may be read, and
	// it is nothing to wait for.
	transact(t, f.ListenAddrs(), kgo.TryAbort, recordOf("orders", 0, "alice", "d"))
	sink.wait(0, "past the marker", func(s *recorded) bool { return s.next[0] == 6 })
	tx := open(t, f.ListenAddrs(), recordOf("orders", 0, "alice", "late"))
	f.produce(recordOf("orders", 0, "bob", "behind it"))
	waitStatus(t, r, "up to the open transaction", func(s Status) bool { return s.Behind == 0 })
	if err := tx.EndTransaction(context.Background(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	sink.waitEvents(0, 3)
	sink.wait(0, "past the last marker", func(s *recorded) bool { return s.next[0] == 9 })
}

func TestReaderSaysWhatItMayNotFetch(t *testing.T) {
	t.Parallel()
	f := newFake(t, kfake.NumBrokers(1))
	f.create("orders", 1)
	f.produce(recordOf("orders", 0, "alice", "a"))
	var allowed atomic.Bool
	f.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		q := req.(*kmsg.FetchRequest)
		if allowed.Load() || len(q.Topics) == 0 {
			return nil, nil, false
		}
		resp := q.ResponseKind().(*kmsg.FetchResponse)
		p := kmsg.NewFetchResponseTopicPartition()
		p.ErrorCode = kerr.TopicAuthorizationFailed.Code
		resp.Topics = append(resp.Topics, kmsg.FetchResponseTopic{Topic: "orders", TopicID: q.Topics[0].TopicID, Partitions: []kmsg.FetchResponseTopicPartition{p}})
		return resp, nil, true
	})
	var log logged
	sink := newRecorder(t, 1)
	r := follow(t, f.config(), orders, sink, slog.New(slog.NewTextHandler(&log, nil)))
	waitStatus(t, r, "saying why", func(s Status) bool { return strings.Contains(s.Waiting, "READ and DESCRIBE") && !s.Fetching })
	allowed.Store(true)
	sink.waitEvents(0, 1)
	waitStatus(t, r, "fetching", func(s Status) bool { return s.Fetching && s.Warm })
	if n := strings.Count(log.String(), "READ and DESCRIBE"); n != 1 {
		t.Errorf("said %d times; want once:\n%s", n, log.String())
	}
}
