package stream

import (
	"testing"

	"sluice/stream/cursor"
)

// faulty panics once it is told to, while a position is written under the hub's lock.
type faulty struct {
	cursor.Codec
	now bool
}

func (f *faulty) Append(dst []byte, s cursor.Segment, packed bool) []byte {
	if f.now {
		panic("out of order")
	}
	return f.Codec.Append(dst, s, packed)
}

// TestAPanicLeavesNoLockHeld: a carrier recovers from it and ends one stream, and all
// others go on.
func TestAPanicLeavesNoLockHeld(t *testing.T) {
	ids := &faulty{Codec: cursor.Plain}
	h := NewHub(Config{IDs: ids, Streams: []Spec{{Name: "orders", State: StateBounds{MaxBytes: 1 << 20}}}})
	defer h.Close()
	h.AddWaker(deaf{})
	h.Begin(0, "e", []int64{0})
	h.SetWarm(0)
	q := Request{Streams: []int{0}, User: "alice"}
	sub, _, err := h.Open(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	for name, do := range map[string]func(){
		"Pull":     func() { sub.Pull(new(Batch), 1<<20) },
		"AppendID": func() { sub.AppendID(nil) },
		"Open":     func() { h.Open(t.Context(), q) },
		"State":    func() { h.State(t.Context(), StateRequest{Streams: []int{0}, User: "alice"}) },
	} {
		h.Publish(0, []Event{{Offset: h.logs[0].head[0], Users: [][]byte{[]byte("alice")}, Data: []byte("x")}})
		ids.now = true
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s has not panicked", name)
				}
			}()
			do()
		}()
		ids.now = false
		if !h.mu.mu.TryLock() {
			t.Fatalf("%s has left the hub locked", name)
		}
		h.mu.Unlock()
	}
}
