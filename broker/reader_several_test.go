package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"sluice/broker/record"
	"sluice/stream"
)

func matching(t *testing.T, pattern string, excluded ...string) *Topics {
	t.Helper()
	topics, err := MatchTopics(pattern, excluded...)
	if err != nil {
		t.Fatal(err)
	}
	return topics
}

func severalOrders(topics *Topics) StreamConfig {
	return StreamConfig{Name: "orders", Topics: topics, Record: record.Rules{User: "key"}, Replay: time.Hour}
}

func TestATopicIsOfAPatternByItsWholeName(t *testing.T) {
	topics := matching(t, `^orders\..*`, "orders.poison")
	for name, want := range map[string]bool{
		"orders.eu": true, "orders.": true, "orders": false, "x.orders.eu": false, "orders.poison": false, "orders.poisoned": true,
	} {
		if topics.Has(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
	if all := matching(t, `^.*`); all.Has("__consumer_offsets") || !all.Has("_schemas") {
		t.Error("an internal topic is one of a pattern's, or another isn't")
	}
	if alternatives := matching(t, `^a|b`); !alternatives.Has("a") || !alternatives.Has("b") || alternatives.Has("ab") || alternatives.Has("xb") {
		t.Error("an alternative matches a part of a name")
	}
	if list := ListTopics("a", "b"); !list.Has("a") || list.Has("c") {
		t.Error("a list has other topics than it names")
	}
}

// What was there is read for the replay window, what comes later from its first record.
func TestAPatternTakesUpNewTopics(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.create("orders.eu", 2)
	f.create("other", 1)
	old := recordOf("orders.eu", 0, "alice", "old")
	old.Timestamp = time.Now().Add(-2 * time.Hour)
	f.produce(old, recordOf("orders.eu", 1, "alice", "young"))
	sink := newRecorder(t, 1)
	topics := matching(t, `^orders\..*`)
	r := follow(t, f.config(), []StreamConfig{severalOrders(topics)}, sink, quiet)
	sink.wait(0, "warm", isWarm)
	sink.look(0, func(s *recorded) {
		if !slices.Equal(s.begins, []string{"!"}) || !slices.Equal(s.topics, []string{"+orders.eu[1 0]"}) || !slices.Equal(s.events, []string{"1@0 [alice] young"}) {
			t.Errorf("begun %q, topics %q, events %q", s.begins, s.topics, s.events)
		}
	})

	f.create("orders.us", 1)
	late := recordOf("orders.us", 0, "bob", "first")
	late.Timestamp = time.Now().Add(-3 * time.Hour) // a new topic has no replay window
	f.produce(late, recordOf("orders.us", 0, "bob", "second"))
	sink.waitEvents(0, 3)
	f.produce(recordOf("orders.eu", 0, "alice", "more"))
	sink.waitEvents(0, 4)
	sink.look(0, func(s *recorded) {
		if want := []string{"1@0 [alice] young", "2@0 [bob] first", "2@1 [bob] second", "0@1 [alice] more"}; !slices.Equal(s.events, want) {
			t.Errorf("events %q", s.events)
		}
	})
	if s := r.Status()[0]; s.Topic != `^orders\..*` || s.Partitions != 3 || !s.Warm || !s.Fetching || s.Events != 4 || len(s.Topics) != 2 || s.Topics[1].Topic != "orders.us" || s.Topics[1].Events != 2 || s.Waiting != "" {
		t.Errorf("status %+v", s)
	}
}

func TestATopicOfAPatternIsDeletedAndCreatedAgain(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.create("orders.eu", 1)
	f.create("orders.us", 1)
	f.produce(recordOf("orders.eu", 0, "alice", "1"), recordOf("orders.us", 0, "alice", "2"))
	sink := newRecorder(t, 1)
	cfg := f.config()
	cfg.DeletedAfter = 300 * time.Millisecond
	follow(t, cfg, []StreamConfig{severalOrders(matching(t, `^orders\..*`))}, sink, quiet)
	sink.waitEvents(0, 2)
	var keys []string
	sink.look(0, func(s *recorded) { keys = slices.Clone(s.keys) })

	f.remove("orders.eu")
	sink.wait(0, "the deletion", func(s *recorded) bool { return len(s.topics) == 3 })
	f.create("orders.eu", 2)
	f.produce(recordOf("orders.eu", 1, "alice", "3"))
	sink.waitEvents(0, 3)
	f.produce(recordOf("orders.us", 0, "alice", "4"))
	sink.waitEvents(0, 4)
	sink.look(0, func(s *recorded) {
		deleted := slices.IndexFunc(s.topics, func(one string) bool { return strings.HasPrefix(one, "-") })
		if deleted != 2 || s.topics[2] != "-"+keys[slices.Index(s.topics, "+orders.eu[0]")] || s.topics[3] != "+orders.eu[0 0]" || s.keys[2] == keys[0] || s.keys[2] == keys[1] {
			t.Errorf("topics %q, keys %q", s.topics, s.keys)
		}
		if s.events[2] != "3@0 [alice] 3" {
			t.Errorf("events %q", s.events)
		}
	})
}

// A topic has all its streams from the beginning, whichever name it by name or pattern.
func TestATopicIsShownByItsOwnStreamAndByAPattern(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	streams := []StreamConfig{
		{Name: "eu", Topic: "orders.eu", Record: record.Rules{User: "key"}, Replay: time.Hour},
		severalOrders(matching(t, `^orders\..*`)),
		severalOrders(ListTopics("orders.eu", "orders.us")),
	}
	sink := newRecorder(t, 3)
	r := follow(t, f.config(), streams, sink, quiet)
	sink.wait(1, "warm", isWarm) // with no topic at all
	sink.wait(2, "warm", isWarm)
	if s := r.Status()[2]; s.Waiting == "" || len(s.Topics) != 2 {
		t.Errorf("status %+v", s)
	}
	f.create("orders.eu", 1)
	f.produce(recordOf("orders.eu", 0, "alice", "1"))
	for stream := range 3 {
		sink.waitEvents(stream, 1)
	}
	f.create("orders.us", 1)
	f.produce(recordOf("orders.us", 0, "alice", "2"))
	sink.waitEvents(1, 2)
	sink.waitEvents(2, 2)
}

func TestATopicWithoutRoomIsRefusedByName(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	for i := range 4 {
		f.create(fmt.Sprintf("orders.%d", i), 1)
		f.produce(recordOf(fmt.Sprintf("orders.%d", i), 0, "alice", fmt.Sprint(i)))
	}
	f.create("orders.wide", 5)
	cfg, room := f.config(), 4
	cfg.Admit = func(_ int, topic string, partitions int) string {
		if room -= partitions; room < 0 {
			room += partitions
			return topic + " has no room"
		}
		return ""
	}
	sink := newRecorder(t, 1)
	r := follow(t, cfg, []StreamConfig{severalOrders(matching(t, `^orders\..*`))}, sink, quiet)
	sink.wait(0, "warm", isWarm)
	sink.waitEvents(0, 4)
	s := r.Status()[0]
	at := slices.IndexFunc(s.Topics, func(one TopicStatus) bool { return one.Refused })
	if at < 0 || s.Topics[at].Topic != "orders.wide" || s.Topics[at].Waiting != "orders.wide has no room" || !s.Fetching || s.Waiting != "orders.wide: orders.wide has no room" {
		t.Errorf("status %+v", s)
	}
}

func TestThePastOfSeveralTopics(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	for _, name := range []string{"orders.a", "orders.b", "orders.c"} {
		f.create(name, 2)
		for i := range 10 {
			f.produce(recordOf(name, int32(i%2), "alice", fmt.Sprint(name, i)))
		}
	}
	topics := matching(t, `^orders\..*`)
	streams := []StreamConfig{severalOrders(topics)}
	sink := newRecorder(t, 1)
	cfg := f.config()
	cfg.DeletedAfter = 300 * time.Millisecond
	follow(t, cfg, streams, sink, quiet)
	sink.waitEvents(0, 30)
	h, err := NewHistory(cfg, streams, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	ctx := context.Background()
	b, err := h.Bounds(ctx, 0)
	if want := slices.Repeat([]int64{5}, 6); err != nil || !slices.Equal(b.End, want) || !slices.Equal(b.Start, make([]int64, 6)) || len(b.Topics) != 3 || b.Epoch != "!" {
		t.Errorf("bounds %+v, %v", b, err)
	}
	if at, err := h.OffsetsAt(ctx, 0, time.Now().Add(time.Hour).UnixMilli()); err != nil || !slices.Equal(at, b.End) {
		t.Errorf("offsets in an hour %v, %v", at, err)
	}
	if ends, err := h.EpochEnds(ctx, 0, []int32{-1, 0, -1, -1, 0, -1}); err != nil || len(ends) != 6 || ends[0].Epoch != -1 || ends[1].End != 5 || ends[4].End != 5 {
		t.Errorf("epochs end at %+v, %v", ends, err)
	}
	next, found := make([]int64, 6), 0
	read := func(from, to []int64) error {
		return h.Read(ctx, 0, "!", from, to, func(run stream.HistoryRun) error {
			p := run.Partition
			for _, ev := range run.Events {
				if ev.Partition != p || ev.Offset < from[p] || ev.Offset >= to[p] {
					t.Errorf("event %d@%d of %d", ev.Partition, ev.Offset, p)
				}
			}
			next[p], found = run.Next, found+len(run.Events)
			return nil
		})
	}
	if err := read([]int64{0, 2, 5, 5, 4, 0}, b.End); err != nil || found != 5+3+1+5 || !slices.Equal(next, []int64{5, 5, 0, 0, 5, 5}) {
		t.Errorf("%d events, up to %v: %v", found, next, err)
	}

	f.remove("orders.b")
	sink.wait(0, "the deletion", func(s *recorded) bool { return len(s.topics) == 4 })
	b, err = h.Bounds(ctx, 0)
	gone := 0
	for p, start := range b.Start {
		if start == stream.Gone && b.End[p] == stream.Gone {
			gone++
		}
	}
	if err != nil || gone != 2 || len(b.Topics) != 2 {
		t.Errorf("after the deletion: bounds %+v, %v", b, err)
	}
	err = read(make([]int64, 6), slices.Repeat([]int64{5}, 6))
	if one := new(stream.GoneError); !errors.As(err, &one) || one.Start != stream.Gone || b.Start[one.Partition] != stream.Gone {
		t.Errorf("to read what was deleted: %v", err)
	}
}

// Without topic ids one that was created anew can't be told from the one before: it is
// refused by name, and the others go on.
func TestATopicOfAPatternWithoutAnID(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.create("orders.eu", 1)
	f.create("orders.us", 1)
	both, one := metadataNow(f, "orders.eu"), metadataNow(f, "orders.us")
	both.Topics = append(both.Topics, one.Topics...)
	for _, m := range []*kmsg.MetadataResponse{both, one} {
		for i := range m.Topics {
			m.Topics[i].TopicID = topicID{}
		}
	}
	var said atomic.Pointer[kmsg.MetadataResponse]
	said.Store(both)
	f.answerMetadata(func(int32, *kmsg.MetadataRequest) *kmsg.MetadataResponse { return said.Load() })
	f.produce(recordOf("orders.eu", 0, "alice", "1"))
	sink := newRecorder(t, 1)
	cfg := f.config()
	cfg.DeletedAfter = 300 * time.Millisecond
	r := follow(t, cfg, []StreamConfig{severalOrders(matching(t, `^orders\..*`))}, sink, quiet)
	sink.waitEvents(0, 1)
	said.Store(one)
	sink.wait(0, "the deletion", func(s *recorded) bool { return len(s.topics) == 3 })
	said.Store(both)
	for ; ; <-time.After(10 * time.Millisecond) {
		if s := r.Status()[0]; len(s.Topics) == 2 && s.Topics[0].Refused {
			if s.Topics[0].Waiting != isAgain || !strings.HasPrefix(s.Waiting, "orders.eu: it was deleted") {
				t.Errorf("status %+v", s)
			}
			break
		}
	}
	f.produce(recordOf("orders.us", 0, "alice", "2"))
	sink.waitEvents(0, 2)
}

// Of hundreds of topics without young records, each is read a little back only.
func TestOldTopicsOfAPatternShareWhatIsReadBack(t *testing.T) {
	f := newFake(t)
	f.create("orders.eu", 1)
	for i := range 250 {
		old := recordOf("orders.eu", 0, "alice", fmt.Sprint(i))
		old.Timestamp = time.Now().Add(-9 * time.Hour)
		f.produce(old)
	}
	sink := newRecorder(t, 2)
	one := StreamConfig{Name: "one", Topic: "orders.us", Record: record.Rules{User: "key"}, Replay: time.Hour}
	follow(t, f.config(), []StreamConfig{severalOrders(matching(t, `^orders\..*`)), one}, sink, quiet)
	sink.wait(0, "warm", isWarm)
	sink.look(0, func(s *recorded) {
		if len(s.events) != replayNewest/stream.ManyPartitions || s.events[0] != "0@150 [alice] 150" {
			t.Errorf("%d events", len(s.events))
		}
	})
}
