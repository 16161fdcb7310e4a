package deliver

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// batches has a desk's target take several records at a time, and notes each batch.
func batches(d *desk, most int, answer func(m *Message, try int) Outcome) (sent func() string) {
	var all []string
	tries := make(map[int64]int)
	d.engine.mu.Lock()
	defer d.engine.mu.Unlock()
	d.batch = most
	d.send = func(_ context.Context, batch []*Message) []Outcome {
		d.mu.Lock()
		defer d.mu.Unlock()
		text, outcomes := "", make([]Outcome, len(batch))
		for i, m := range batch {
			tries[m.Record.Offset]++
			text += fmt.Sprintf("%s%d ", m.Record.Key, m.Record.Offset)
			outcomes[i] = answer(m, tries[m.Record.Offset])
		}
		all = append(all, text)
		return outcomes
	}
	return func() string {
		d.mu.Lock()
		defer d.mu.Unlock()
		return fmt.Sprintf("%q", all)
	}
}

// A batch has the first records of different keys. What fails of it is tried again
// without the others, and only its key waits.
func TestABatchFailsInPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, settings{concurrency: 1, bury: bury}, nil)
		sent := batches(d, 3, func(m *Message, try int) Outcome {
			switch {
			case string(m.Record.Key) == "b" && try == 1:
				return failure("throttled")
			case string(m.Record.Key) == "c":
				return Outcome{Verdict: Refused, Cause: "malformed_detail"}
			}
			return Outcome{}
		})
		d.put("a", "b", "a", "c", "b", "d", "e")
		after(t, 200*time.Millisecond)
		if got := sent(); got != `["a0 b1 c3 " "d5 e6 a2 "]` {
			t.Errorf("sent %s", got)
		}
		after(t, time.Minute)
		if got := sent(); got != `["a0 b1 c3 " "d5 e6 a2 " "b1 " "b4 " "b4 "]` || d.low() != 7 {
			t.Errorf("sent %s, up to %d", got, d.low())
		}
		if got := fmt.Sprint(d.buried); got != "[3 malformed_detail 1]" {
			t.Errorf("buried %s", got)
		}
	})
}

// Records of two partitions are in no batch together: one of them may be taken away.
func TestABatchIsOfOnePartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, settings{}, nil)
		other := partitionID{"other", 0}
		d.assign(other, 0, true)
		sent := batches(d, 10, func(*Message, int) Outcome { return Outcome{} })
		d.pause("until all is there")
		d.put("a", "b")
		d.take(other, []*kgo.Record{{Topic: "other", Offset: 0, Key: []byte("x")}, {Topic: "other", Offset: 1, Key: []byte("y")}})
		d.resume()
		synctest.Wait()
		if got := sent(); got != `["a0 b1 " "x0 y1 "]` && got != `["x0 y1 " "a0 b1 "]` {
			t.Errorf("sent %s", got)
		}
	})
}

// Ten batches that find the target down open the circuit, and not ten records of one.
// Then one record is tried at a time. What the target has no part in says nothing of it.
func TestABatchIsOneAnswerToTheCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, settings{concurrency: 1, bury: bury, retry: Retry{Min: time.Second, Max: time.Second, Attempts: 100, MaxAge: time.Hour}}, nil)
		down := true
		sent := batches(d, 20, func(m *Message, _ int) Outcome {
			switch {
			case string(m.Record.Key) == "large":
				return Outcome{Verdict: Refused, Cause: "too_large", NotAsked: true}
			case down:
				return failure("throttled")
			}
			return Outcome{}
		})
		d.put("a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l")
		synctest.Wait()
		if d.circuit.open || d.circuit.down != 1 {
			t.Errorf("%+v after %s", d.circuit, sent())
		}
		d.put("large")
		after(t, time.Minute)
		if !d.circuit.open || fmt.Sprint(d.buried) != "[12 too_large 1]" {
			t.Errorf("%+v, buried %v", d.circuit, d.buried)
		}
		d.mu.Lock()
		down = false
		d.mu.Unlock()
		after(t, time.Minute)
		if d.circuit.open || d.low() != 13 {
			t.Errorf("%+v up to %d: %s", d.circuit, d.low(), sent())
		}
	})
}
