package deliver

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// desk is an engine with one partition and a target that answers as told.
type desk struct {
	*engine
	id partitionID

	mu     sync.Mutex
	sent   []string // key and offset of each attempt
	at     []time.Duration
	events []eventKind
	halted bool
	buried []string
}

func newDesk(t *testing.T, s settings, answer func(rec *kgo.Record, try int) Outcome) *desk {
	t.Helper()
	d := &desk{id: partitionID{"orders", 0}}
	tries, start := make(map[int64]int), time.Now()
	s.prepare = func(rec *kgo.Record) (*Message, Outcome) { return &Message{Record: rec, Data: rec.Value}, Outcome{} }
	s.send = oneByOne(func(_ context.Context, m *Message) Outcome {
		d.mu.Lock()
		defer d.mu.Unlock()
		tries[m.Record.Offset]++
		d.sent, d.at = append(d.sent, fmt.Sprintf("%s%d", m.Record.Key, m.Record.Offset)), append(d.at, time.Since(start))
		return answer(m.Record, tries[m.Record.Offset])
	})
	if s.bury != nil {
		s.bury = func(_ context.Context, b *burial) error {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.buried = append(d.buried, fmt.Sprintf("%d %s %d", b.rec.Offset, b.why.Cause, b.attempts))
			return nil
		}
	}
	s.fetch = func(_ partitionID, more bool) { d.halted = !more }
	s.say = func(e event) { d.events = append(d.events, e.kind) }
	if s.concurrency == 0 {
		s.concurrency = 4
	}
	if s.window == (Window{}) {
		s.window = Window{Records: 1000, Bytes: 1 << 20}
	}
	if s.retry == (Retry{}) {
		s.retry = Retry{Min: time.Second, Max: 8 * time.Second, Attempts: 5, MaxAge: time.Hour}
	}
	d.engine = newEngine(s)
	d.assign(d.id, 0, true)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); d.run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return d
}

// put hands in one record of each key.
func (d *desk) put(keys ...string) {
	d.engine.mu.Lock()
	next := d.partitions[d.id].next
	d.engine.mu.Unlock()
	var records []*kgo.Record
	for i, key := range keys {
		records = append(records, &kgo.Record{Topic: "orders", Offset: next + int64(i), Key: []byte(key), Value: []byte("v")})
	}
	d.take(d.id, records)
}

func (d *desk) low() int64 {
	d.engine.mu.Lock()
	defer d.engine.mu.Unlock()
	return d.partitions[d.id].low
}

func bury(context.Context, *burial) error { return nil }

func failure(cause string) Outcome {
	return Outcome{Verdict: Failed, Cause: cause, Err: errors.New(cause), Down: true}
}

func after(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	<-timer.C
	synctest.Wait()
}

func TestAWaitingKeyHoldsNoOtherKeyAndTakesNoSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, settings{concurrency: 1}, func(rec *kgo.Record, try int) Outcome {
			if string(rec.Key) == "a" && try < 3 {
				return failure("status_503")
			}
			return Outcome{}
		})
		d.put("a", "a", "b", "c", "b")
		after(t, 100*time.Millisecond)
		if got := fmt.Sprint(d.sent); got != "[a0 b2 c3 b4]" {
			t.Errorf("sent %v", got)
		}
		if d.low() != 0 {
			t.Errorf("%d may be committed, and the first isn't delivered", d.low())
		}
		after(t, time.Minute)
		if got := fmt.Sprint(d.sent[4:]); got != "[a0 a0 a1 a1 a1]" || d.low() != 5 {
			t.Errorf("then %v, up to %d", got, d.low())
		}
	})
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

func TestRetriesBackOffWithJitterAndHonourRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, settings{bury: bury}, func(_ *kgo.Record, try int) Outcome {
			o := failure("status_429")
			if try == 4 {
				o.After = 30 * time.Second
			}
			return o
		})
		d.put("a")
		after(t, 10*time.Minute)
		if len(d.at) != 5 || fmt.Sprint(d.buried) != "[0 status_429 5]" || d.low() != 1 {
			t.Fatalf("attempts at %v, buried %v", d.at, d.buried)
		}
		for i, bounds := range [][2]int{{500, 1000}, {1000, 2000}, {2000, 4000}, {30000, 30000}} {
			if wait := d.at[i+1] - d.at[i]; wait < ms(bounds[0]) || wait > ms(bounds[1])+1 {
				t.Errorf("attempt %d came %v after the one before", i+2, wait)
			}
		}
	})
}

func TestARetryIsBoundedByItsAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, settings{bury: bury, retry: Retry{Min: time.Second, Max: time.Second, Attempts: 1000, MaxAge: 20 * time.Second}},
			func(*kgo.Record, int) Outcome { return Outcome{Verdict: Failed, Cause: "status_500"} })
		d.put("a")
		after(t, time.Hour)
		if len(d.buried) != 1 || d.at[len(d.at)-1] < 20*time.Second || d.at[len(d.at)-1] > 22*time.Second {
			t.Errorf("%v, the last attempt after %v", d.buried, d.at[len(d.at)-1])
		}
	})
}

// A refused record is given up at once, and what follows of its key is delivered. Without
// dead letters it stays, which is said, and its key waits.
func TestARefusedRecord(t *testing.T) {
	for _, letters := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s := settings{}
			if letters {
				s.bury = bury
			}
			d := newDesk(t, s, func(rec *kgo.Record, _ int) Outcome {
				if rec.Offset == 0 {
					return Outcome{Verdict: Refused, Cause: "status_400"}
				}
				return Outcome{}
			})
			d.put("a", "a", "b")
			after(t, time.Hour)
			if letters {
				if fmt.Sprint(d.buried) != "[0 status_400 1]" || d.low() != 3 {
					t.Errorf("%v, up to %d", d.buried, d.low())
				}
				return
			}
			stuck := 0
			for _, kind := range d.events {
				if kind == itemStuck {
					stuck++
				}
			}
			if d.low() != 0 || stuck != 1 || len(d.sent) < 400 {
				t.Errorf("up to %d, said %d times, %d attempts", d.low(), stuck, len(d.sent))
			}
		})
	}
}

func TestATargetThatIsDownIsProbedEveryFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := false
		d := newDesk(t, settings{bury: bury}, func(*kgo.Record, int) Outcome {
			if up {
				return Outcome{}
			}
			return failure("refused_connection")
		})
		keys := make([]string, 200)
		for i := range keys {
			keys[i] = fmt.Sprint("k", i)
		}
		d.put(keys...)
		after(t, time.Minute)
		if n := len(d.at); n < openAfter+10 || n > openAfter+d.concurrency+12 {
			t.Errorf("%d attempts in a minute", n)
		}
		probes := d.at[len(d.at)-5:]
		for i := 1; i < len(probes); i++ {
			if probes[i]-probes[i-1] != probePause {
				t.Errorf("probes at %v", probes)
			}
		}
		d.mu.Lock()
		up = true
		d.mu.Unlock()
		after(t, 15*time.Second)
		if d.low() != 200 || len(d.buried) > 0 {
			t.Errorf("after it is up again: up to %d, %v", d.low(), d.buried)
		}
		if fmt.Sprint(d.events) != fmt.Sprint([]eventKind{circuitChanged, circuitChanged}) {
			t.Errorf("events %v", d.events)
		}
	})
}

// A probe that is cut off by a rebalance is no answer, and the next record is tried.
func TestAProbeThatIsCutOffHoldsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, settings{}, nil)
		d.send = oneByOne(func(ctx context.Context, m *Message) Outcome {
			if m.Record.Topic == "other" {
				return Outcome{}
			}
			<-ctx.Done()
			return failure("cut")
		})
		other := partitionID{"other", 0}
		d.engine.mu.Lock()
		d.circuit = circuit{open: true, down: openAfter}
		d.engine.mu.Unlock()
		d.put("a")
		synctest.Wait()
		d.assign(other, 0, true)
		d.take(other, []*kgo.Record{{Topic: "other", Key: []byte("b")}})
		d.drop([]partitionID{d.id})
		after(t, 10*time.Second)
		if at := d.committable(); at[other].Offset != 1 {
			t.Errorf("the other partition's record waits: %v", at)
		}
	})
}

func TestAGoneTargetPausesTheDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := true
		d := newDesk(t, settings{concurrency: 1, bury: bury}, func(*kgo.Record, int) Outcome {
			if gone {
				return Outcome{Verdict: Gone, Cause: "status_410"}
			}
			return Outcome{}
		})
		d.put("a", "b")
		after(t, time.Hour)
		if len(d.sent) != 1 || d.low() != 0 || !d.paused.On || len(d.events) != 1 || len(d.buried) > 0 {
			t.Errorf("sent %v, paused %v, said %v", d.sent, d.paused, d.events)
		}
		gone = false
		if !d.resume() {
			t.Error("it was not paused")
		}
		after(t, time.Second)
		if d.low() != 2 {
			t.Errorf("after resume up to %d", d.low())
		}
	})
}

func TestAFullWindowStopsFetchingUntilItIsHalfEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open := false
		d := newDesk(t, settings{window: Window{Records: 4, Bytes: 1 << 20}}, func(rec *kgo.Record, _ int) Outcome {
			if rec.Offset == 0 && !open {
				return Outcome{Verdict: Failed, Cause: "status_500"}
			}
			return Outcome{}
		})
		d.put("a", "b", "c")
		after(t, time.Second)
		if d.halted {
			t.Error("three records of four")
		}
		d.put("d")
		after(t, time.Second)
		if !d.halted {
			t.Error("the window is full of what follows an undelivered record, and more is fetched")
		}
		d.mu.Lock()
		open = true
		d.mu.Unlock()
		after(t, time.Minute)
		if d.halted || d.low() != 4 {
			t.Errorf("all is delivered: halted %v, up to %d", d.halted, d.low())
		}
	})
}

func TestARateIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, settings{limit: 10, burst: 1}, func(*kgo.Record, int) Outcome { return Outcome{} })
		keys := make([]string, 100)
		for i := range keys {
			keys[i] = fmt.Sprint("k", i)
		}
		d.put(keys...)
		after(t, 5*time.Second)
		if n := len(d.sent); n < 49 || n > 51 {
			t.Errorf("%d in 5 s", n)
		}
	})
}

// Records that a filter drops move what may be committed, and take no room.
func TestWhatIsNoMessageIsPassed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, settings{}, func(*kgo.Record, int) Outcome { return Outcome{} })
		d.prepare = func(*kgo.Record) (*Message, Outcome) { return nil, Outcome{Cause: "filtered"} }
		d.put("a")
		if d.low() != 1 || d.totals.dropped["filtered"] != 1 || len(d.sent) > 0 {
			t.Errorf("up to %d, %v", d.low(), d.totals)
		}
	})
}

// What a partition had under way is waited for, and then it may be committed.
func TestWithdrawWaitsForWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, patience := range []time.Duration{time.Minute, time.Second} {
			d := newDesk(t, settings{}, nil)
			d.send = oneByOne(func(ctx context.Context, _ *Message) Outcome {
				select {
				case <-time.After(10 * time.Second):
					return Outcome{}
				case <-ctx.Done():
					return failure("cut")
				}
			})
			d.put("a", "a")
			synctest.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			d.withdraw(ctx, []partitionID{d.id})
			cancel()
			synctest.Wait()
			want := int64(0)
			if patience == time.Minute {
				want = 1
			}
			if at := d.committable(d.id)[d.id]; at.Offset != want {
				t.Errorf("within %v: %d may be committed, want %d", patience, at.Offset, want)
			}
			d.drop([]partitionID{d.id})
			if d.flying != 0 {
				t.Errorf("%d still fly", d.flying)
			}
		}
	})
}

// An end that must not wait doesn't: what is under way is cut off, and not committed.
func TestCutOffEndsWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, settings{}, nil)
		d.send = oneByOne(func(ctx context.Context, _ *Message) Outcome {
			<-ctx.Done()
			return failure("cut")
		})
		d.put("a")
		synctest.Wait()
		start := time.Now()
		d.cutOff()
		d.withdraw(t.Context(), []partitionID{d.id})
		if took, at := time.Since(start), d.committable(d.id); took > 0 || len(at) > 0 {
			t.Errorf("it took %v, and %v may be committed", took, at)
		}
		d.drop([]partitionID{d.id})
	})
}
