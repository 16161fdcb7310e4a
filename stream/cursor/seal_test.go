package cursor

import (
	"crypto/sha256"
	"math"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func sealKeyNamed(name string) Key {
	sum := sha256.Sum256([]byte(name))
	return Key{Name: name, Secret: sum[:]}
}

func sealer(t testing.TB, names ...string) *Sealer {
	t.Helper()
	var keys []Key
	for _, n := range names {
		keys = append(keys, sealKeyNamed(n))
	}
	s, err := NewSealer(keys)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSealedIDsComeBackWhole(t *testing.T) {
	s := sealer(t, "a")
	for _, p := range []Segment{
		{Stream: "orders", Epoch: "kZ3fQ1"},
		{Stream: "orders", Epoch: "0", Offsets: []int64{0}},
		{Stream: "o-1", Epoch: "kZ3fQ1", Offsets: []int64{1, 2, 3}, Filter: FilterMark("o-77")},
		{Stream: "orders", Epoch: "kZ3fQ1", Offsets: []int64{1<<40 - 1}},
		{Stream: "orders", Epoch: "kZ3fQ1", Offsets: []int64{1 << 40, 0}},
		{Stream: "orders", Epoch: "kZ3fQ1", Offsets: []int64{1042, 998, 17}, Leaders: []int32{3, 3, 12}},
		{Stream: "orders", Epoch: "kZ3fQ1", Offsets: []int64{5, 0, 6, 7}, Leaders: []int32{0, -1, -1, 254}},
		{Stream: "orders", Epoch: "kZ3fQ1", Offsets: []int64{5, 6}, Leaders: []int32{math.MaxInt32, math.MaxInt32 - 254}, Filter: FilterMark("o-77")},
		{Stream: strings.Repeat("s", maxName), Epoch: strings.Repeat("e", maxEpoch), Offsets: []int64{math.MaxInt64, 7}},
	} {
		id := string(s.Append(nil, p, false))
		p.Key = "a"
		got, err := Positions(s, id)
		if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], p) {
			t.Errorf("%+v came back as %+v, %v", p, got, err)
		}
		if again := string(s.Append(nil, p, true)); again != id {
			t.Errorf("one position has two texts: %s and %s", id, again)
		}
		if q, err := url.ParseQuery("lastEventId=" + id); err != nil || q.Get("lastEventId") != id {
			t.Errorf("%s doesn't survive a query as it is: %q, %v", id, q, err)
		}
	}
}

// The length of an id must not tell how large its offsets are, nor may near positions
// look alike.
func TestSealedIDsTellNothingOfOffsets(t *testing.T) {
	s := sealer(t, "a")
	small := s.Append(nil, Segment{Stream: "orders", Epoch: "e", Offsets: []int64{0, 1}}, false)
	large := s.Append(nil, Segment{Stream: "orders", Epoch: "e", Offsets: []int64{1<<40 - 1, 999_999}}, false)
	if len(small) != len(large) {
		t.Errorf("%d and %d characters", len(small), len(large))
	}
	small = s.Append(nil, Segment{Stream: "orders", Epoch: "e", Offsets: []int64{1, 1}, Leaders: []int32{0, 0}}, false)
	large = s.Append(nil, Segment{Stream: "orders", Epoch: "e", Offsets: []int64{1<<40 - 1, 999_999}, Leaders: []int32{math.MaxInt32, 7}}, false)
	if len(small) != len(large) {
		t.Errorf("with leader epochs: %d and %d characters", len(small), len(large))
	}
	next := s.Append(nil, Segment{Stream: "orders", Epoch: "e", Offsets: []int64{0, 2}}, false)
	same := 0
	small = s.Append(nil, Segment{Stream: "orders", Epoch: "e", Offsets: []int64{0, 1}}, false)
	for i := len("orders@."); i < len(small); i++ {
		if small[i] == next[i] {
			same++
		}
	}
	if same > len(small)/4 {
		t.Errorf("%s and %s share %d characters", small, next, same)
	}
}

func TestForgedAndForeignIDsAreRefused(t *testing.T) {
	s := sealer(t, "a")
	id := string(s.Append(nil, Segment{Stream: "orders", Epoch: "kZ3fQ1", Offsets: []int64{41, 42}}, false))
	_, sealed, _ := strings.Cut(id, "@.")
	for name, forged := range map[string]string{
		"of another stream":      "refunds@." + sealed,
		"of another key":         string(sealer(t, "b").Append(nil, Segment{Stream: "orders", Epoch: "kZ3fQ1", Offsets: []int64{41, 42}}, false)),
		"plain":                  "orders@kZ3fQ1:41.42",
		"cut":                    id[:len(id)-2],
		"longer":                 id + "AA",
		"twice":                  id + "~" + id,
		"only an IV":             "orders@." + sealed[:22],
		"empty":                  "orders@.",
		"padded":                 id + "=",
		"with a filter put on":   id + "*" + FilterMark("x"),
		"with a line end":        id[:20] + "\n" + id[20:],
		"in the packed form":     "orders@kZ3fQ1:_" + sealed,
		"with another's as well": id + "~news@." + sealed,
	} {
		if got, err := Positions(s, forged); err == nil {
			t.Errorf("%s: %s was taken for %+v", name, forged, got)
		}
	}
	for i := len("orders@."); i < len(id); i++ { // each character of it matters
		b := []byte(id)
		if b[i]++; b[i] == id[i] || !isBase64(string(b[i:i+1])) {
			b[i] = 'A'
		}
		if got, err := Positions(s, string(b)); err == nil && string(b) != id {
			t.Errorf("changed at %d it was taken for %+v", i, got)
		}
	}
	if _, err := Positions(Plain, id); err == nil {
		t.Error("a gateway with plain ids took a sealed one")
	}
}

func TestKeysRotate(t *testing.T) {
	before, both, after := sealer(t, "a"), sealer(t, "b", "a"), sealer(t, "b")
	old := string(before.Append(nil, Segment{Stream: "orders", Epoch: "e", Offsets: []int64{5}}, false))
	fresh := string(both.Append(nil, Segment{Stream: "orders", Epoch: "e", Offsets: []int64{5}}, false))
	for _, tt := range []struct {
		by   *Sealer
		id   string
		want string
	}{{both, old, "a"}, {both, fresh, "b"}, {after, fresh, "b"}, {after, old, ""}, {before, fresh, ""}} {
		got, err := Positions(tt.by, tt.id)
		if err != nil && tt.want != "" || err == nil && got[0].Key != tt.want {
			t.Errorf("%+v, %v, want key %q", got, err, tt.want)
		}
	}
	// Sealed before ids had leader epochs.
	former, err := Positions(sealer(t, "a"), "orders@.BbJ4w47KfyE_rgSnyByyZ6WIGFmeA41KHla0oCLhDZ5L-47Y8--6-w")
	if err != nil || !slices.Equal(former[0].Offsets, []int64{1042, 998, 17}) || former[0].Leaders != nil || former[0].Epoch != "kZ3fQ1" {
		t.Errorf("a former one: %+v, %v", former, err)
	}
	if _, err := NewSealer([]Key{{Name: "short", Secret: make([]byte, 31)}}); err == nil || !strings.Contains(err.Error(), "short has 31 bytes") {
		t.Errorf("a short key: %v", err)
	}
	if _, err := NewSealer(nil); err == nil {
		t.Error("no key: taken")
	}
}

func TestSealedIDsStayWithinTheirBound(t *testing.T) {
	s := sealer(t, "a")
	partitions := map[string]Width{"orders": {Partitions: 24}, "news": {Partitions: 1}, strings.Repeat("s", maxName): {Partitions: 100}}
	var id []byte
	for name, w := range partitions {
		n := w.Partitions
		if id != nil {
			id = append(id, '~')
		}
		id = s.Append(id, Segment{Stream: name, Epoch: "kZ3fQ1", Offsets: slices.Repeat([]int64{1<<40 - 1}, n), Leaders: slices.Repeat([]int32{9}, n), Filter: FilterMark("x")}, false)
	}
	if got := s.MaxLen(partitions); got < len(id) || got > len(id)+3*len(partitions) {
		t.Errorf("MaxLen is %d, an id had %d characters", got, len(id))
	}
	far := s.Append(nil, Segment{Stream: "orders", Epoch: "kZ3fQ1", Offsets: slices.Repeat([]int64{1<<48 - 1}, 24), Leaders: slices.Repeat([]int32{9}, 24), Filter: FilterMark("x")}, false)
	if most := s.MaxLen(map[string]Width{"orders": {Partitions: 24}}); len(far) > most {
		t.Errorf("with offsets near 2^48 an id has %d characters, MaxLen is %d", len(far), most)
	}
	if s.MaxLen(nil) != 0 {
		t.Error("no stream makes no id")
	}
}

func FuzzSealedID(f *testing.F) {
	s := sealer(f, "a", "b")
	other := sealer(f, "c")
	f.Add(string(other.Append(nil, Segment{Stream: "orders", Epoch: "kZ3fQ1", Offsets: []int64{41, 42}}, false)), []byte{1, 'e', 0, 5, 0, 0, 0, 0, 1})
	f.Add("orders@.", []byte{})
	f.Add("orders@.", []byte{1, 'e', 0, 0x85, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 3, 4, 5})
	f.Add("orders@.", []byte{0, 0, 1, 'a', 'b', 'c', 'd', 'e', 'f', 1, 5, 0, 0, 0, 0, 1})
	f.Add("orders@kZ3fQ1:1.2~news@.AAAA", []byte{1, 'e', 0, 8, 255, 255, 255, 255, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, id string, position []byte) {
		if got, err := Positions(s, id); err == nil {
			t.Errorf("%q was made without a key and is read as %+v", id, got)
		}
		// What a key of ours did seal may still come from another version.
		raw := append(make([]byte, sealIV), position...)
		s.keys[1].seal("orders", raw)
		places, err := Positions(s, "orders@."+cursorBase64.EncodeToString(raw))
		if err != nil {
			return
		}
		p := places[0]
		again, err := Positions(s, string(s.Append(nil, p, false)))
		if again[0].Key, p.Key = "", ""; err != nil || !reflect.DeepEqual(again[0], p) {
			t.Errorf("%+v is read as %+v, %v", p, again, err)
		}
	})
}

func BenchmarkSealSegment(b *testing.B) {
	s := sealer(b, "a")
	offsets := slices.Repeat([]int64{123_456_789}, 24)
	dst := make([]byte, 0, MaxID)
	b.ReportAllocs()
	for b.Loop() {
		dst = s.Append(dst[:0], Segment{Stream: "orders", Epoch: "kZ3fQ1", Offsets: offsets}, false)
	}
}
