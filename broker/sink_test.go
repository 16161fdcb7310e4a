package broker

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"sluice/stream"
)

// patience bounds every wait of these tests; reaching it is a failure, never a measure.
const patience = time.Minute

// recorder is a sink that keeps everything and checks what the hub relies on.
type recorder struct {
	t *testing.T

	mu      sync.Mutex // guards the rest
	changed chan struct{}
	streams []*recorded
}

type recorded struct {
	begins    []string // epochs
	topics    []string // what was told of several topics
	keys      []string // theirs
	next      []int64
	events    []string // "partition@offset user data"
	fed       []string // the same of what was fed
	fedTo     map[int32]int64
	kept      []int64
	compacted bool
	jumps     []string // "partition reason from→to"
	refused   []string // "partition@offset reason"
	epochs    []string // "partition@start epoch"
	warm      bool
	stale     time.Time
	fresh     int // times it became fresh again
}

func newRecorder(t *testing.T, streams int) *recorder {
	r := &recorder{t: t, changed: make(chan struct{})}
	for range streams {
		r.streams = append(r.streams, &recorded{})
	}
	return r
}

// change does f with a stream under the lock and tells those who wait.
func (r *recorder) change(stream int, f func(s *recorded)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(r.streams[stream])
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *recorder) Begin(stream int, epoch string, start []int64) {
	r.change(stream, func(s *recorded) { s.begins, s.next = append(s.begins, epoch), slices.Clone(start) })
}

func (r *recorder) Retained(stream int, _ []int32, compacted bool, start []int64) {
	r.change(stream, func(s *recorded) { s.compacted, s.kept = compacted, slices.Clone(start) })
}

func (r *recorder) AddTopic(stream int, name, key string, start []int64) {
	r.change(stream, func(s *recorded) {
		s.topics = append(s.topics, fmt.Sprint("+", name, start))
		s.keys = append(s.keys, key)
		s.next = append(s.next, start...)
	})
}

func (r *recorder) GrowTopic(stream int, key string, start []int64) {
	r.change(stream, func(s *recorded) {
		s.topics = append(s.topics, fmt.Sprint("more ", start))
		s.next = append(s.next, start...)
	})
}

func (r *recorder) RemoveTopic(stream int, key string) {
	r.change(stream, func(s *recorded) { s.topics = append(s.topics, "-"+key) })
}

func (r *recorder) FillState(stream int, partition int32, events []stream.Event, next int64) {
	r.change(stream, func(s *recorded) {
		if next > s.next[partition] {
			r.t.Errorf("stream %d: partition %d fed to %d, beyond the position %d", stream, partition, next, s.next[partition])
		}
		if s.fedTo == nil {
			s.fedTo = map[int32]int64{}
		}
		s.fedTo[partition] = next
		for _, ev := range events {
			s.fed = append(s.fed, fmt.Sprintf("%d@%d %s %s", ev.Partition, ev.Offset, ev.Users, ev.Data))
		}
	})
}

func (r *recorder) AddPartitions(stream int, start []int64) {
	r.change(stream, func(s *recorded) { s.next = append(s.next, start...) })
}

func (r *recorder) Publish(stream int, events []stream.Event) {
	r.change(stream, func(s *recorded) {
		for _, ev := range events {
			if ev.Offset < s.next[ev.Partition] {
				r.t.Errorf("stream %d: event %d@%d below the position %d", stream, ev.Partition, ev.Offset, s.next[ev.Partition])
			}
			s.next[ev.Partition] = ev.Offset + 1
			s.events = append(s.events, fmt.Sprintf("%d@%d %s %s", ev.Partition, ev.Offset, ev.Users, ev.Data))
		}
	})
}

func (r *recorder) Advance(stream int, partition int32, next int64) {
	r.change(stream, func(s *recorded) {
		if next <= s.next[partition] {
			r.t.Errorf("stream %d: partition %d advances from %d to %d", stream, partition, s.next[partition], next)
		}
		s.next[partition] = next
	})
}

func (r *recorder) Refused(at int, one stream.Refusal) {
	r.change(at, func(s *recorded) {
		if one.Offset < s.next[one.Partition] {
			r.t.Errorf("stream %d: %d@%d is refused below the position %d", at, one.Partition, one.Offset, s.next[one.Partition])
		}
		s.refused = append(s.refused, fmt.Sprintf("%d@%d %s", one.Partition, one.Offset, one.Reason))
	})
}

func (r *recorder) SetLeaderEpoch(stream int, partition, epoch int32, start int64) {
	r.change(stream, func(s *recorded) {
		s.epochs = append(s.epochs, fmt.Sprintf("%d@%d epoch %d", partition, start, epoch))
	})
}

func (r *recorder) Jump(stream int, partition int32, reason stream.Reason, to int64) {
	r.change(stream, func(s *recorded) {
		s.jumps = append(s.jumps, fmt.Sprintf("%d %s %d→%d", partition, reason, s.next[partition], to))
		s.next[partition] = to
	})
}

func (r *recorder) SetStale(stream int, since time.Time) {
	r.change(stream, func(s *recorded) {
		if s.stale = since; since.IsZero() {
			s.fresh++
		}
	})
}

func (r *recorder) SetWarm(stream int) {
	r.change(stream, func(s *recorded) {
		if s.warm {
			r.t.Errorf("stream %d: warm twice", stream)
		}
		s.warm = true
	})
}

// wait returns when what a stream recorded fulfils the condition.
func (r *recorder) wait(stream int, what string, fulfilled func(s *recorded) bool) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		r.mu.Lock()
		ok, changed := fulfilled(r.streams[stream]), r.changed
		r.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			r.mu.Lock()
			defer r.mu.Unlock()
			r.t.Fatalf("stream %d: still not %s: %+v", stream, what, *r.streams[stream])
		}
	}
}

// waitEvents returns when a stream has n events.
func (r *recorder) waitEvents(stream, n int) {
	r.t.Helper()
	r.wait(stream, fmt.Sprintf("at %d events", n), func(s *recorded) bool { return len(s.events) >= n })
}

func isWarm(s *recorded) bool { return s.warm }

// look does f with a stream under the lock.
func (r *recorder) look(stream int, f func(s *recorded)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(r.streams[stream])
}

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// logged is a log that tests can read while it is written.
type logged struct {
	mu   sync.Mutex // guards text
	text []byte
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, b...)
	return len(b), nil
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

// follow runs a reader until the test ends.
func follow(t *testing.T, cfg Config, streams []StreamConfig, sink Sink, log *slog.Logger) *Reader {
	t.Helper()
	if cfg.Refresh == 0 {
		cfg.Refresh = 100 * time.Millisecond
	}
	r, err := NewReader(cfg, streams, sink, log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return r
}
