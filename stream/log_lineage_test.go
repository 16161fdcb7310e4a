package stream

import (
	"slices"
	"testing"
)

// The epoch of a position is that of the last record before it.
func TestLineageSaysTheEpochBeforeAPosition(t *testing.T) {
	var e lineage
	for _, s := range []epochStart{{1, 0}, {3, 5}, {2, 7}, {3, 8}, {noEpoch, 10}, {noEpoch, 11}, {4, 12}} {
		e = e.with(s.epoch, s.start)
	}
	if want := (lineage{{1, 0}, {3, 5}, {noEpoch, 10}, {4, 12}}); !slices.Equal(e, want) {
		t.Fatalf("the lineage is %v, want %v", e, want)
	}
	for next, want := range map[int64]int32{0: noEpoch, 1: 1, 5: 1, 6: 3, 10: 3, 11: noEpoch, 12: noEpoch, 13: 4, 99: 4} {
		if got := e.at(next); got != want {
			t.Errorf("the epoch before %d is %d, want %d", next, got, want)
		}
	}
	if got, want := e.before(5), (lineage{{1, 0}}); !slices.Equal(got, want) {
		t.Errorf("before 5: %v, want %v", got, want)
	}
	for epoch := int32(5); epoch < 200; epoch++ {
		e = e.with(epoch, int64(epoch)*10)
	}
	if len(e) != maxLineage || e.newest() != 199 {
		t.Errorf("%d epochs are kept, up to %d", len(e), e.newest())
	}
}

// An epoch that began where nothing was written in the one before it takes its place.
func TestLineageLeavesOutEpochsWithoutRecords(t *testing.T) {
	e := lineage{}.with(1, 0).with(2, 5).with(4, 5)
	if want := (lineage{{1, 0}, {4, 5}}); !slices.Equal(e, want) {
		t.Errorf("the lineage is %v, want %v", e, want)
	}
}
