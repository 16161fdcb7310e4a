package broker

import (
	"context"
	"encoding/binary"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"sluice/stream"
)

// elected is a fake with a partition whose records were written two at a time under the
// leader epochs 0, 1 and 2.
func elected(t *testing.T) *fake {
	f := newFake(t)
	f.create("orders", 1)
	for i := range 3 {
		if i > 0 {
			if err := f.MoveTopicPartition("orders", 0, 1-f.LeaderFor("orders", 0)); err != nil {
				t.Fatal(err)
			}
		}
		f.produce(recordOf("orders", 0, "alice", "x"), recordOf("orders", 0, "alice", "x"))
	}
	return f
}

var threeEpochs = []string{"0@0 epoch 0", "0@2 epoch 1", "0@4 epoch 2"}

func TestReaderTellsTheLeaderEpochsOfWhatItReads(t *testing.T) {
	f := elected(t)
	sink := newRecorder(t, 1)
	follow(t, f.config(), orders, sink, quiet)
	sink.waitEvents(0, 6)
	sink.look(0, func(s *recorded) {
		if !slices.Equal(s.epochs, threeEpochs) {
			t.Errorf("told %q; want %q", s.epochs, threeEpochs)
		}
	})
}

func TestReaderTellsTheLeaderEpochsOfBeforeItsStart(t *testing.T) {
	f := elected(t)
	sink := newRecorder(t, 1)
	follow(t, f.config(), live, sink, quiet)
	sink.wait(0, "warm", isWarm)
	sink.look(0, func(s *recorded) {
		if !slices.Equal(s.epochs, threeEpochs) {
			t.Errorf("told %q; want %q", s.epochs, threeEpochs)
		}
	})
	if err := f.MoveTopicPartition("orders", 0, 1-f.LeaderFor("orders", 0)); err != nil {
		t.Fatal(err)
	}
	f.produce(recordOf("orders", 0, "alice", "x"))
	sink.waitEvents(0, 1)
	sink.look(0, func(s *recorded) {
		if want := append(slices.Clone(threeEpochs), "0@6 epoch 3"); !slices.Equal(s.epochs, want) {
			t.Errorf("told %q; want %q", s.epochs, want)
		}
	})
}

// A cluster that knows no leader epochs, or doesn't let this user ask for them, is read
// all the same.
func TestReaderDoesWithoutLeaderEpochs(t *testing.T) {
	f := elected(t)
	f.ControlKey(int16(kmsg.OffsetForLeaderEpoch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		q := req.(*kmsg.OffsetForLeaderEpochRequest)
		resp := q.ResponseKind().(*kmsg.OffsetForLeaderEpochResponse)
		rt := kmsg.NewOffsetForLeaderEpochResponseTopic()
		rt.Topic = q.Topics[0].Topic
		for _, p := range q.Topics[0].Partitions {
			rp := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
			rp.Partition, rp.ErrorCode = p.Partition, kerr.TopicAuthorizationFailed.Code
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
		return resp, nil, true
	})
	sink := newRecorder(t, 1)
	follow(t, f.config(), live, sink, quiet)
	sink.wait(0, "warm", isWarm)
	sink.look(0, func(s *recorded) {
		if len(s.epochs) != 0 {
			t.Errorf("told %q; want nothing, as nothing is known", s.epochs)
		}
	})
	f.produce(recordOf("orders", 0, "alice", "x"))
	sink.waitEvents(0, 1)
	sink.look(0, func(s *recorded) {
		if !slices.Equal(s.epochs, []string{"0@6 epoch 2"}) {
			t.Errorf("told %q; want what the record says", s.epochs)
		}
	})
	h := openHistory(t, f.config(), orders)
	if ends, err := h.EpochEnds(context.Background(), 0, []int32{1}); err != nil || ends[0].Epoch != -1 {
		t.Errorf("ends %v, %v; want unknown", ends, err)
	}
}

// After a jump forward the sink takes the leader for unknown, until it is told.
func TestReaderTellsTheLeaderEpochAfterWhatRetentionTook(t *testing.T) {
	for _, tt := range []struct {
		name  string
		asked lineage
		want  []string
		after int32
	}{
		{"another leader's", lineage{{1, 0}, {2, 4}, {3, 9}}, []string{"0@3 epoch 1", "0@4 epoch 2"}, 2},
		{"the same leader's", lineage{{1, 0}}, []string{"0@3 epoch 1"}, 1},
		{"unknown", nil, nil, -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sink := newRecorder(t, 1)
			r, tp := standing(t, sink, lineage{{1, 0}})
			tp.next[0] = 3
			r.jump(tp, 0, stream.ReasonRetention, 5)
			r.tellAfterGap(tp, 0, 3, 5, tt.asked)
			sink.look(0, func(s *recorded) {
				if !slices.Equal(s.epochs, tt.want) || tp.lineage(0).at(5) != tt.after {
					t.Errorf("told %q, %d at the position; want %q and %d", s.epochs, tp.lineage(0).at(5), tt.want, tt.after)
				}
			})
		})
	}
}

// standing is a reader that isn't run, at the beginning of a partition with this lineage.
func standing(t *testing.T, sink *recorder, l lineage) (*Reader, *topic) {
	r, err := NewReader(Config{Brokers: []string{"127.0.0.1:1"}}, orders, sink, quiet)
	if err != nil {
		t.Fatal(err)
	}
	tp := r.topics["orders"]
	tp.begun, tp.next, tp.base, tp.stateFrom, tp.lineages = true, []int64{0}, []int64{0}, []int64{0}, []lineage{l}
	sink.Begin(0, "e", tp.next)
	return r, tp
}

// What compaction left out before the first record of an epoch may have been written
// under either.
func TestOffsetsWithoutRecordsBetweenTwoEpochsAreOfNeither(t *testing.T) {
	sink := newRecorder(t, 1)
	r, tp := standing(t, sink, nil)
	records := func(epoch int32, offsets ...int64) (all []*kgo.Record) {
		for _, o := range offsets {
			all = append(all, &kgo.Record{Topic: "orders", Key: []byte("alice"), Offset: o, LeaderEpoch: epoch})
		}
		return all
	}
	r.takeRecords(tp, 0, slices.Concat(records(4, 0, 1, 3), records(5, 4, 7), records(7, 9)))
	r.takeRecords(tp, 0, records(7, 12))
	r.takeRecords(tp, 0, records(8, 20))
	r.takeRecords(tp, 0, records(-1, 21)) // of a format without
	want := "0@0 epoch 4|0@4 epoch 5|0@8 epoch -1|0@9 epoch 7|0@13 epoch -1|0@20 epoch 8|0@21 epoch -1"
	sink.look(0, func(s *recorded) {
		if got := strings.Join(s.epochs, "|"); got != want {
			t.Errorf("told\n%s; want\n%s", got, want)
		}
	})
}

func TestBatchesSayTheirLeaderEpochs(t *testing.T) {
	batch := func(epoch uint32, first, last int64) []byte {
		b := emptied(first, last)
		binary.BigEndian.PutUint32(b[12:], epoch)
		return b
	}
	all := slices.Concat(batch(3, 8, 11), batch(3, 12, 12), batch(5, 14, 20))
	if got, want := epochsOf(all, 10), (lineage{{3, 10}, {5, 14}}); !slices.Equal(got, want) {
		t.Errorf("%v; want %v", got, want)
	}
	if got, want := epochsOf(all[:len(all)-1], 10), (lineage{{3, 10}}); !slices.Equal(got, want) {
		t.Errorf("cut short: %v; want %v", got, want)
	}
	old := batch(3, 0, 1)
	old[16] = 1
	if got, want := epochsOf(old, 0), (lineage{{-1, 0}}); !slices.Equal(got, want) {
		t.Errorf("an old format: %v; want %v", got, want)
	}
	for n := range all {
		epochsOf(all[:n], 0) // whatever is cut, nothing panics
	}
}

// A leader that never had the newest epochs names an older one, and where it ended with
// it. What was read under the newer ones began before that.
func TestATruncationIsFoundByTheEpochsThatWereRead(t *testing.T) {
	for _, tt := range []struct {
		name string
		read lineage
		end  stream.EpochEnd
		want int64
	}{
		{"the leader has the epoch", lineage{{1, 0}, {2, 10}}, stream.EpochEnd{Epoch: 2, End: 15}, 15},
		{"it went on under an older one", lineage{{1, 0}, {2, 10}, {3, 12}}, stream.EpochEnd{Epoch: 1, End: 15}, 10},
		{"it has less of the older one", lineage{{1, 0}, {2, 10}}, stream.EpochEnd{Epoch: 1, End: 7}, 7},
		{"where the newer one began isn't known", lineage{{2, 10}}, stream.EpochEnd{Epoch: 1, End: 15}, 15},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sink := newRecorder(t, 1)
			r, tp := standing(t, sink, tt.read)
			tp.next[0], tp.base[0] = 20, 20
			sink.look(0, func(s *recorded) { s.next[0] = 20 })
			r.handleFetchError(tp, 0, &kgo.ErrDataLoss{ConsumedTo: 20, ResetTo: tt.end.End, ResetToEpoch: tt.end.Epoch})
			if tp.next[0] != tt.want || tp.lost[0] != (tt.want != tt.end.End) {
				t.Errorf("at %d, to be placed anew: %v; want %d", tp.next[0], tp.lost[0], tt.want)
			}
			if got := tp.lineage(0).before(tt.want); len(got) != len(tp.lineage(0)) {
				t.Errorf("epochs that are lost are kept: %v", tp.lineage(0))
			}
		})
	}
}

func TestHistorySaysWhereLeaderEpochsEnded(t *testing.T) {
	f := elected(t)
	h := openHistory(t, f.config(), orders)
	for epoch, want := range map[int32]stream.EpochEnd{
		-1: {Epoch: -1}, 0: {Epoch: 0, End: 2}, 1: {Epoch: 1, End: 4}, 2: {Epoch: 2, End: 6}, 7: {Epoch: -1},
	} {
		got, err := h.EpochEnds(context.Background(), 0, []int32{epoch})
		if err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("epoch %d ended at %+v, %v; want %+v", epoch, got, err, want)
		}
	}
}

func TestHistoryAsksAgainWhileLeadersMove(t *testing.T) {
	t.Parallel()
	f := elected(t)
	h := openHistory(t, f.config(), orders)
	var fenced atomic.Int32
	fenced.Store(2)
	f.ControlKey(int16(kmsg.OffsetForLeaderEpoch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		if fenced.Add(-1) < 0 {
			return nil, nil, false
		}
		resp := req.ResponseKind().(*kmsg.OffsetForLeaderEpochResponse)
		rp := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
		rp.ErrorCode = kerr.FencedLeaderEpoch.Code
		resp.Topics = append(resp.Topics, kmsg.OffsetForLeaderEpochResponseTopic{Topic: "orders", Partitions: []kmsg.OffsetForLeaderEpochResponseTopicPartition{rp}})
		return resp, nil, true
	})
	if got, err := h.EpochEnds(context.Background(), 0, []int32{0}); err != nil || got[0] != (stream.EpochEnd{Epoch: 0, End: 2}) {
		t.Errorf("%+v, %v", got, err)
	}
}

// As for bounds: an answer from before the call would know nothing of an election since.
func TestEpochEndsAreAskedAfterTheCall(t *testing.T) {
	f := elected(t)
	h := openHistory(t, f.config(), orders)
	held, release := make(chan struct{}), make(chan struct{})
	var asked atomic.Int32
	f.ControlKey(int16(kmsg.OffsetForLeaderEpoch), func(kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		if asked.Add(1) == 1 {
			close(held)
			f.SleepControl(func() { <-release })
		}
		return nil, nil, false
	})
	ask := func(epoch int32) chan stream.EpochEnd {
		answer := make(chan stream.EpochEnd, 1)
		go func() {
			ends, err := h.EpochEnds(context.Background(), 0, []int32{epoch})
			if err != nil {
				t.Error(err)
			}
			answer <- ends[0]
		}()
		return answer
	}
	first := ask(2)
	<-held
	var storm []chan stream.EpochEnd
	for i := range 200 {
		storm = append(storm, ask(int32(i%3)))
	}
	for waits := 0; waits < 3; runtime.Gosched() {
		asked := &h.topics[0].epochs
		asked.mu.Lock()
		if waits = 0; len(asked.waiting) > 0 {
			waits = len(asked.waiting[0].asked.epochs[0])
		}
		asked.mu.Unlock()
	}
	close(release)
	if end := <-first; end.Epoch != 2 {
		t.Errorf("%+v", end)
	}
	for i, answer := range storm {
		if end := <-answer; end != (stream.EpochEnd{Epoch: int32(i % 3), End: int64(i%3)*2 + 2}) {
			t.Errorf("epoch %d ended at %+v", i%3, end)
		}
	}
	// A busy machine starts some of them after the release. These ask once more, together
	// with others that come meanwhile.
	if n := asked.Load(); n > 100 {
		t.Errorf("201 callers made Kafka be asked %d times", n)
	}
}

// Callers choose the epochs in their ids.
func TestAQuestionForEpochsIsBounded(t *testing.T) {
	f := elected(t)
	h := openHistory(t, f.config(), orders)
	q := &epochQuestion{epochs: make(map[int32]map[int32]stream.EpochEnd)}
	for e := range int32(maxEpochsAsked) {
		if !q.add([]int32{e}) {
			t.Fatalf("no room for the %dth epoch", e)
		}
	}
	if q.add([]int32{1 << 20}) || !q.add([]int32{5}) {
		t.Error("a question takes more epochs of a partition than it may, or not one that it has")
	}
	var asked atomic.Int32
	f.ControlKey(int16(kmsg.OffsetForLeaderEpoch), func(kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		asked.Add(1)
		return nil, nil, false
	})
	for e := range q.epochs[0] { // one question of many epochs, most of which never were
		q.epochs[0][e] = stream.EpochEnd{}
	}
	if err := h.topics[0].askEpochs(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	for e, end := range q.epochs[0] {
		want := stream.EpochEnd{Epoch: e, End: int64(e)*2 + 2}
		if e > 2 {
			want = stream.EpochEnd{Epoch: -1}
		}
		if end != want {
			t.Errorf("epoch %d ended at %+v; want %+v", e, end, want)
		}
	}
	if n := asked.Load(); n > 5 {
		t.Errorf("Kafka was asked %d times for %d epochs, of which there are 3", n, len(q.epochs[0]))
	}
	answers := make(chan error)
	for e := range int32(3 * maxEpochsAsked) {
		go func() {
			ends, err := h.EpochEnds(context.Background(), 0, []int32{e})
			if err == nil && e < 3 && ends[0].Epoch != e {
				err = errors.New("another epoch's answer")
			}
			answers <- err
		}()
	}
	for range 3 * maxEpochsAsked {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
}

// A position is then not taken for one whose epoch brokers don't know.
func TestAClosedClientIsNoAnswerAboutEpochs(t *testing.T) {
	f := elected(t)
	metas, err := describe(t.Context(), f.cl, "orders")
	if err != nil {
		t.Fatal(err)
	}
	f.cl.Close()
	if ends, errs := epochEnds(t.Context(), f.cl, "orders", metas["orders"], []int32{0}); errs[0] == nil {
		t.Errorf("a closed client says that the epoch ended at %+v; want an error", ends[0])
	}
}
