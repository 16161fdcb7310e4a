package stream

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/stream/sse"
)

const (
	joinUsers      = 20
	joinSubjects   = 200
	joinPartitions = 3
)

// joinWriter writes versions of subjects all the time and knows what it wrote.
type joinWriter struct {
	hub *Hub

	mu       sync.Mutex // guards the rest
	next     [2][joinPartitions]int64
	versions [2][joinSubjects][]Event // by stream and subject; what is about to be published is in it
}

// owner is whose a subject is at a version: it is handed on every now and then.
func owner(subject, version int) int { return (subject + version/3) % joinUsers }

func (w *joinWriter) write(rnd *rand.Rand) {
	i, subject := rnd.IntN(2), rnd.IntN(joinSubjects)
	w.mu.Lock()
	p := subject % joinPartitions
	version := len(w.versions[i][subject])
	ev := Event{
		Partition: int32(p), Offset: w.next[i][p], Timestamp: time.Now().UnixMilli(),
		Key: fmt.Append(nil, subject), Subject: fmt.Append(nil, subject), Tombstone: version%7 == 6,
		Users: [][]byte{fmt.Append(nil, "u", owner(subject, version))},
	}
	ev.Data = fmt.Appendf(nil, "%d %d %d %s", i, p, ev.Offset, strings.Repeat("x", rnd.IntN(100)))
	w.next[i][p]++
	w.versions[i][subject] = append(w.versions[i][subject], ev)
	w.mu.Unlock()
	w.hub.Publish(i, []Event{ev})
}

// between returns the data of a user's events from one position to another, by stream and
// partition.
func (w *joinWriter) between(user string, from, to [2][]int64) (data [2][joinPartitions][]string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.versions {
		var all []Event
		for subject := range w.versions[i] {
			versions, p := w.versions[i][subject], subject%joinPartitions
			lo := sort.Search(len(versions), func(n int) bool { return versions[n].Offset >= from[i][p] })
			for _, ev := range versions[lo:] {
				if ev.Offset < to[i][p] && (i == 1 || string(ev.Users[0]) == user) {
					all = append(all, ev)
				}
			}
		}
		slices.SortFunc(all, func(a, b Event) int { return int(a.Offset - b.Offset) })
		for _, ev := range all {
			data[i][ev.Partition] = append(data[i][ev.Partition], string(ev.Data))
		}
	}
	return data
}

// state returns what a user's state is at a position: the data, sorted.
func (w *joinWriter) state(user string, at [2][]int64) (data []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.versions {
		for subject, versions := range w.versions[i] {
			n := sort.Search(len(versions), func(n int) bool { return versions[n].Offset >= at[i][subject%joinPartitions] })
			if n > 0 && !versions[n-1].Tombstone && (i == 1 || string(versions[n-1].Users[0]) == user) {
				data = append(data, string(versions[n-1].Data))
			}
		}
	}
	slices.Sort(data)
	return data
}

func position(t *testing.T, id string) (pos [2][]int64) {
	segments, err := readPlain(id)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range segments {
		if s.Stream == "board" {
			pos[1] = s.Offsets
		} else {
			pos[0] = s.Offsets
		}
	}
	return pos
}

// TestStateJoins opens a stream at the cursor of a state, again and again while events
// are published. The state is what the cursor says, and what comes after it is everything
// that was written since, once.
func TestStateJoins(t *testing.T) {
	rounds := 2
	if os.Getenv("SLUICE_TEST_ALL") == "1" {
		rounds = 4
	}
	if os.Getenv("SLUICE_TEST_FULL") != "" {
		rounds = 40
	}
	for round := range rounds {
		runJoins(t, uint64(round), 2500)
	}
}

func runJoins(t *testing.T, seed uint64, joins int64) {
	keep := StateBounds{MaxBytes: 1 << 20}
	w := &joinWriter{hub: NewHub(Config{Streams: []Spec{
		{Name: "orders", ReplayBytes: 4 << 20, State: keep}, {Name: "board", Audience: AudienceEveryone, ReplayBytes: 4 << 20, State: keep},
	}})}
	defer w.hub.Close()
	for i := range w.next {
		w.hub.Begin(i, "e", make([]int64, joinPartitions))
		w.hub.SetWarm(i)
	}
	waker := w.hub.AddWaker(&wakes{ch: map[uint32]chan struct{}{}})
	wanted := make(chan struct{}, 64) // writes: some for each join, so that neither starves the other
	var writing, joining sync.WaitGroup
	writing.Go(func() {
		rnd := rand.New(rand.NewPCG(seed, 1))
		for range wanted {
			w.write(rnd)
		}
	})
	var left atomic.Int64
	left.Store(joins)
	for n := range uint64(2) {
		joining.Go(func() {
			for rnd := rand.New(rand.NewPCG(seed, 2+n)); left.Add(-1) >= 0 && !t.Failed(); {
				for range 8 {
					wanted <- struct{}{}
				}
				w.join(t, rnd, waker)
			}
		})
	}
	joining.Wait()
	close(wanted)
	writing.Wait()
}

func (w *joinWriter) join(t *testing.T, rnd *rand.Rand, waker WakerID) {
	user := fmt.Sprint("u", rnd.IntN(joinUsers))
	s, err := w.hub.State(context.Background(), StateRequest{Streams: []int{0, 1}, User: user})
	if err != nil {
		t.Error(err)
		return
	}
	start := position(t, s.Cursor)
	var got []string
	for _, l := range s.Latest {
		_, _, data, _, _ := sse.Cut(l.Frame)
		got = append(got, string(data))
	}
	slices.Sort(got)
	if want := w.state(user, start); !slices.Equal(got, want) {
		t.Errorf("%s at %s: state %q; want %q", user, s.Cursor, got, want)
		return
	}
	sub, o, err := w.hub.Open(context.Background(), Request{Streams: []int{0, 1}, User: user, Cursor: s.Cursor, Waker: waker})
	if err != nil || len(o.Resets) > 0 {
		t.Errorf("%v, resets %v", err, o.Resets)
		return
	}
	defer sub.Close()
	var streamed [2][joinPartitions][]string
	var b Batch
	id := o.ID
	for range 1 + rnd.IntN(4) {
		pulled := sub.Pull(&b, rnd.IntN(2000))
		wire := bytes.Join(b.Bufs, nil)
		b.Reset()
		for {
			at, _, data, rest, ok := sse.Cut(wire)
			if !ok {
				break
			}
			wire, id = rest, string(at)
			var i, p int
			fmt.Sscan(string(data), &i, &p)
			streamed[i][p] = append(streamed[i][p], string(data))
		}
		if pulled == Drained {
			id = string(sub.AppendID(nil))
		}
	}
	if want := w.between(user, start, position(t, id)); !slices.EqualFunc(streamed[0][:], want[0][:], slices.Equal) || !slices.EqualFunc(streamed[1][:], want[1][:], slices.Equal) {
		t.Errorf("%s from %s to %s: %q; want %q", user, s.Cursor, id, streamed, want)
	}
}
