package stream

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"sluice/stream/arena"
	"sluice/stream/sse"
)

// modelTopic is a topic's records, and what its state has to be by its definition.
type modelTopic struct {
	compacted  bool
	maxAge     int64
	newest     int64 // records of a partition that are never too old
	partitions [][]Event
}

func newModelTopic(rnd *rand.Rand, now int64) *modelTopic {
	m := &modelTopic{compacted: rnd.IntN(2) == 0, maxAge: 3600_000, partitions: make([][]Event, 1+rnd.IntN(3))}
	if rnd.IntN(2) == 0 {
		m.newest = 8
	}
	for n := range 20 + rnd.IntN(300) {
		key := rnd.IntN(12)
		p := rnd.IntN(len(m.partitions))
		if m.compacted || m.newest > 0 { // what is deleted across partitions is not known any more once the tombstone is gone
			p = key % len(m.partitions)
		}
		ev := Event{
			Partition: int32(p), Offset: int64(len(m.partitions[p])), Timestamp: now - 600_000*rnd.Int64N(10),
			Key: fmt.Append(nil, "k", key), Data: fmt.Append(nil, n),
		}
		if rnd.IntN(8) == 0 && !m.compacted {
			ev.Key = nil
		}
		if rnd.IntN(10) > 0 {
			ev.Subject = fmt.Append(nil, "s", rnd.IntN(8))
			if m.newest > 0 { // so is what took a subject's place
				ev.Subject = fmt.Appendf(ev.Subject, "p%d", p)
			}
		}
		ev.Tombstone = rnd.IntN(6) == 0
		for u := range 3 {
			if rnd.IntN(2) == 0 {
				ev.Users = append(ev.Users, fmt.Append(nil, "u", u))
			}
		}
		m.partitions[p] = append(m.partitions[p], ev)
	}
	return m
}

// deleted reports whether what the record at i of its partition says is no more.
func (m *modelTopic) deleted(ev *Event) bool {
	if ev.Key == nil {
		return false
	}
	for p := range m.partitions {
		for i := range m.partitions[p] {
			other := &m.partitions[p][i]
			if string(other.Key) != string(ev.Key) || other.Key == nil {
				continue
			}
			if other.Partition == ev.Partition {
				if other.Offset > ev.Offset && (m.compacted || other.Tombstone && !ev.Tombstone) {
					return true
				}
				continue
			}
			a := stateSlot{time: other.Timestamp, partition: other.Partition, offset: other.Offset}
			if other.Tombstone && !ev.Tombstone && laterSlot(&a, &stateSlot{time: ev.Timestamp, partition: ev.Partition, offset: ev.Offset}) {
				return true
			}
		}
	}
	return false
}

func (m *modelTopic) old(ev *Event, now int64) bool {
	return ev.Timestamp <= now-m.maxAge && ev.Offset < int64(len(m.partitions[ev.Partition]))-m.newest
}

// state is what user should have, by subject; "" is everybody's.
func (m *modelTopic) state(user string, now int64) map[string]string {
	newest := map[string]*Event{}
	for p := range m.partitions {
		inPartition := map[string]*Event{}
		for i := range m.partitions[p] {
			if ev := &m.partitions[p][i]; len(ev.Subject) > 0 && !(m.compacted && (ev.Tombstone || m.deleted(ev))) {
				inPartition[string(ev.Subject)] = ev
			}
		}
		for subject, ev := range inPartition {
			if m.deleted(ev) || !m.compacted && m.old(ev, now) {
				continue
			}
			b := stateSlot{time: ev.Timestamp, partition: ev.Partition, offset: ev.Offset}
			if w := newest[subject]; w == nil || laterSlot(&b, &stateSlot{time: w.Timestamp, partition: w.Partition, offset: w.Offset}) {
				newest[subject] = ev
			}
		}
	}
	got := map[string]string{}
	for subject, ev := range newest {
		if !ev.Tombstone && (user == "" || has(ev.Users, user)) {
			got[subject] = string(ev.Data)
		}
	}
	return got
}

// TestStateModel has gateways read a topic from different places and in different orders,
// one of them after its compaction, and expects of each what the state is by definition.
func TestStateModel(t *testing.T) {
	seeds := uint64(200)
	if os.Getenv("SLUICE_TEST_FULL") != "" {
		seeds = 20000
	}
	for seed := range seeds {
		rnd := rand.New(rand.NewPCG(seed, 11))
		now := time.Now().UnixMilli()
		m := newModelTopic(rnd, now)
		for reader := range 3 {
			for _, audience := range []Audience{AudienceUser, AudienceEveryone} {
				h := readModel(m, rnd, reader, audience, now)
				users := []string{"u0", "u1", "u2"}
				if audience == AudienceEveryone {
					users = []string{""}
				}
				for _, user := range users {
					s, err := h.State(context.Background(), StateRequest{Streams: []int{0}, User: user})
					if err != nil {
						t.Fatal(err)
					}
					want := m.state(user, now)
					var all []string
					for subject, data := range want {
						all = append(all, subject+"="+data)
					}
					got := texts(s)
					slices.Sort(got)
					slices.Sort(all)
					if !slices.Equal(got, all) {
						t.Fatalf("seed %d, reader %d, compacted %v: %q has %q; want %q", seed, reader, m.compacted, user, got, all)
					}
					for _, l := range s.Latest {
						one, _ := h.State(context.Background(), StateRequest{Streams: []int{0}, User: user, Filter: About(string(l.Subject))})
						if len(one.Latest) != 1 || string(one.Latest[0].Frame) != string(l.Frame) {
							t.Fatalf("seed %d: %s alone is %q", seed, l.Subject, texts(one))
						}
					}
				}
				h.logs[0].state.clear()
				for h.logs[0].evict(&h.users) {
				}
				if len(h.users.index) != 0 {
					t.Fatalf("seed %d: %d users left", seed, len(h.users.index))
				}
				h.Close()
			}
		}
	}
}

// readModel is a gateway that has read the topic: from its start, from the age on, or
// compacted.
func readModel(m *modelTopic, rnd *rand.Rand, reader int, audience Audience, now int64) *Hub {
	h := NewHub(Config{Streams: []Spec{{Name: "orders", Audience: audience, State: StateBounds{MaxAge: time.Duration(m.maxAge) * time.Millisecond, MaxBytes: 1 << 30}}}})
	h.logs[0].state.newest = func(int) int64 { return m.newest }
	h.Retained(0, nil, m.compacted, nil)
	h.Begin(0, "e", make([]int64, len(m.partitions)))
	left := make([][]Event, len(m.partitions))
	for p, events := range m.partitions {
		left[p] = slices.Clone(events)
		switch {
		case reader == 1 && !m.compacted:
			first := slices.IndexFunc(events, func(ev Event) bool { return !m.old(&ev, now) })
			left[p] = left[p][max(first, 0):]
		case reader == 2 && m.compacted:
			left[p] = slices.DeleteFunc(left[p], func(ev Event) bool { return rnd.IntN(2) == 0 && m.deleted(&ev) })
		}
	}
	for more := true; more; {
		more = false
		for range left {
			p := rnd.IntN(len(left))
			n := min(len(left[p]), rnd.IntN(20))
			h.Publish(0, left[p][:n])
			left[p] = left[p][n:]
		}
		for p := range left {
			more = more || len(left[p]) > 0
		}
	}
	h.SetWarm(0)
	return h
}

// TestStateBytes lets subjects of all sizes come and go, and looks at what the arena
// keeps alive for them.
func TestStateBytes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 3))
	h := NewHub(Config{Streams: []Spec{{Name: "orders", ReplayBytes: 1 << 20, State: StateBounds{MaxBytes: 4 << 20}}}})
	defer h.Close()
	h.Begin(0, "e", []int64{0})
	h.SetWarm(0)
	want := map[string]string{}
	now := time.Now().UnixMilli()
	for o := range int64(60_000) {
		subject := "s" + strconv.Itoa(rnd.IntN(3000))
		size := rnd.IntN(1000)
		if rnd.IntN(3000) == 0 {
			size = 100_000
		}
		ev := Event{Offset: o, Timestamp: now + o, Key: []byte(subject), Subject: []byte(subject), Users: [][]byte{[]byte("alice")}}
		if want[subject] = ""; rnd.IntN(5) == 0 {
			ev.Tombstone = true
			delete(want, subject)
		} else {
			ev.Data = fmt.Appendf(nil, "%d%0*d", o, size, 0)
			want[subject] = string(ev.Data)
		}
		h.Publish(0, []Event{ev})
		if o%5000 == 0 || o == 59_999 {
			s, err := h.State(context.Background(), StateRequest{Streams: []int{0}, User: "alice"})
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range s.Latest {
				if _, _, data, _, _ := sse.Cut(l.Frame); string(data) != want[string(l.Subject)] {
					t.Fatalf("at %d: %s is %.20s; want %.20s", o, l.Subject, data, want[string(l.Subject)])
				}
			}
			if s.Complete && len(s.Latest) != len(want) || !s.Complete && len(s.Latest) < 1500 {
				t.Fatalf("at %d: %d subjects of %d, complete %v", o, len(s.Latest), len(want), s.Complete)
			}
			if a := &h.logs[0].state.arena; a.Allocated() > 2*a.Used()+4*arena.MaxChunk {
				t.Fatalf("at %d: %d bytes kept for %d", o, a.Allocated(), a.Used())
			}
		}
	}
	if h.Stats(0).StateBytes > 4<<20 {
		t.Errorf("%d bytes", h.Stats(0).StateBytes)
	}
}

// laterSlot is the order of a stream of one topic.
func laterSlot(a, b *stateSlot) bool { return (&stateTable{log: &log{}}).later(a, b) }
