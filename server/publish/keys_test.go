package publish

import (
	"errors"
	"strconv"
	"testing"
	"time"
)

var message = Message{Key: []byte(`"a"`), Value: []byte(`1`)}

func TestAKeyIsOneRecord(t *testing.T) {
	k, now := NewKeys(), time.Unix(1000, 0)
	begin := func(name, stream, key string, m Message) (*Attempt, bool, error) {
		return k.Begin(1, name, stream, key, m, now)
	}
	first, is, err := begin("shop", "orders", "k", message)
	if !is || err != nil {
		t.Fatal(is, err)
	}
	second, is, err := begin("shop", "orders", "k", message)
	if is || err != nil || second != first {
		t.Errorf("in flight: %t %v", is, err)
	}
	if _, _, err := begin("shop", "orders", "k", Message{Value: []byte(`2`)}); !errors.Is(err, ErrOtherBody) {
		t.Errorf("another body in flight: %v", err)
	}
	first.End(Outcome{Partition: 3, Offset: 42}, now)
	<-second.Done()
	now = now.Add(KeptFor - 1)
	if again, is, err := begin("shop", "orders", "k", message); is || err != nil || again.Outcome() != (Outcome{Partition: 3, Offset: 42}) {
		t.Errorf("again: %+v %t %v", again, is, err)
	}
	if _, _, err := begin("shop", "orders", "k", Message{Value: []byte(`2`)}); !errors.Is(err, ErrOtherBody) {
		t.Errorf("another body: %v", err)
	}
	for _, other := range [][2]string{{"bakery", "orders"}, {"shop", "news"}} {
		if _, is, err := begin(other[0], other[1], "k", Message{Value: []byte(`2`)}); !is || err != nil {
			t.Errorf("%v: %t %v", other, is, err)
		}
	}
	now = now.Add(1)
	if _, is, err := begin("shop", "orders", "k", Message{Value: []byte(`2`)}); !is || err != nil {
		t.Errorf("forgotten: %t %v", is, err)
	}
}

// A record that is surely not in Kafka may be sent again, and one of which that isn't
// known may not.
func TestAKeyOfAFailureIsFreeOnlyIfNothingWasWritten(t *testing.T) {
	now := time.Unix(1000, 0)
	for fault, free := range map[Fault]bool{NotWritten: true, BadSchema: true, Unknown: false} {
		k := NewKeys()
		a, _, err := k.Begin(1, "shop", "orders", "k", message, now)
		if err != nil {
			t.Fatal(err)
		}
		a.End(Outcome{Err: &Error{fault, "x"}}, now)
		again, is, err := k.Begin(1, "shop", "orders", "k", message, now)
		if is != free || err != nil || !free && again.Outcome().Err == nil {
			t.Errorf("%d: %t %v", fault, is, err)
		}
		if want := 1; k.callers[1] != want {
			t.Errorf("%d: %d are counted", fault, k.callers[1])
		}
	}
}

func TestKeysAreBounded(t *testing.T) {
	k, now := NewKeys(), time.Unix(1000, 0)
	k.most, k.each = 400, 100
	fill := func(caller uint64) (n int, err error) {
		for ; ; n++ {
			a, _, err := k.Begin(caller, strconv.Itoa(int(caller)), "orders", strconv.Itoa(n), message, now)
			if err != nil {
				return n, err
			}
			a.End(Outcome{}, now)
		}
	}
	for caller := range uint64(4) {
		if n, err := fill(caller); n != 100 || !errors.Is(err, ErrKeysFull) {
			t.Fatalf("%d: %d %v", caller, n, err)
		}
	}
	if n, err := fill(5); n != 0 || !errors.Is(err, ErrKeysFull) {
		t.Errorf("%d %v", n, err)
	}
	now = now.Add(KeptFor)
	if _, is, err := k.Begin(5, "5", "orders", "k", message, now); !is || err != nil {
		t.Errorf("%t %v", is, err)
	}
	if len(k.known) != 0 || len(k.running) != 1 || len(k.ends) != 0 || len(k.callers) != 1 {
		t.Errorf("%d known, %d running, %d ends, %d callers", len(k.known), len(k.running), len(k.ends), len(k.callers))
	}
}

func TestBudget(t *testing.T) {
	b := NewBudget(32 << 20)
	give, ok := b.Take(1, 32<<20)
	if !ok {
		t.Fatal("the largest body has no room")
	}
	if _, ok := b.Take(1, 1); ok {
		t.Error("a caller has more than a quarter")
	}
	for caller := range uint64(3) {
		if _, ok := b.Take(2+caller, 32<<20); !ok {
			t.Errorf("%d has no room", caller)
		}
	}
	if _, ok := b.Take(9, 1); ok {
		t.Error("there is more than the budget")
	}
	give()
	if _, ok := b.Take(9, 1); !ok || b.InUse() != 96<<20+leastBytes {
		t.Errorf("%d", b.InUse())
	}
}
