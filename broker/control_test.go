package broker

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// heard collects what a gateway hears.
type heard struct {
	mu  sync.Mutex // guards all
	all []string
}

func (h *heard) add(_ string, message []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, string(message))
}

func (h *heard) sorted() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Sorted(slices.Values(h.all))
}

// listen runs a control until the test ends.
func listen(t *testing.T, addrs []string) (*Control, *heard) { return listenTo(t, addrs, "control") }

func listenTo(t *testing.T, addrs []string, topic string) (*Control, *heard) {
	t.Helper()
	c, err := NewControl(Config{Brokers: addrs}, "control", topic, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	h := new(heard)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx, h.add) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		c.Close()
	})
	return c, h
}

func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(30 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("never: " + what)
		}
	}
}

// TestControlTellsEveryGateway: those that are there, and those that come later, which
// aren't caught up before they have heard it all.
func TestControlTellsEveryGateway(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(2), kfake.SeedTopics(3, "control"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	tellsEveryGateway(t, cluster.ListenAddrs(), "control")
}

// tellsEveryGateway holds an empty topic to it.
func tellsEveryGateway(t *testing.T, addrs []string, topic string) {
	one, first := listenTo(t, addrs, topic)
	await(t, "an empty topic is caught up", one.CaughtUp)
	var want []string
	for i := range 20 {
		message := fmt.Sprintf("message %02d", i)
		want = append(want, message)
		if err := one.Announce(t.Context(), fmt.Sprint("key", i), []byte(message)); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "the announcer hears it", func() bool { return slices.Equal(first.sorted(), want) })
	late, second := listenTo(t, addrs, topic)
	await(t, "caught up", late.CaughtUp)
	if got := second.sorted(); !slices.Equal(got, want) {
		t.Errorf("caught up having heard %q", got)
	}
	if err := late.Announce(t.Context(), "k", []byte("one more")); err != nil {
		t.Fatal(err)
	}
	await(t, "the first hears the second", func() bool { return len(first.sorted()) == len(want)+1 })
}

// TestControlWaitsForItsTopic, and goes on when retention has passed where it stands.
func TestControlWaitsForItsTopic(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	c, h := listen(t, cluster.ListenAddrs())
	if err := c.Announce(t.Context(), "k", []byte("lost")); err == nil {
		t.Error("announced to a topic that isn't there")
	}
	if c.CaughtUp() {
		t.Error("caught up with a topic that isn't there")
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	admin := kadm.NewClient(cl)
	if _, err := admin.CreateTopic(t.Context(), 1, 1, nil, "control"); err != nil {
		t.Fatal(err)
	}
	await(t, "it finds the topic", c.CaughtUp)
	await(t, "it can be announced to", func() bool { return c.Announce(t.Context(), "k", []byte("a")) == nil })
	await(t, "it is heard", func() bool { return slices.Contains(h.sorted(), "a") })
}

// A message may go to a partition that was added a moment ago.
func TestControlHearsPartitionsThatAreAdded(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.create("control", 1)
	c, h := listen(t, f.ListenAddrs())
	await(t, "caught up", c.CaughtUp)
	if _, err := f.admin.CreatePartitions(context.Background(), 7, "control"); err != nil {
		t.Fatal(err)
	}
	other, err := NewControl(f.config(), "control", "control", quiet) // another gateway, begun since
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for i := range 20 {
		if err := other.Announce(t.Context(), fmt.Sprint("user", i), []byte(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "all 20 heard", func() bool { return len(h.sorted()) == 20 })
}

// What a check found may be older than a failure. Then it is too early to say that all is
// well.
func TestControlIsNotReadAgainWhileItFails(t *testing.T) {
	var log logged
	c := &Control{log: slog.New(slog.NewTextHandler(&log, nil)), complaints: make(map[string]bool), failing: make(map[int32]failure)}
	w := &controlWatch{Control: c, began: time.Now()}
	c.noteConsumed(0, -1, kerr.TopicAuthorizationFailed)
	w.report(nil)
	if strings.Contains(log.String(), "read again") {
		t.Error(log.String())
	}
	c.noteConsumed(0, 1, nil)
	w.report(nil)
	if !strings.Contains(log.String(), "read again") {
		t.Error(log.String())
	}
}

func TestControlSaysOnceWhatItMayNotRead(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.create("control", 1)
	refused := newCounter()
	var allowed atomic.Bool
	f.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		if allowed.Load() {
			return nil, nil, false
		}
		refused.add()
		return deniedFetch(req.(*kmsg.FetchRequest), func(kmsg.FetchRequestTopic) bool { return true }), nil, true
	})
	var log logged
	c, err := NewControl(f.config(), "control", "control", slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx, func(string, []byte) {}) }()
	t.Cleanup(func() { cancel(); <-done; c.Close() })
	refused.wait(4)
	if n := strings.Count(log.String(), "READ and DESCRIBE"); n != 1 {
		t.Errorf("said %d times:\n%s", n, log.String())
	}
	allowed.Store(true)
	await(t, "read again", func() bool { return strings.Contains(log.String(), "read again") })
}
