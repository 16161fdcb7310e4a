package broker

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"sluice/broker/record"
	"sluice/stream"
)

// metadataNow returns what the fake says of a topic now.
func metadataNow(f *fake, topic string) *kmsg.MetadataResponse {
	f.t.Helper()
	kresp, err := f.cl.Request(f.t.Context(), nameTopics([]string{topic}))
	if err != nil {
		f.t.Fatal(err)
	}
	return kresp.(*kmsg.MetadataResponse)
}

// answerMetadata lets answer take the place of what brokers say of topics by name; nil:
// the truth.
func (f *fake) answerMetadata(answer func(node int32, req *kmsg.MetadataRequest) *kmsg.MetadataResponse) {
	f.ControlKey(int16(kmsg.Metadata), func(req kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		q := req.(*kmsg.MetadataRequest)
		if len(q.Topics) == 0 || q.Topics[0].Topic == nil {
			return nil, nil, false
		}
		resp := answer(f.CurrentNode(), q)
		if resp == nil {
			return nil, nil, false
		}
		c := *resp
		c.SetVersion(req.GetVersion())
		return &c, nil, true
	})
}

// counter counts how often something happened, and waits for it.
type counter struct {
	mu   sync.Mutex // guards n
	cond *sync.Cond
	n    int
}

func newCounter() *counter {
	c := &counter{}
	c.cond = sync.NewCond(&c.mu)
	return c
}

func (c *counter) add() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	c.cond.Broadcast()
}

// wait returns when it has happened n times more.
func (c *counter) wait(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for end := c.n + n; c.n < end; {
		c.cond.Wait()
	}
}

// rounds counts the rounds of the watches of readers at the fake. A round goes on after
// it has asked for ends.
func (f *fake) rounds() *counter {
	c := newCounter()
	f.ControlKey(int16(kmsg.ListOffsets), func(req kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		if q := req.(*kmsg.ListOffsetsRequest); q.IsolationLevel == int8(committed) {
			c.add()
		}
		return nil, nil, false
	})
	return c
}

var live = []StreamConfig{{Name: "orders", Topic: "orders", Record: record.Rules{User: "key"}}}

func TestALaggingBrokersFewerPartitionsBeginNothingAnew(t *testing.T) {
	t.Parallel()
	for name, only := range map[string]int32{"one broker lags": 1, "every broker lags": -1} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.create("orders", 1)
			f.produce(recordOf("orders", 0, "alice", "first"), recordOf("orders", 0, "alice", "second"))
			old := metadataNow(f, "orders")
			var log logged
			sink := newRecorder(t, 1)
			follow(t, f.config(), live, sink, slog.New(slog.NewTextHandler(&log, nil)))
			sink.wait(0, "warm", isWarm)
			f.produce(recordOf("orders", 0, "alice", "live"))
			sink.waitEvents(0, 1)
			if _, err := f.admin.CreatePartitions(context.Background(), 2, "orders"); err != nil {
				t.Fatal(err)
			}
			sink.wait(0, "of three partitions", func(s *recorded) bool { return len(s.next) == 3 })
			lagged := newCounter()
			f.answerMetadata(func(node int32, _ *kmsg.MetadataRequest) *kmsg.MetadataResponse {
				if only >= 0 && node != only {
					return nil
				}
				lagged.add()
				return old
			})
			lagged.wait(8)
			f.produce(recordOf("orders", 0, "alice", "later"))
			sink.waitEvents(0, 2)
			sink.look(0, func(s *recorded) {
				if len(s.begins) != 1 || !slices.Equal(s.events, []string{"0@2 [alice] live", "0@3 [alice] later"}) || len(s.next) != 3 {
					t.Errorf("begun %q, events %q, at %v: a lagging answer was taken for another topic", s.begins, s.events, s.next)
				}
			})
			if strings.Contains(log.String(), "WARN") {
				t.Errorf("there was nothing to complain of:\n%s", log.String())
			}
		})
	}
}

// recreated is a fake whose topic was deleted and created again, and what brokers said of
// the former one.
func recreated(t *testing.T) (f *fake, former *kmsg.MetadataResponse) {
	f = newFake(t)
	f.create("orders", 1)
	f.produce(recordOf("orders", 0, "alice", "old"))
	former = metadataNow(f, "orders")
	f.remove("orders")
	f.create("orders", 1)
	f.produce(recordOf("orders", 0, "bob", "new"))
	return f, former
}

func TestALaggingBrokersFormerTopicIsNotGoneBackTo(t *testing.T) {
	t.Parallel()
	for name, knows := range map[string]bool{"one that the reader has read": true, "one from before the reader's start": false} {
		for lagging, only := range map[string]int32{"one broker lags": 1, "every broker lags": -1} {
			t.Run(name+", "+lagging, func(t *testing.T) {
				var f *fake
				var former *kmsg.MetadataResponse
				sink := newRecorder(t, 1)
				want := []string{"0@0 [bob] new"}
				if knows {
					f = newFake(t)
					f.create("orders", 1)
					f.produce(recordOf("orders", 0, "alice", "old"))
					former = metadataNow(f, "orders")
					follow(t, f.config(), orders, sink, quiet)
					sink.waitEvents(0, 1)
					f.remove("orders")
					f.create("orders", 1)
					f.produce(recordOf("orders", 0, "bob", "new"))
					want = []string{"0@0 [alice] old", "0@0 [bob] new"}
				} else {
					f, former = recreated(t)
					follow(t, f.config(), orders, sink, quiet)
				}
				sink.waitEvents(0, len(want))
				var begun int
				sink.look(0, func(s *recorded) { begun = len(s.begins) })
				lagged := newCounter()
				f.answerMetadata(func(node int32, _ *kmsg.MetadataRequest) *kmsg.MetadataResponse {
					if only >= 0 && node != only {
						return nil
					}
					lagged.add()
					return former
				})
				lagged.wait(8)
				sink.look(0, func(s *recorded) {
					if len(s.begins) != begun || !slices.Equal(s.events, want) {
						t.Errorf("begun %q, events %q; want %d beginnings and %q", s.begins, s.events, begun, want)
					}
				})
			})
		}
	}
}

func TestABrokerThatDoesNotKnowATopicYetDoesNotMakeItMissing(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.create("orders", 1)
	var log logged
	sink := newRecorder(t, 1)
	follow(t, f.config(), orders, sink, slog.New(slog.NewTextHandler(&log, nil)))
	sink.wait(0, "warm", isWarm)
	missing := &kmsg.MetadataResponse{Topics: []kmsg.MetadataResponseTopic{{Topic: kmsg.StringPtr("orders"), ErrorCode: kerr.UnknownTopicOrPartition.Code}}}
	lagged := newCounter()
	f.answerMetadata(func(node int32, _ *kmsg.MetadataRequest) *kmsg.MetadataResponse {
		if node != 1 {
			return nil
		}
		lagged.add()
		return missing
	})
	lagged.wait(6)
	if strings.Contains(log.String(), "does not exist") {
		t.Errorf("the other broker knows it:\n%s", log.String())
	}
}

// Brokers without ids tell a re-created topic by its having fewer partitions, and by
// nothing else.
func TestWithoutTopicIDsFewerPartitionsNeedTimeToBeBelieved(t *testing.T) {
	t.Parallel()
	f := newFake(t, kfake.NumBrokers(1))
	f.create("orders", 1)
	f.produce(recordOf("orders", 0, "alice", "1"))
	one := metadataNow(f, "orders")
	if _, err := f.admin.CreatePartitions(context.Background(), 1, "orders"); err != nil {
		t.Fatal(err)
	}
	two := metadataNow(f, "orders")
	for _, m := range []*kmsg.MetadataResponse{one, two} {
		m.Topics[0].TopicID = topicID{}
	}
	var fewer atomic.Int32
	answers := newCounter()
	f.answerMetadata(func(int32, *kmsg.MetadataRequest) *kmsg.MetadataResponse {
		answers.add()
		if fewer.Add(-1) >= 0 {
			return one
		}
		return two
	})
	sink := newRecorder(t, 1)
	follow(t, f.config(), orders, sink, quiet)
	sink.waitEvents(0, 1)
	fewer.Store(2) // a look, and the survey that it makes
	answers.wait(8)
	sink.look(0, func(s *recorded) {
		if len(s.begins) != 1 {
			t.Errorf("begun %q after one answer of fewer partitions", s.begins)
		}
	})
	fewer.Store(1 << 30)
	sink.wait(0, "begun anew", func(s *recorded) bool { return len(s.begins) == 2 && len(s.next) == 1 })
}

func TestALaggingAnswerIsNoRecreationToHistory(t *testing.T) {
	f, former := recreated(t)
	h := openHistory(t, f.config(), orders)
	b := bounds(t, h)
	var lag atomic.Int32
	f.answerMetadata(func(int32, *kmsg.MetadataRequest) *kmsg.MetadataResponse {
		if lag.Add(-1) >= 0 {
			return former
		}
		return nil
	})
	lag.Store(4)
	if again := bounds(t, h); again.Epoch != b.Epoch {
		t.Errorf("epoch %s; want %s, whatever a lagging broker says", again.Epoch, b.Epoch)
	}
	lag.Store(4)
	if got, err := collect(t, h, b.Epoch, b.Start, b.End); err != nil || !slices.Equal(got.events, []string{"0@0 new"}) {
		t.Errorf("events %q, %v; want what is there", got.events, err)
	}
	lag.Store(1)
	h = openHistory(t, f.config(), orders) // one that knows nothing yet
	if got, err := collect(t, h, b.Epoch, b.Start, b.End); err != nil || !slices.Equal(got.events, []string{"0@0 new"}) {
		t.Errorf("events %q, %v; want what is there", got.events, err)
	}
}

// noIDs makes brokers give no topic ids; which reports whether a broker is one of those.
func (f *fake) noIDs(topic string, which func(node int32) bool) {
	m := metadataNow(f, topic)
	m.Topics[0].TopicID = topicID{}
	f.answerMetadata(func(node int32, _ *kmsg.MetadataRequest) *kmsg.MetadataResponse {
		if which(node) {
			return m
		}
		return nil
	})
}

func TestWithoutTopicIDsThePastIsReadByName(t *testing.T) {
	f := newFake(t)
	f.create("orders", 1)
	f.produce(recordOf("orders", 0, "alice", "1"), recordOf("orders", 0, "alice", "2"))
	f.noIDs("orders", func(int32) bool { return true })
	sink := newRecorder(t, 1)
	follow(t, f.config(), orders, sink, quiet)
	sink.waitEvents(0, 2)
	h := openHistory(t, f.config(), orders)
	b := bounds(t, h)
	got, err := collect(t, h, b.Epoch, b.Start, b.End)
	if err != nil || b.Epoch != noEpoch || !slices.Equal(got.events, []string{"0@0 1", "0@1 2"}) {
		t.Errorf("epoch %s, events %q, %v", b.Epoch, got.events, err)
	}
}

// While brokers are upgraded some have ids and some don't. The topic stays the same one
// to both the reader and history.
func TestAClusterOfWhichSomeBrokersHaveTopicIDs(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.create("orders", 1)
	f.produce(recordOf("orders", 0, "alice", "1"), recordOf("orders", 0, "alice", "2"))
	id := topicID(metadataNow(f, "orders").Topics[0].TopicID)
	var old atomic.Int32
	asked := newCounter()
	f.noIDs("orders", func(node int32) bool { asked.add(); return node == old.Load() })
	sink := newRecorder(t, 1)
	follow(t, f.config(), orders, sink, quiet)
	h := openHistory(t, f.config(), orders)
	for range 3 {
		for node := range int32(2) {
			old.Store(node)
			asked.wait(3)
			b := bounds(t, h)
			if got, err := collect(t, h, b.Epoch, b.Start, b.End); err != nil || b.Epoch != id.epoch() || len(got.events) != 2 {
				t.Errorf("broker %d has no ids: epoch %s, events %q, %v", node, b.Epoch, got.events, err)
			}
		}
	}
	sink.look(0, func(s *recorded) {
		if !slices.Equal(s.begins, []string{id.epoch()}) || len(s.events) != 2 {
			t.Errorf("begun %q, events %q", s.begins, s.events)
		}
	})
}

func TestAnUpgradeThatGivesTopicsIDsMakesThemNoOther(t *testing.T) {
	t.Parallel()
	f := newFake(t, kfake.NumBrokers(1))
	f.create("orders", 1)
	f.produce(recordOf("orders", 0, "alice", "1"))
	var upgraded atomic.Bool
	asked := newCounter()
	f.noIDs("orders", func(int32) bool { asked.add(); return !upgraded.Load() })
	sink := newRecorder(t, 1)
	follow(t, f.config(), orders, sink, quiet)
	h := openHistory(t, f.config(), orders)
	sink.waitEvents(0, 1)
	b := bounds(t, h)
	upgraded.Store(true)
	asked.wait(5)
	f.produce(recordOf("orders", 0, "alice", "2"))
	sink.waitEvents(0, 2)
	after := bounds(t, h)
	got, err := collect(t, h, b.Epoch, after.Start, after.End)
	if err != nil || after.Epoch != b.Epoch || len(got.events) != 2 {
		t.Errorf("epoch %s, then %s; events %q, %v", b.Epoch, after.Epoch, got.events, err)
	}
	sink.look(0, func(s *recorded) {
		if len(s.begins) != 1 || len(s.jumps) != 0 {
			t.Errorf("begun %q, jumps %q", s.begins, s.jumps)
		}
	})
}

func TestALastingFailureToReadThePastIsLoggedOnceAndCounted(t *testing.T) {
	f := newFake(t, kfake.NumBrokers(1))
	f.create("orders", 1)
	f.produce(recordOf("orders", 0, "alice", "1"))
	var log logged
	h, err := NewHistory(f.config(), orders, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	b := bounds(t, h)
	var failing atomic.Bool
	failing.Store(true)
	f.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		return deniedFetch(req.(*kmsg.FetchRequest), func(kmsg.FetchRequestTopic) bool { return true }), nil, failing.Load()
	})
	for range 3 {
		if err := h.Read(context.Background(), 0, b.Epoch, b.Start, b.End, nil); !errors.Is(err, stream.ErrUnavailable) {
			t.Fatalf("err = %v; want ErrUnavailable", err)
		}
	}
	if n := strings.Count(log.String(), "READ and DESCRIBE"); n != 1 || h.Failures(0) != 3 {
		t.Errorf("said %d times, counted %d; want 1 and 3:\n%s", n, h.Failures(0), log.String())
	}
	failing.Store(false)
	if _, err := collect(t, h, b.Epoch, b.Start, b.End); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(log.String(), "can be read again"); n != 1 {
		t.Errorf("that it works again was said %d times:\n%s", n, log.String())
	}
}

// deniedFetch answers a fetch with an authorization error for some of its topics, and
// without the others.
func deniedFetch(q *kmsg.FetchRequest, which func(kmsg.FetchRequestTopic) bool) *kmsg.FetchResponse {
	resp := q.ResponseKind().(*kmsg.FetchResponse)
	for _, ft := range q.Topics {
		if !which(ft) {
			continue
		}
		rt := kmsg.NewFetchResponseTopic()
		rt.Topic, rt.TopicID = ft.Topic, ft.TopicID
		for _, p := range ft.Partitions {
			rp := kmsg.NewFetchResponseTopicPartition()
			rp.Partition, rp.ErrorCode = p.Partition, kerr.TopicAuthorizationFailed.Code
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	return resp
}
