package hold

import (
	"sync"
	"testing"
)

func newMailbox() *mailbox[int] { return &mailbox[int]{bell: make(chan struct{}, 1)} }

// TestMailboxRingsOnceForMany: a thousand wake-ups before the worker looks are one ring,
// and none is lost.
func TestMailboxRingsOnceForMany(t *testing.T) {
	m := newMailbox()
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			for j := range 100 {
				m.Wake(uint32(i*100 + j))
			}
		})
	}
	wg.Wait()
	<-m.bell
	box, _ := m.take(mail[int]{})
	seen := make(map[uint32]bool)
	for _, slot := range box.woken {
		seen[slot] = true
	}
	if len(seen) != 1000 {
		t.Errorf("%d of 1000 were delivered", len(seen))
	}
	select {
	case <-m.bell:
		t.Error("rang again")
	default:
	}
	m.Wake(7)
	<-m.bell
	if box, _ = m.take(box); len(box.woken) != 1 || box.woken[0] != 7 {
		t.Errorf("then got %v, want 7", box.woken)
	}
}

// TestMailboxForgets: memory used again must not keep what it held from the garbage
// collector.
func TestMailboxForgets(t *testing.T) {
	m := newMailbox()
	m.post(func(m *mail[int]) {
		m.arrived = append(m.arrived, arrival[int]{opening: []byte("x")})
		m.each = append(m.each, func(int64, *int) {})
	})
	box, _ := m.take(mail[int]{})
	m.take(box)
	if box.arrived[0].opening != nil || box.each[0] != nil {
		t.Error("used mail still holds what it carried")
	}
}

func TestMailboxTakesNothingOnceClosed(t *testing.T) {
	m := newMailbox()
	m.closed = true
	if m.post(func(*mail[int]) { t.Error("added") }) {
		t.Error("said that it was posted")
	}
}

// TestSlots gives out each slot once, whatever the order they come back in, and never
// slot 0.
func TestSlots(t *testing.T) {
	m := newMailbox()
	out := make(map[uint32]bool)
	take := func(n int) {
		for range n {
			slot := m.reserve()
			if slot == 0 || out[slot] {
				t.Fatalf("gave out %d", slot)
			}
			out[slot] = true
		}
	}
	take(2*slotChunk + 5)
	first := &m.slots[0][1]
	for slot := range out {
		if slot%3 == 0 {
			m.release(slot)
			delete(out, slot)
		}
	}
	take(slotChunk)
	if m.inUse() != len(out) {
		t.Errorf("%d slots, want %d", m.inUse(), len(out))
	}
	if &m.slots[0][1] != first {
		t.Error("growing moved a slot")
	}
}
