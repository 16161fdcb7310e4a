package deliver

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// world is a plain model of what surrounds engines: partitions with their records,
// offsets that were committed, and a target that notes what it gets. It checks what is
// promised: each record is delivered or buried, the first arrivals of a key are in order,
// and nothing is committed before.
type world struct {
	t       *testing.T
	r       *rand.Rand
	records map[partitionID][]*kgo.Record

	mu        sync.Mutex
	committed map[partitionID]int64
	settled   map[string]string          // record by its name: how
	lastFirst map[string]int64           // by key, the offset of the last first arrival
	inFlight  map[string]context.Context // by engine and key
	mood      func(*kgo.Record) Outcome
}

func nameOf(rec *kgo.Record) string { return fmt.Sprintf("%d/%d", rec.Partition, rec.Offset) }

func keyOf(rec *kgo.Record) string { return fmt.Sprintf("%d/%s", rec.Partition, rec.Key) }

func newWorld(t *testing.T, r *rand.Rand, partitions, records, keys int) *world {
	w := &world{
		t: t, r: r, records: make(map[partitionID][]*kgo.Record), committed: make(map[partitionID]int64),
		settled: make(map[string]string), lastFirst: make(map[string]int64), inFlight: make(map[string]context.Context),
	}
	for i := range records {
		p := int32(r.IntN(partitions))
		id := partitionID{"orders", p}
		rec := &kgo.Record{Topic: "orders", Partition: p, Offset: int64(len(w.records[id])), Key: fmt.Append(nil, "k", r.IntN(keys)), Value: fmt.Append(nil, i)}
		if r.IntN(10) == 0 {
			rec.Key = nil
		}
		w.records[id] = append(w.records[id], rec)
	}
	return w
}

// settle notes a record that the target has, or the dead letters.
func (w *world) settle(rec *kgo.Record, how string) {
	name := nameOf(rec)
	if w.settled[name] != "" {
		return // a repeat
	}
	w.settled[name] = how
	if rec.Key == nil {
		return
	}
	if last, ok := w.lastFirst[keyOf(rec)]; ok && last > rec.Offset {
		w.t.Errorf("key %s: record %s came after offset %d", keyOf(rec), name, last)
	}
	w.lastFirst[keyOf(rec)] = rec.Offset
}

func (w *world) draw(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.r.IntN(n)
}

// send is a target that takes its time, and fails in every way.
func (w *world) send(owner int) func(context.Context, *Message) Outcome {
	return func(ctx context.Context, m *Message) Outcome {
		rec := m.Record
		slot := fmt.Sprint(owner, "/", keyOf(rec))
		w.mu.Lock()
		if rec.Key != nil {
			if other := w.inFlight[slot]; other != nil && other.Err() == nil {
				w.t.Errorf("key %s has two attempts at a time", slot)
			}
			w.inFlight[slot] = ctx //nolint:fatcontext // it is kept to be looked at
		}
		takes := time.Duration(w.r.IntN(200)) * time.Millisecond
		o := w.mood(rec)
		w.mu.Unlock()
		defer func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.inFlight[slot] == ctx {
				delete(w.inFlight, slot)
			}
		}()
		select {
		case <-time.After(takes):
		case <-ctx.Done():
			return Outcome{Verdict: Failed, Cause: "cut", Err: ctx.Err(), Down: true}
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if o.Verdict == Delivered || o.Cause == "lost_answer" {
			w.settle(rec, "delivered")
		}
		return o
	}
}

// together sends the messages of a batch at the same time.
func together(send func(context.Context, *Message) Outcome) func(context.Context, []*Message) []Outcome {
	return func(ctx context.Context, batch []*Message) []Outcome {
		outcomes := make([]Outcome, len(batch))
		var sending sync.WaitGroup
		for i, m := range batch {
			sending.Go(func() { outcomes[i] = send(ctx, m) })
		}
		sending.Wait()
		return outcomes
	}
}

func (w *world) bury(ctx context.Context, b *burial) error {
	if w.draw(4) == 0 {
		return errors.New("no leader")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if b.why.Cause == "" {
		w.t.Errorf("%s is buried without a cause", nameOf(b.rec))
	}
	w.settle(b.rec, "buried")
	return nil
}

// member is an engine with the partitions it has, fed as Kafka's client would.
type member struct {
	*engine
	mu     sync.Mutex
	at     map[partitionID]int64
	halted map[partitionID]bool
}

func (w *world) member(n int, s settings) *member {
	m := &member{at: make(map[partitionID]int64), halted: make(map[partitionID]bool)}
	s.prepare = func(rec *kgo.Record) (*Message, Outcome) {
		switch {
		case w.draw(50) == 0:
			return nil, Outcome{Verdict: Pending, Cause: "schema_pending"}
		case rec.Offset%17 == 3:
			w.mu.Lock()
			defer w.mu.Unlock()
			w.settled[nameOf(rec)] = "filtered"
			return nil, Outcome{Cause: "filtered"}
		case rec.Offset%19 == 5:
			return nil, Outcome{Verdict: Refused, Cause: "decode_error"}
		}
		return &Message{Record: rec, Data: rec.Value}, Outcome{}
	}
	s.send, s.bury, s.say = together(w.send(n)), w.bury, func(event) {}
	s.fetch = func(id partitionID, more bool) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.halted[id] = !more
	}
	m.engine = newEngine(s)
	return m
}

func (m *member) feed(w *world) {
	for _, id := range m.owned() {
		m.mu.Lock()
		at, halted := m.at[id], m.halted[id]
		m.mu.Unlock()
		all := w.records[id]
		n := min(int64(w.draw(20)), int64(len(all))-at)
		if halted || n <= 0 {
			continue
		}
		m.take(id, all[at:at+n])
		m.mu.Lock()
		m.at[id] = at + n
		m.mu.Unlock()
	}
}

// commit writes what is done, and sees that nothing that isn't lies before it.
func (w *world) commit(m *member, ids ...partitionID) {
	at := m.committable(ids...)
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, o := range at {
		for _, rec := range w.records[id][:o.Offset] {
			if w.settled[nameOf(rec)] == "" {
				w.t.Errorf("%v: %d is committed, and %s is not delivered", id, o.Offset, nameOf(rec))
			}
		}
		w.committed[id] = max(w.committed[id], o.Offset)
	}
	m.committed(at)
}

func (w *world) isDone() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, all := range w.records {
		if w.committed[id] < int64(len(all)) {
			return false
		}
	}
	return true
}

func seeds(t *testing.T, n int) []uint64 {
	if s := os.Getenv("SLUICE_TEST_SEED"); s != "" {
		seed, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return []uint64{seed}
	}
	if os.Getenv("SLUICE_TEST_ALL") == "1" {
		n *= 5
	}
	all := make([]uint64, n)
	for i := range all {
		all[i] = rand.Uint64()
	}
	return all
}

// Each record is delivered or buried, in the order of its key, and no commit is ahead of
// that. This holds whatever fails, and however the partitions move.
func TestEachRecordIsDeliveredOrBuriedInTheOrderOfItsKey(t *testing.T) {
	for _, seed := range seeds(t, 40) {
		synctest.Test(t, func(t *testing.T) {
			t.Logf("SLUICE_TEST_SEED=%d", seed)
			playModel(t, rand.New(rand.NewPCG(seed, 1)))
		})
		if t.Failed() {
			return
		}
	}
}

func playModel(t *testing.T, r *rand.Rand) {
	partitions, members := 1+r.IntN(5), 1+r.IntN(3)
	w := newWorld(t, r, partitions, 300, 1+r.IntN(40))
	fails, downUntil := r.IntN(60), time.Now().Add(time.Duration(r.IntN(60))*time.Second)
	w.mood = func(rec *kgo.Record) Outcome {
		switch n := r.IntN(100); {
		case time.Now().Before(downUntil):
			return Outcome{Verdict: Failed, Cause: "refused_connection", Err: errors.New("down"), Down: true}
		case rec.Offset%23 == 7:
			return Outcome{Verdict: Refused, Cause: "status_400"}
		case n >= fails:
			return Outcome{}
		case n%4 == 0:
			return Outcome{Verdict: Failed, Cause: "lost_answer", Down: true}
		case n%4 == 1:
			return Outcome{Verdict: Failed, Cause: "status_429", After: 3 * time.Second, Down: true}
		}
		return Outcome{Verdict: Failed, Cause: "status_503", Down: true}
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	group := make([]*member, members)
	for i := range group {
		s := settings{
			window: Window{Records: 1 + r.IntN(50), Bytes: 1 << 20}, concurrency: 1 + r.IntN(8), batch: r.IntN(11),
			retry: Retry{Min: 100 * time.Millisecond, Max: 5 * time.Second, Attempts: 1 + r.IntN(8), MaxAge: time.Hour},
		}
		if r.IntN(3) == 0 {
			s.limit, s.burst = 20, 1
		}
		group[i] = w.member(i, s)
		running.Go(func() { group[i].run(ctx) })
	}
	owner := make(map[partitionID]*member)
	for id := range w.records {
		w.give(id, group[w.draw(members)], owner)
	}
	for start := time.Now(); !w.isDone(); {
		if time.Since(start) > 6*time.Hour {
			t.Errorf("not done: %v of %d", w.committed, 300)
			break
		}
		for _, m := range group {
			m.feed(w)
		}
		wait := time.NewTimer(100 * time.Millisecond)
		<-wait.C
		for _, m := range group {
			w.commit(m)
		}
		if w.draw(20) == 0 {
			id := partitionID{"orders", int32(w.draw(partitions))}
			if from := owner[id]; from != nil {
				w.takeAway(id, from)
				w.give(id, group[w.draw(members)], owner)
			}
		}
	}
	stop()
	running.Wait()
	for _, m := range group {
		m.withdraw(t.Context(), m.owned())
		m.drop(m.owned())
	}
	for _, all := range w.records {
		for _, rec := range all {
			if w.settled[nameOf(rec)] == "" {
				t.Errorf("%s was never delivered", nameOf(rec))
			}
		}
	}
}

func (w *world) give(id partitionID, m *member, owner map[partitionID]*member) {
	m.mu.Lock()
	m.at[id], m.halted[id] = w.committed[id], false
	m.mu.Unlock()
	m.assign(id, w.committed[id], true)
	owner[id] = m
}

// takeAway is a rebalance: the partition is revoked, or lost without a word.
func (w *world) takeAway(id partitionID, m *member) {
	if w.draw(3) > 0 {
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Duration(w.draw(300))*time.Millisecond)
		m.withdraw(ctx, []partitionID{id})
		cancel()
		w.commit(m, id)
	}
	m.drop([]partitionID{id})
}
