package stream

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// MaxIDLen is nearly met by the longest id it allows for, and never passed.
func TestMaxIDLen(t *testing.T) {
	const most = int64(1)<<packedBits - 1
	for _, partitions := range []map[string]int{
		{},
		{"s": 0},
		{"orders": 1},
		{"orders": 12, "stock": 3},
		{"orders": 300, "a-much-longer-name": 100, "x": 7},
	} {
		for bits := range packedBits + 1 { // offsets 2^bits apart, leader epochs as far as they fit
			var id []byte
			for name, count := range partitions {
				if len(id) > 0 {
					id = append(id, '~')
				}
				offsets, leaders := slices.Repeat([]int64{most}, count), slices.Repeat([]int32{math.MaxInt32}, count)
				if count > 1 {
					offsets[0] = max(1, most-(1<<bits-1))
					leaders[1] = math.MaxInt32 - int32(min(1<<31, 1<<(packedBits-bits))-2)
				}
				id = appendSegment(id, name, "kZ3fQ1", offsets, leaders, true)
				id = append(append(id, '*'), FilterMark("o-77")...)
			}
			got := MaxIDLen(partitions)
			if len(id) > got || bits > 17 && bits < packedBits && len(partitions) == 3 && len(id) < got-25*len(partitions) {
				t.Errorf("%v at offsets of %d bits: the id has %d characters, MaxIDLen says %d", partitions, bits, len(id), got)
			}
		}
	}
}

// The numbers that README.md and docs/config.md give. What is served is counted with them: proxies cut what is longer.
func TestHowManyPartitionsFitIntoAnID(t *testing.T) {
	fit := func(ids IDs, streams int) int {
		for n := 1; ; n++ {
			partitions := make(map[string]int)
			for i := range streams {
				partitions[strings.Repeat("s", 8)+string(rune('a'+i))] = n
			}
			if refused, length := TooWide(ids, partitions, nil); len(refused) > 0 {
				if length > MaxID {
					t.Errorf("%d partitions of %d streams take %d characters", n, streams, length)
				}
				return (n - 1) * streams
			}
		}
	}
	for _, tt := range []struct {
		name            string
		ids             IDs
		streams, atMost int
	}{{"one stream", PlainIDs, 1, 930}, {"16 streams", PlainIDs, 16, 830}, {"one stream, sealed", sealer(t, "a"), 1, 925}, {"16 streams, sealed", sealer(t, "a"), 16, 810}} {
		if got := fit(tt.ids, tt.streams); got < tt.atMost || got >= tt.atMost+10 {
			t.Errorf("%s: %d partitions in all, want about %d", tt.name, got, tt.atMost)
		}
	}
}
