package broker

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/record"
)

// distant is a connection over which every byte takes a while, each way. Bytes under way
// don't hold each other up.
type distant struct {
	net.Conn
	delay     time.Duration
	in        *io.PipeReader
	out       chan late
	done      chan struct{} // closed by Close
	closeOnce func()
}

type late struct {
	at    time.Time
	bytes []byte
}

// dialDistant dials as from far away: delay is for one way.
func dialDistant(delay time.Duration) func(ctx context.Context, network, host string) (net.Conn, error) {
	return func(ctx context.Context, network, host string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, host)
		if err != nil {
			return nil, err
		}
		in, arrived := io.Pipe()
		d := &distant{Conn: conn, delay: delay, in: in, out: make(chan late, 1<<12), done: make(chan struct{})}
		d.closeOnce = sync.OnceFunc(func() { close(d.done); _ = arrived.CloseWithError(io.EOF) })
		under := make(chan late, 1<<12)
		go d.carry(d.out, conn)
		go d.carry(under, arrived)
		go func() {
			for {
				b := make([]byte, 1<<16)
				n, err := conn.Read(b)
				if n > 0 {
					under <- late{time.Now().Add(delay), b[:n]}
				}
				if err != nil {
					_ = d.Close()
					return
				}
			}
		}()
		return d, nil
	}
}

// carry writes what comes when its time has come, until the connection is closed.
func (d *distant) carry(from <-chan late, to io.Writer) {
	for {
		select {
		case <-d.done:
			return
		case l := <-from:
			<-time.After(time.Until(l.at))
			if _, err := to.Write(l.bytes); err != nil {
				_ = d.Close()
				return
			}
		}
	}
}

func (d *distant) Read(b []byte) (int, error) { return d.in.Read(b) }

func (d *distant) Write(b []byte) (int, error) {
	select {
	case d.out <- late{time.Now().Add(d.delay), append([]byte(nil), b...)}:
		return len(b), nil
	case <-d.done:
		return 0, net.ErrClosed
	}
}

func (d *distant) Close() error {
	d.closeOnce()
	return d.Conn.Close()
}

// SetReadDeadline is not kept: bytes come from a pipe.
func (d *distant) SetReadDeadline(time.Time) error { return nil }

func TestManyStreamsOfADistantClusterBecomeWarm(t *testing.T) {
	t.Parallel()
	const streams = 64
	f := newFake(t, kfake.NumBrokers(3))
	var configs []StreamConfig
	for i := range streams {
		topic := fmt.Sprintf("topic%02d", i)
		f.create(topic, 3)
		f.produce(recordOf(topic, 0, "alice", "x"))
		configs = append(configs, StreamConfig{Name: topic, Topic: topic, Record: record.Rules{User: "key", Subject: "key"}, Replay: time.Hour, State: true, StateAge: 24 * time.Hour})
	}
	cfg := f.config()
	cfg.Refresh = time.Second
	cfg.Opts = []kgo.Opt{kgo.Dialer(dialDistant(100 * time.Millisecond))}
	sink := newRecorder(t, streams)
	begun := time.Now()
	r := follow(t, cfg, configs, sink, quiet)
	for i := range streams {
		sink.wait(i, "warm", isWarm)
	}
	t.Logf("%d streams with a state were warm after %.1f s at a round trip of 200 ms", streams, time.Since(begun).Seconds())
	rounds := f.rounds()
	rounds.wait(6)
	for i, s := range r.Status() {
		sink.look(i, func(rec *recorded) {
			if !s.StaleSince.IsZero() || rec.fresh != 0 {
				t.Errorf("stream %d was called stale", i)
			}
		})
	}
}
