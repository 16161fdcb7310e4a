package cursor

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
)

// appendFormer appends offsets as the packed form had them before leader epochs, to
// compare with.
func appendFormer(dst []byte, offsets []int64) []byte {
	var scratch [512]byte
	raw := scratch[:0]
	for _, o := range offsets {
		raw = binary.AppendUvarint(raw, uint64(o))
	}
	return cursorBase64.AppendEncode(append(dst, '_'), raw)
}

// packedShapes are positions as topics have them: offsets by partition, and leader
// epochs.
func packedShapes() []struct {
	name    string
	offsets []int64
	leaders []int32
} {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same numbers in each run are the point
	vector := func(n int, next func(p int) int64) []int64 {
		v := make([]int64, n)
		for p := range v {
			v[p] = next(p)
		}
		return v
	}
	epochs := func(n, least, spread int) []int32 {
		v := make([]int32, n)
		for p := range v {
			v[p] = int32(least + random.IntN(spread))
		}
		return v
	}
	near := func(of int64, percent int64) func(int) int64 {
		return func(int) int64 { return of - of*percent/200 + random.Int64N(1+of*percent/100) }
	}
	return []struct {
		name    string
		offsets []int64
		leaders []int32
	}{
		{"similar, 1e9 ± 2 %", vector(200, near(1e9, 4)), epochs(200, 20, 8)},
		{"similar, 5e6 ± 10 %", vector(200, near(5e6, 20)), epochs(200, 3, 4)},
		{"small, up to 300", vector(200, func(int) int64 { return random.Int64N(300) }), epochs(200, 0, 2)},
		{"most empty", vector(200, func(p int) int64 { return int64(p/190) * near(1e6, 20)(p) }), epochs(200, 0, 2)},
		{"skewed, 10 to 1e9", vector(200, func(p int) int64 { return int64(10) << random.IntN(27) }), epochs(200, 5, 6)},
		{"one much ahead", vector(200, func(p int) int64 { return 50 + int64((p+1)/200)*1e10 }), epochs(200, 1, 1)},
		{"12 new beside 188 old", vector(200, func(p int) int64 { return max(near(1e8, 10)(p)*int64(min(1, (199-p)/12)), 40) }), append(epochs(188, 90, 6), epochs(12, 0, 2)...)},
		{"all equal", slices.Repeat([]int64{123_456_789}, 200), slices.Repeat([]int32{7}, 200)},
	}
}

// The form is the shorter of two, so it costs little more than the former at its worst,
// and much less for topics as they are.
func TestPackedPositionsAreShort(t *testing.T) {
	t.Logf("characters for 200 partitions:%15s %8s %8s %12s", "text", "former", "packed", "with epochs")
	for _, shape := range packedShapes() {
		length := func(leaders []int32, packed bool) int {
			return len(Plain.Append(nil, Segment{Stream: "s", Epoch: "e", Offsets: shape.offsets, Leaders: leaders}, packed)) - len("s@e:")
		}
		former, packed, whole := len(appendFormer(nil, shape.offsets)), length(nil, true), length(shape.leaders, true)
		t.Logf("%-30s %14d %8d %8d %12d", shape.name, length(nil, false), former, packed, whole)
		if packed > former+6 {
			t.Errorf("%s: %d characters, the former form took %d", shape.name, packed, former)
		}
		if extra := whole - packed; extra > 200*4/3+8 {
			t.Errorf("%s: leader epochs take %d characters, more than a byte a partition", shape.name, extra)
		}
	}
}

// Whatever a column holds comes back, and the shorter way was taken.
func TestColumnsComeBack(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // the same numbers in each run are the point
	for n := range 300 {
		offsets := make([]int64, 1+n%40)
		for p := range offsets {
			if random.IntN(5) > 0 {
				offsets[p] = random.Int64() >> random.IntN(63)
			}
		}
		base := random.Int64() >> random.IntN(63)
		if n%2 == 0 { // near one another
			for p := range offsets {
				offsets[p] = max(0, base-offsets[p]>>(n%50))
			}
		}
		raw := columnOf(offsets).append(nil, offsets)
		got, rest, ok := parseColumn(append(raw, 0xaa), len(offsets), 1<<63-1)
		if !ok || !slices.Equal(got, offsets) || len(rest) != 1 {
			t.Fatalf("%v came back as %v, %v", offsets, got, ok)
		}
		uvarints := 1
		for _, o := range offsets {
			uvarints += uvarintLen(uint64(o))
		}
		if len(raw) > uvarints {
			t.Errorf("%v: %d bytes, as uvarints %d", offsets, len(raw), uvarints)
		}
	}
}

// Leader epochs too far apart for a partition's bits: the lowest are left out, never the
// largest, and what is left is written alike again.
func TestLeaderEpochsThatDoNotFitAreUnknown(t *testing.T) {
	offsets := []int64{1, 1 << 41, 1 << 39, 7} // 41 bits leave 7
	for _, tt := range []struct{ leaders, want []int32 }{
		{[]int32{1000, 1100, 1126, 1126}, []int32{1000, 1100, 1126, 1126}},
		{[]int32{999, 1100, 1126, 1126}, []int32{-1, 1100, 1126, 1126}},
		{[]int32{-1, 1 << 30, 3, 5}, []int32{-1, 1 << 30, -1, -1}},
	} {
		for range 2 {
			segments, err := parseCursor(string(Plain.Append(nil, Segment{Stream: "s", Epoch: "e", Offsets: offsets, Leaders: tt.leaders}, true)))
			if err != nil || !slices.Equal(segments[0].Leaders, tt.want) {
				t.Fatalf("%v became %+v, %v; want %v", tt.leaders, segments, err, tt.want)
			}
			tt.leaders = segments[0].Leaders
		}
	}
	segments, err := parseCursor(string(Plain.Append(nil, Segment{Stream: "s", Epoch: "e", Offsets: []int64{1, 1 << 50}, Leaders: []int32{3, 3}}, true)))
	if err != nil || segments[0].Leaders != nil {
		t.Errorf("beside offsets of more bits than a partition has: %+v, %v", segments, err)
	}
}

// BenchmarkPackedSegment writes positions of 200 partitions in the former packed form and
// in today's, in one run.
func BenchmarkPackedSegment(b *testing.B) {
	shape := packedShapes()[0]
	dst := make([]byte, 0, MaxID)
	b.Run("former", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			dst = appendFormer(append(dst[:0], "orders@kZ3fQ1:"...), shape.offsets)
		}
	})
	for _, leaders := range [][]int32{nil, shape.leaders} {
		name := map[bool]string{false: "offsets", true: "offsets and epochs"}[leaders != nil]
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				dst = Plain.Append(dst[:0], Segment{Stream: "orders", Epoch: "kZ3fQ1", Offsets: shape.offsets, Leaders: leaders}, true)
			}
		})
	}
}
