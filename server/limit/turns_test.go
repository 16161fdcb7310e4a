package limit

import (
	"fmt"
	"testing"
	"testing/synctest"
)

// Callers take turns at having states copied: who asks for many waits for them itself.
func TestStateTurnsAreFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns()
		for range stateCopies {
			if err := turns.Take(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
		}
		order := make(chan uint64, 8)
		for _, caller := range []uint64{1, 1, 1, 2} {
			go func() {
				if turns.Take(t.Context(), caller) == nil {
					order <- caller
				}
			}()
			synctest.Wait() // until it waits
		}
		var got []uint64
		for range 4 {
			turns.Give()
			got = append(got, <-order)
		}
		if fmt.Sprint(got) != "[1 2 1 1]" {
			t.Errorf("%v", got)
		}
		for range stateCopies {
			turns.Give()
		}
		if turns.free != stateCopies || len(turns.waiting)+len(turns.callers) != 0 {
			t.Errorf("%d free, %v left", turns.free, turns.callers)
		}
	})
}
