package limit

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/stream/cursor"
)

func TestEvictionsAreForgottenAndBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := NewEvictions()
		_, notes := cursor.SplitNotes(e.Remember(1, "a"))
		if e.Refuses(1, notes) != evictedFor || e.Refuses(2, notes) > 0 || e.Refuses(1, nil) > 0 || e.Refuses(1, []string{".x"}) > 0 {
			t.Error("who is refused")
		}
		if e.MayEvict(1, "a") || !e.MayEvict(1, "b") || !e.MayEvict(2, "a") || !e.MayEvict(1, "") {
			t.Error("who gave way")
		}
		for i := range 2 * maxEvictions {
			e.Remember(uint64(i), strings.Repeat("x", 10))
		}
		if len(e.until) > maxEvictions || e.MayEvict(1<<40, "") {
			t.Errorf("%d are remembered, or somebody may evict beyond", len(e.until))
		}
		<-time.After(evictedFor)
		if e.Refuses(1, notes) > 0 || !e.MayEvict(1, "a") || len(e.until) > 0 {
			t.Errorf("%d are remembered", len(e.until))
		}
	})
}
