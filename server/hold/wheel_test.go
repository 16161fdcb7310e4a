package hold

import (
	"math/rand/v2"
	"testing"
)

// TestWheelAgainstAList plays random adds, removes and passing time on the wheel and on a
// plain table of due times. What is taken is taken once, at most a step early, and never
// more than two steps late.
func TestWheelAgainstAList(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		const slots = 200
		places := make([]links, slots+1)
		at := func(slot uint32) *links { return &places[slot] }
		due := make(map[uint32]int64) // of those in the wheel
		now := r.Int64N(1 << 40)
		w := wheel{turn: now / wheelStep}
		for range 20_000 {
			slot := uint32(1 + r.IntN(slots))
			switch _, in := due[slot]; {
			case in && r.IntN(3) == 0:
				w.remove(at, slot)
				delete(due, slot)
			case !in:
				due[slot] = now + r.Int64N([]int64{1, 100, 1000, 60_000, 120_000}[r.IntN(5)]) - 50
				w.add(at, slot, due[slot])
			}
			if r.IntN(4) > 0 {
				continue
			}
			// Small steps for a while, and now and then further than the wheel reaches around.
			now += r.Int64N([]int64{1, 50, 1000, 10_000, 300_000}[min(r.IntN(40), 4)])
			next, some := w.next()
			if some != (len(due) > 0) {
				t.Fatalf("next says %v with %d in the wheel", some, len(due))
			}
			if some && next > now && w.turn < now/wheelStep {
				for slot, at := range due {
					if at+2*wheelStep < next {
						t.Fatalf("next is %d, but slot %d is due at %d", next, slot, at)
					}
				}
			}
			for slot := w.take(at, now); slot != 0; slot = w.take(at, now) {
				at, in := due[slot]
				if !in {
					t.Fatalf("took %d, which isn't in the wheel", slot)
				}
				if at >= now+wheelStep {
					t.Fatalf("took a slot %d ms early", at-now)
				}
				delete(due, slot)
			}
			for slot, at := range due {
				if at+2*wheelStep <= now {
					t.Fatalf("slot %d is %d ms late", slot, now-at)
				}
			}
		}
		for slot := range due {
			w.remove(at, slot)
		}
		if _, some := w.next(); some || w.used != [len(w.used)]uint64{} {
			t.Fatal("an empty wheel says that something is to come")
		}
		for slot, l := range places {
			if l != (links{}) {
				t.Fatalf("slot %d keeps links %+v", slot, l)
			}
		}
	}
}

// TestWheelFarEnd: what is due after more than one turn of the wheel is found at its far
// end, to be put again.
func TestWheelFarEnd(t *testing.T) {
	var w wheel
	places := make([]links, 2)
	at := func(slot uint32) *links { return &places[slot] }
	const due = 10 * wheelSlots * wheelStep
	w.add(at, 1, due)
	looks := 0
	for {
		next, ok := w.next()
		if !ok {
			t.Fatal("lost")
		}
		if w.take(at, next-1) != 0 || w.take(at, next) != 1 {
			t.Fatalf("not there at %d, when next had said", next)
		}
		looks++
		if next+wheelStep > due {
			break
		}
		w.add(at, 1, due)
	}
	if looks < 10 || looks > 11 {
		t.Errorf("looked at %d times in ten turns", looks)
	}
}
