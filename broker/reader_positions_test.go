package broker

import (
	"slices"
	"testing"
)

// A partition may lose records that were read, and delete by retention what was written
// instead. Both are told: what is missing begins where the log has parted.
func TestTruncationThatRetentionHasPassedIsTold(t *testing.T) {
	for _, tt := range []struct {
		name          string
		start, parted int64
		want          []string
		after         int64
	}{
		{"neither", 5, 99, nil, 16},
		{"truncated", 5, 9, []string{"0 truncated 16→9"}, 9},
		{"retention", 20, 99, []string{"0 retention 16→20"}, 20},
		{"both", 20, 9, []string{"0 truncated 16→9", "0 retention 9→20"}, 20},
		{"deleted up to below the position", 12, 9, []string{"0 truncated 16→9", "0 retention 9→12"}, 12},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sink := newRecorder(t, 1)
			r, tp := standing(t, sink, lineage{{0, 0}})
			tp.next[0], tp.base[0] = 16, 16
			sink.look(0, func(s *recorded) { s.next[0] = 16 })
			r.placeAnew(tp, 0, tt.start, tt.parted, lineage{{0, 0}, {1, 9}})
			sink.look(0, func(s *recorded) {
				if !slices.Equal(s.jumps, tt.want) || tp.next[0] != tt.after {
					t.Errorf("jumps %q, at %d; want %q, at %d", s.jumps, tp.next[0], tt.want, tt.after)
				}
			})
			if epoch := tp.lineage(0).at(20); tt.after == 20 && len(tt.want) == 2 && epoch != 1 {
				t.Errorf("the epoch there is %d", epoch)
			}
		})
	}
}
