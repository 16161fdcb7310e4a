package broker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/stream"
)

// Each run has the leader epoch of its records. Between two epochs may be a gap. There
// the epoch of a position isn't known.
func TestHistorySaysTheLeaderEpochsOfWhatItReads(t *testing.T) {
	f := elected(t)
	h := openHistory(t, f.config(), orders)
	b := bounds(t, h)
	var got []string
	err := h.Read(context.Background(), 0, b.Epoch, []int64{1}, b.End, func(run stream.HistoryRun) error {
		for _, ev := range run.Events {
			got = append(got, fmt.Sprintf("%d epoch %d", ev.Offset, run.Leader))
		}
		return nil
	})
	if want := []string{"1 epoch 0", "2 epoch 1", "3 epoch 1", "4 epoch 2", "5 epoch 2"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("read %q, %v; want %q", got, err, want)
	}
}

func TestFetchedIsSplitByLeaderEpoch(t *testing.T) {
	at := func(offsets ...int64) (recs []*kgo.Record) {
		for _, o := range offsets {
			recs = append(recs, &kgo.Record{Offset: o})
		}
		return recs
	}
	for _, tt := range []struct {
		name string
		got  fetched
		to   int64
		want string
	}{
		{"one epoch", fetched{records: at(3, 5), next: 8, epochs: lineage{{1, 3}}}, 9, "[3 5]→8 epoch 1"},
		{"cut at the end", fetched{records: at(3, 5), next: 8, epochs: lineage{{1, 3}}}, 5, "[3]→5 epoch 1"},
		{"two", fetched{records: at(3, 5, 6), next: 8, epochs: lineage{{1, 3}, {2, 6}}}, 9, "[3 5]→6 epoch 1 [6]→8 epoch 2"},
		{"two with a gap", fetched{records: at(3, 6), next: 8, epochs: lineage{{1, 3}, {2, 6}}}, 9, "[3]→4 epoch 1 [6]→8 epoch 2"},
		{"only markers in the first", fetched{records: at(6), next: 8, epochs: lineage{{1, 3}, {2, 6}}}, 9, "[6]→8 epoch 2"},
		{"the end before the second", fetched{records: at(3, 4, 6), next: 8, epochs: lineage{{1, 3}, {2, 6}}}, 5, "[3 4]→5 epoch 1"},
		{"the end in the gap", fetched{records: at(3, 6), next: 8, epochs: lineage{{1, 3}, {2, 6}}}, 5, "[3]→5 epoch -1"},
		{"no batch", fetched{next: 8}, 8, "[]→8 epoch -1"},
		{"a format without", fetched{records: at(3), next: 4, epochs: lineage{{-1, 3}}}, 9, "[3]→4 epoch -1"},
	} {
		var got []string
		for _, run := range tt.got.runs(tt.to) {
			offsets := []int64{}
			for _, rec := range run.records {
				offsets = append(offsets, rec.Offset)
			}
			got = append(got, fmt.Sprintf("%v→%d epoch %d", offsets, run.next, run.leader))
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
