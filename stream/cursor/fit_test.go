package cursor

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// MaxLen is nearly met by the longest id it allows for, and never passed.
func TestMaxLen(t *testing.T) {
	const most = int64(1)<<packedBits - 1
	for _, partitions := range []map[string]Width{
		{},
		{"s": {}},
		{"orders": {Partitions: 1}},
		{"orders": {Partitions: 12}, "stock": {Partitions: 3}},
		{"orders": {Partitions: 300}, "a-much-longer-name": {Partitions: 100}, "x": {Partitions: 7}},
	} {
		for bits := range packedBits + 1 { // offsets 2^bits apart, leader epochs as far as they fit
			var id []byte
			for name, w := range partitions {
				count := w.Partitions
				if len(id) > 0 {
					id = append(id, '~')
				}
				offsets, leaders := slices.Repeat([]int64{most}, count), slices.Repeat([]int32{math.MaxInt32}, count)
				if count > 1 {
					offsets[0] = max(1, most-(1<<bits-1))
					leaders[1] = math.MaxInt32 - int32(min(1<<31, 1<<(packedBits-bits))-2)
				}
				id = Plain.Append(id, Segment{Stream: name, Epoch: "kZ3fQ1", Offsets: offsets, Leaders: leaders, Filter: FilterMark("o-77")}, true)
			}
			got := Plain.MaxLen(partitions)
			if len(id) > got || bits > 17 && bits < packedBits && len(partitions) == 3 && len(id) < got-25*len(partitions) {
				t.Errorf("%v at offsets of %d bits: the id has %d characters, MaxLen says %d", partitions, bits, len(id), got)
			}
		}
	}
}

// The numbers that README.md and docs/config.md give. What is served is counted with
// them: proxies cut what is longer.
func TestHowManyPartitionsFitIntoAnID(t *testing.T) {
	fit := func(c Codec, streams int) int {
		for n := 1; ; n++ {
			partitions := make(map[string]Width)
			for i := range streams {
				partitions[strings.Repeat("s", 8)+string(rune('a'+i))] = Width{Partitions: n}
			}
			if refused, length := TooWide(c, partitions, nil); len(refused) > 0 {
				if length > MaxID {
					t.Errorf("%d partitions of %d streams take %d characters", n, streams, length)
				}
				return (n - 1) * streams
			}
		}
	}
	for _, tt := range []struct {
		name            string
		codec           Codec
		streams, atMost int
	}{{"one stream", Plain, 1, 930}, {"16 streams", Plain, 16, 830}, {"one stream, sealed", sealer(t, "a"), 1, 925}, {"16 streams, sealed", sealer(t, "a"), 16, 810}} {
		if got := fit(tt.codec, tt.streams); got < tt.atMost || got >= tt.atMost+10 {
			t.Errorf("%s: %d partitions in all, want about %d", tt.name, got, tt.atMost)
		}
	}
}
