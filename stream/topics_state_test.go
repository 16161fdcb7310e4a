package stream

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"sluice/stream/cursor"
)

// topicsStates are two hubs that have found the topics a and b in different orders.
type topicsStates struct {
	t    *testing.T
	hubs []*Hub
	keys map[string]string
	next map[string]int64
}

func newTopicsStates(t *testing.T) *topicsStates {
	s := &topicsStates{t: t, keys: map[string]string{}, next: map[string]int64{}}
	for _, order := range [][]string{{"a", "b"}, {"b", "a"}} {
		h := NewHub(Config{Streams: []Spec{{Name: "orders", Several: true, State: StateBounds{MaxAge: time.Hour, MaxBytes: 1 << 20}}}})
		t.Cleanup(h.Close)
		h.Begin(0, cursor.Several, nil)
		for i, name := range order {
			s.keys[name] = cursor.TopicKey(name, "epoch"+name)
			h.AddTopic(0, name, s.keys[name], []int64{0})
			h.Retained(0, []int32{int32(i)}, name == "a", []int64{0}) // a is compacted
		}
		h.SetWarm(0)
		s.hubs = append(s.hubs, h)
	}
	return s
}

// publish writes a record of alice's to a topic; subject "" is a tombstone.
func (s *topicsStates) publish(topic, key, subject string, at time.Time) {
	for _, h := range s.hubs {
		p, _ := h.StreamPartition(0, topic, 0)
		ev := Event{
			Partition: p, Offset: s.next[topic], Timestamp: at.UnixMilli(), Key: []byte(key), Users: [][]byte{[]byte("alice")},
			Subject: []byte(subject), Data: fmt.Appendf(nil, "%s/%d", topic, s.next[topic]), Tombstone: subject == "",
		}
		h.Publish(0, []Event{ev})
	}
	s.next[topic]++
}

// shows expects the same state of both, of these subjects.
func (s *topicsStates) shows(want ...string) {
	s.t.Helper()
	var tags [][]uint64
	for i, h := range s.hubs {
		state, err := h.State(context.Background(), StateRequest{Streams: []int{0}, User: "alice"})
		if err != nil {
			s.t.Fatal(err)
		}
		var got []string
		for _, l := range state.Latest {
			got = append(got, string(l.Subject))
		}
		if !slices.Equal(got, want) {
			s.t.Errorf("hub %d shows %q, want %q", i, got, want)
		}
		tags = append(tags, state.Tag)
	}
	if !slices.Equal(tags[0], tags[1]) {
		s.t.Errorf("one state has the tags %v and %v", tags[0], tags[1])
	}
}

// A key is its topic's, and so is whether the topic is compacted. A subject is the
// stream's. What a state shows doesn't depend on the order in which topics were found.
func TestTheStateOfSeveralTopics(t *testing.T) {
	s := newTopicsStates(t)
	now := time.Now().Add(-time.Minute)
	at := func(n int) time.Time { return now.Add(time.Duration(n) * time.Second) }
	s.publish("a", "k1", "s1", at(1))
	s.publish("b", "k1", "s2", at(2))
	s.shows("s1", "s2")
	s.publish("b", "k1", "", at(3)) // a tombstone of b's key only
	s.shows("s1")
	s.publish("a", "k1", "s3", at(4)) // compacted: by key
	s.shows("s3")
	s.publish("b", "k2", "s4", at(5)) // not compacted: by subject
	s.publish("b", "k2", "s5", at(6))
	s.shows("s3", "s4", "s5")
	s.publish("a", "k3", "s5", at(7)) // the latest of a subject, in whichever topic
	s.shows("s3", "s4", "s5")
	s.publish("a", "k4", "s6", at(7)) // of one moment, in two topics
	s.publish("b", "k4", "s6", at(7))
	s.shows("s3", "s4", "s5", "s6")
	s.publish("a", "k5", "old", time.Now().Add(-2*time.Hour)) // a compacted topic's has no age
	s.publish("b", "k5", "older", time.Now().Add(-3*time.Hour))
	s.shows("older", "old", "s3", "s4", "s5", "s6") // among the newest of b
	for i := range ManyPartitions * 11 {
		s.publish("b", "k6", "s7", at(8+i%3))
	}
	s.shows("old", "s3", "s4", "s5", "s6", "s7") // "older" is no longer among them

	for _, h := range s.hubs {
		h.RemoveTopic(0, s.keys["a"])
	}
	s.shows("s4", "s5", "s6", "s7") // what b has of s5 and s6
}
