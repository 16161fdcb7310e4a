package broker

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/kafkatest"
	"sluice/broker/record"
	"sluice/stream"
	"sluice/stream/sse"
)

// seconds is a record whose producer wrote its timestamp in seconds instead of
// milliseconds.
func seconds(topic string, number int) *kgo.Record {
	rec := recordOf(topic, 0, "alice", fmt.Sprintf(`{"o":"o-%d"}`, number))
	rec.Timestamp = time.UnixMilli(time.Now().Unix())
	return rec
}

// TestSecondsForMilliseconds: what was just written is served by the gateway that read it
// and by one that starts afterwards, to who resumes, in the state, and wherever one
// begins.
func TestSecondsForMilliseconds(t *testing.T) {
	f := newFake(t)
	f.create("secs", 1)
	f.create("future", 1)
	for topic, write := range map[string]func(int) *kgo.Record{
		"secs": func(n int) *kgo.Record { return seconds("secs", n) },
		"future": func(n int) *kgo.Record {
			rec := seconds("future", n)
			rec.Timestamp = time.UnixMilli(time.Now().UnixMicro())
			return rec
		},
	} {
		t.Run(topic, func(t *testing.T) { wantWhatWasJustWritten(t, f.config(), f.cl, topic, write) })
	}
}

func TestKafkaSecondsForMilliseconds(t *testing.T) {
	c := kafkatest.Shared(t)
	cl := c.Client(t, manual)
	for name, config := range map[string]string{
		"secs": "retention.ms=-1", "append": "message.timestamp.type=LogAppendTime",
	} {
		topic := unique(name)
		c.CreateTopic(t, topic, 1, config)
		t.Run(name, func(t *testing.T) {
			wantWhatWasJustWritten(t, Config{Brokers: []string{c.Plaintext()}}, cl, topic, func(n int) *kgo.Record { return seconds(topic, n) })
		})
	}
}

// wantWhatWasJustWritten has gateways that read into memory at start, and such that
// don't.
func wantWhatWasJustWritten(t *testing.T, cfg Config, cl *kgo.Client, topic string, write func(number int) *kgo.Record) {
	streams := []StreamConfig{{Name: "orders", Topic: topic, Record: record.Rules{User: "key", Subject: "value:o"}, Replay: 10 * time.Minute, State: true, StateAge: 24 * time.Hour}}
	cold := slices.Clone(streams)
	cold[0].Replay = 0
	first := newGateway(t, cfg, streams)
	var cursor string
	for n := range 6 {
		if n == 3 {
			first.waitHead(t, 3)
			cursor = first.open(t, stream.Request{}).id
		}
		produceTo(t, cl, write(n))
	}
	for name, g := range map[string]*gateway{
		"that read it": first, "that starts afterwards": newGateway(t, cfg, streams), "that has nothing in memory": newGateway(t, cfg, cold),
	} {
		g.waitHead(t, 6)
		for _, tt := range []struct {
			what string
			ask  stream.Request
			want int
		}{
			{"resume", stream.Request{Cursor: cursor}, 3},
			{"earliest", stream.Request{From: stream.From{Kind: stream.FromEarliest}}, 6},
			{"last:2", stream.Request{From: stream.From{Kind: stream.FromLast, N: 2}}, 2},
			{"since 1970", stream.Request{From: stream.From{Kind: stream.FromSince, Since: time.Unix(0, 0)}}, 6},
		} {
			got := g.open(t, tt.ask)
			var want []string
			for n := 6 - tt.want; n < 6; n++ {
				want = append(want, fmt.Sprintf(`{"o":"o-%d"}`, n))
			}
			if !slices.Equal(got.data, want) || len(got.resets) > 0 {
				t.Errorf("the gateway %s, %s: %q, resets %v; want %q", name, tt.what, got.data, got.resets, want)
			}
		}
		s, err := g.hub.State(t.Context(), stream.StateRequest{Streams: []int{0}, User: "alice"})
		if err != nil || len(s.Latest) != 6 || !s.Complete {
			t.Errorf("the gateway %s has a state of %d subjects, complete %v, %v", name, len(s.Latest), s.Complete, err)
		}
	}
}

// gateway is a hub with its reader and its history.
type gateway struct {
	hub   *stream.Hub
	waker stream.WakerID
	woken bell
}

// bell is a waker of one connection.
type bell chan struct{}

func (b bell) Wake(uint32) {
	select {
	case b <- struct{}{}:
	default:
	}
}

func newGateway(t *testing.T, cfg Config, streams []StreamConfig) *gateway {
	t.Helper()
	history := openHistory(t, cfg, streams)
	hub := stream.NewHub(stream.Config{History: history, Streams: []stream.Spec{{
		Name: "orders", Replay: 10 * time.Minute, ReplayBytes: 1 << 20, State: stream.StateBounds{MaxAge: 24 * time.Hour, MaxBytes: 1 << 20},
	}}})
	t.Cleanup(hub.Close)
	g := &gateway{hub: hub, woken: make(bell, 1)}
	g.waker = hub.AddWaker(g.woken)
	follow(t, cfg, streams, hub, quiet)
	return g
}

// waitHead returns when the gateway has read so far and may be used.
func (g *gateway) waitHead(t *testing.T, next int64) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond) // the hub tells nobody
	defer tick.Stop()
	for late := time.Now().Add(patience); ; <-tick.C {
		if _, pos := g.hub.Positions(0); len(pos) == 1 && pos[0] >= next {
			if _, err := g.hub.State(t.Context(), stream.StateRequest{Streams: []int{0}}); err == nil {
				return
			}
		}
		if time.Now().After(late) {
			t.Fatalf("never read up to %d", next)
		}
	}
}

// taken is what a connection was sent until there was no more.
type taken struct {
	id     string
	resets []stream.Reset
	data   []string
}

func (g *gateway) open(t *testing.T, q stream.Request) taken {
	t.Helper()
	q.Streams, q.User, q.Waker = []int{0}, "alice", g.waker
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	sub, o, err := g.hub.Open(ctx, q)
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	got := taken{id: o.ID, resets: o.Resets}
	var b stream.Batch
	for {
		pulled := sub.Pull(&b, 1<<20)
		for wire := bytes.Join(b.Bufs, nil); ; {
			_, _, data, rest, ok := sse.Cut(wire)
			if !ok {
				break
			}
			wire = rest
			got.data = append(got.data, string(data))
		}
		b.Reset()
		switch progress := sub.CatchupProgress(); {
		case pulled == stream.Drained && progress == stream.CatchupNone:
			return got
		case pulled == stream.Drained && progress == stream.CatchupPending:
			select {
			case <-g.woken:
			case <-ctx.Done():
				t.Fatalf("catching up for ever, with %q", got.data)
			}
		case pulled == stream.Drained:
		case pulled != stream.More:
			t.Fatalf("pulled %v", pulled)
		}
	}
}
