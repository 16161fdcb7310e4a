package cursor

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// cursorText writes segments back as they were read, each in the form it came in; the
// former packed form as today's.
func cursorText(segments []Segment) string {
	var dst []byte
	for i, s := range segments {
		if i > 0 {
			dst = append(dst, '~')
		}
		dst = Plain.Append(dst, s, s.Packed)
	}
	return string(dst)
}

func TestParseCursor(t *testing.T) {
	for _, tt := range []struct {
		id   string
		want []Segment
		back string // as it is written; "": as it is
	}{
		{id: "orders@kZ3fQ1:1042.998.17", want: []Segment{{Stream: "orders", Epoch: "kZ3fQ1", Offsets: []int64{1042, 998, 17}}}},
		{id: "orders@kZ3fQ1:_.A0CSCOYHEQ", want: []Segment{{Stream: "orders", Epoch: "kZ3fQ1", Offsets: []int64{1042, 998, 17}}}},
		{id: "orders@kZ3fQ1:_kgjmBxE", want: []Segment{{Stream: "orders", Epoch: "kZ3fQ1", Offsets: []int64{1042, 998, 17}}}, back: "orders@kZ3fQ1:_.A0CSCOYHEQ"},
		{id: "s@e:", want: []Segment{{Stream: "s", Epoch: "e"}}},
		{id: "s@e:_", want: []Segment{{Stream: "s", Epoch: "e"}}, back: "s@e:"},
		{id: "s@0:0", want: []Segment{{Stream: "s", Epoch: "0", Offsets: []int64{0}}}},
		{id: "s@e:9223372036854775807", want: []Segment{{Stream: "s", Epoch: "e", Offsets: []int64{math.MaxInt64}}}},
		{id: "s@e:___________9_", want: []Segment{{Stream: "s", Epoch: "e", Offsets: []int64{math.MaxInt64}}}, back: "s@e:_.AQD__________38"},
		{id: "s@e:5*aB3_-9", want: []Segment{{Stream: "s", Epoch: "e", Offsets: []int64{5}, Filter: "aB3_-9"}}},
		{id: "s@e:_BQ*______", want: []Segment{{Stream: "s", Epoch: "e", Offsets: []int64{5}, Filter: "______"}}, back: "s@e:_.AQAF*______"},
		{id: "s@e:*aB3_-9", want: []Segment{{Stream: "s", Epoch: "e", Filter: "aB3_-9"}}},
		{id: "b-2@_-:1~a@x:_.AQAC~c@y:*------", want: []Segment{
			{Stream: "b-2", Epoch: "_-", Offsets: []int64{1}},
			{Stream: "a", Epoch: "x", Offsets: []int64{2}},
			{Stream: "c", Epoch: "y", Filter: "------"},
		}},

		// Leader epochs.
		{id: "orders@kZ3fQ1:1042-3.998.17-12", want: []Segment{{Stream: "orders", Epoch: "kZ3fQ1", Offsets: []int64{1042, 998, 17}, Leaders: []int32{3, 3, 12}}}},
		{id: "s@e:5.6-0.7-.8.9-2147483647", want: []Segment{{Stream: "s", Epoch: "e", Offsets: []int64{5, 6, 7, 8, 9}, Leaders: []int32{-1, 0, -1, -1, math.MaxInt32}}}},
		{id: "s@e:5-3.0.7", want: []Segment{{Stream: "s", Epoch: "e", Offsets: []int64{5, 0, 7}, Leaders: []int32{3, -1, 3}}}},
		{id: "s@e:0.5-1*aB3_-9", want: []Segment{{Stream: "s", Epoch: "e", Offsets: []int64{0, 5}, Leaders: []int32{-1, 1}, Filter: "aB3_-9"}}},

		// Said without need.
		{id: "s@e:5-3.6-3", want: []Segment{{Stream: "s", Epoch: "e", Offsets: []int64{5, 6}, Leaders: []int32{3, 3}}}, back: "s@e:5-3.6"},
		{id: "s@e:5-.6", want: []Segment{{Stream: "s", Epoch: "e", Offsets: []int64{5, 6}}}, back: "s@e:5.6"},
		{id: "s@e:0-3.6", want: []Segment{{Stream: "s", Epoch: "e", Offsets: []int64{0, 6}, Leaders: []int32{-1, 3}}}, back: "s@e:0.6-3"},
		{id: "s@e:0-3", want: []Segment{{Stream: "s", Epoch: "e", Offsets: []int64{0}}}, back: "s@e:0"},
	} {
		got, err := parseCursor(tt.id)
		if err != nil {
			t.Errorf("%s: %v", tt.id, err)
			continue
		}
		if !slices.EqualFunc(got, tt.want, sameSegment) {
			t.Errorf("%s: got %+v, want %+v", tt.id, got, tt.want)
		}
		if back := cursorText(got); back != cmp.Or(tt.back, tt.id) {
			t.Errorf("%s was written back as %s", tt.id, back)
		}
	}
}

// sameSegment compares what segments say, not how they are written.
func sameSegment(a, b Segment) bool {
	return a.Stream == b.Stream && a.Epoch == b.Epoch && a.Filter == b.Filter && slices.Equal(a.Topics, b.Topics) &&
		slices.Equal(a.Offsets, b.Offsets) && slices.Equal(a.Leaders, b.Leaders) && (a.Leaders == nil) == (b.Leaders == nil)
}

func TestParseCursorRefuses(t *testing.T) {
	former := func(raw ...byte) string { return "s@e:_" + base64.RawURLEncoding.EncodeToString(raw) }
	packed := func(raw ...byte) string { return "s@e:_." + base64.RawURLEncoding.EncodeToString(raw) }
	long := strings.Repeat("x", maxEpoch+1)
	for _, tt := range []struct{ name, id string }{
		{"empty", ""},
		{"no segment", "~"},
		{"a segment missing at the end", "s@e:1~"},
		{"a segment missing at the start", "~s@e:1"},
		{"a segment missing between", "s@e:1~~t@e:1"},
		{"no epoch", "s:1"},
		{"an empty epoch", "s@:1"},
		{"a long epoch", "s@" + long + ":1"},
		{"an epoch outside base64url", "s@a+b:1"},
		{"no offsets", "s@e"},
		{"no name", "@e:1"},
		{"a name in upper case", "S@e:1"},
		{"a name that begins with a digit", "1s@e:1"},
		{"a name that is too long", strings.Repeat("s", maxName+1) + "@e:1"},
		{"a stream twice", "s@e:1~t@e:1~s@f:2"},
		{"a stream twice, in both forms", "s@e:1~s@e:_AQ"},
		{"a leading zero", "s@e:01"},
		{"zeros", "s@e:00"},
		{"a sign", "s@e:-1"},
		{"a plus", "s@e:+1"},
		{"an underscore between digits", "s@e:1_0"},
		{"beyond int64", "s@e:9223372036854775808"},
		{"far beyond int64", "s@e:99999999999999999999999999999999"},
		{"an empty offset", "s@e:1..2"},
		{"a dot at the end", "s@e:1."},
		{"a dot alone", "s@e:."},
		{"nothing packed", "s@e:_."},
		{"not a number", "s@e:x"},
		{"hex", "s@e:0x1"},
		{"digits that are not ASCII", "s@e:١"},
		{"a space", "s@e: 1"},
		{"a line end", "s@e:1\n"},
		{"NUL", "s@e:1\x00"},
		{"percent", "s@e:%31"},
		{"a second colon", "s@e:1:2"},
		{"a second at", "s@e@f:1"},
		{"a short mark", "s@e:1*abcde"},
		{"a long mark", "s@e:1*abcdefg"},
		{"an empty mark", "s@e:1*"},
		{"two marks", "s@e:1*abcdef*abcdef"},
		{"a mark outside base64url", "s@e:1*abcde="},
		{"a leader epoch with a zero before it", "s@e:5-03"},
		{"a leader epoch with a sign", "s@e:5--3"},
		{"a leader epoch with a plus", "s@e:5-+3"},
		{"a leader epoch beyond int32", "s@e:5-2147483648"},
		{"two leader epochs", "s@e:5-3-4"},
		{"a leader epoch without an offset", "s@e:-3.5"},
		{"a leader epoch that is no number", "s@e:5-x"},
		{"a leader epoch after the mark", "s@e:5*abcdef-3"},
		{"former: padding", "s@e:_AQ=="},
		{"former: the standard alphabet", "s@e:_+/8B"},
		{"former: a line end inside base64", "s@e:_A\nQ"},
		{"former: bits after the last byte", "s@e:_AR"},
		{"former: base64 of impossible length", "s@e:_A"},
		{"former: a varint cut off", former(0x80)},
		{"former: a varint cut off at the end", former(1, 0xff)},
		{"former: a varint longer than needed", former(0x80, 0x00)},
		{"former: a varint much longer than needed", former(0x81, 0x80, 0x80, 0x00)},
		{"former: a varint beyond int64", former(binary.AppendUvarint(nil, math.MaxInt64+1)...)},
		{"former: a varint beyond uint64", former(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02)},
		{"former: dots among packed", "s@e:_AQ.AQ"},
		{"padding", "s@e:_.AQAC=="},
		{"a line end inside base64", "s@e:_.AQ\nAC"},
		{"dots among packed", "s@e:_.AQAC.AQAC"},
		{"packed with leader epochs in text", "s@e:_.AQAC-3"},
		{"no partitions", packed(0, 0, 0)},
		{"a count alone", packed(1)},
		{"a count cut off", packed(0x80)},
		{"more partitions than allowed", packed(append(binary.AppendUvarint(nil, maxPartitions+1), 0, 5)...)},
		{"far more partitions than allowed", packed(append(binary.AppendUvarint(nil, math.MaxUint64), 0, 5)...)},
		{"a count longer than needed", packed(0x81, 0, 0, 2)},
		{"no base", packed(1, 0)},
		{"a base beyond int64", packed(append([]byte{1, 0}, binary.AppendUvarint(nil, math.MaxInt64+1)...)...)},
		{"an offset beyond int64", packed(append(append([]byte{2, 1}, binary.AppendUvarint(nil, math.MaxInt64)...), 0x40)...)},
		{"a width of no number", packed(1, 0x3f|0x40, 2)},
		{"a width with both ways", packed(1, 0x80|0x40, 2)},
		{"a width wider than needed", packed(2, 2, 5, 0b0001_0000)},
		{"a base lower than needed", packed(2, 1, 4, 0b1100_0000)},
		{"holes where there are none", packed(2, 0x80|1, 4, 0b1100_0000)},
		{"holes alone", packed(2, 0x80, 0)},
		{"bits after the last number", packed(2, 1, 5, 0b0100_0001)},
		{"numbers cut off", packed(3, 8, 100, 0, 155)},
		{"uvarints that are not shorter", packed(2, 0x40, 5, 6)},
		{"uvarints cut off", packed(3, 0x40, 5, 6)},
		{"a longer way", packed(3, 0x1e, 1, 0, 0, 0, 4, 0, 0, 0, 0, 0xff, 0xff, 0xff)},
		{"a byte after the end", packed(1, 0, 2, 0, 4, 0)},
		{"leader epochs that are all unknown", packed(1, 0, 2, 0, 0)},
		{"a leader epoch beyond int32", packed(append([]byte{1, 0, 2, 0}, binary.AppendUvarint(nil, math.MaxInt32+2)...)...)},
		{"a leader epoch before offset 0", packed(1, 0, 0, 0, 4)},
		{"too many segments", strings.Join(cursorSegments(MaxSegments+1), "~")},
		{"too long", cursorOfLength(MaxID + 1)},
	} {
		if got, err := parseCursor(tt.id); !errors.Is(err, ErrInvalid) || got != nil {
			t.Errorf("%s: %q gave %+v, %v; want ErrInvalid", tt.name, tt.id, got, err)
		}
	}
}

// The bounds themselves are legal.
func TestParseCursorBounds(t *testing.T) {
	for _, tt := range []struct{ name, id string }{
		{"as many segments as allowed", strings.Join(cursorSegments(MaxSegments), "~")},
		{"as long as allowed", cursorOfLength(MaxID)},
		{"the longest name and epoch", strings.Repeat("s", maxName) + "@" + strings.Repeat("x", maxEpoch) + ":1"},
	} {
		if got, err := parseCursor(tt.id); err != nil || cursorText(got) != tt.id {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// cursorSegments returns n short segments of different streams.
func cursorSegments(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = "s" + strings.Repeat("x", i%60) + string(rune('a'+i/60)) + "@e:"
	}
	return list
}

// cursorOfLength returns an otherwise valid id of n characters.
func cursorOfLength(n int) string {
	id := "s@e:1" + strings.Repeat(".2", (n-5)/2)
	if len(id) < n {
		id += "3"
	}
	return id
}

// The allocations of a refused id stay few, whatever its length: length and segments are
// looked at first.
func TestParseCursorIsCheapForHostileInput(t *testing.T) {
	for _, tt := range []struct {
		name, id string
		max      float64 // allocations: the errors' (under -race some more) and not one for each of what it holds
	}{
		{"a megabyte of segments", strings.Repeat("s@e:1~", 1<<20/6), 16},
		{"a megabyte of dots", "s@e:" + strings.Repeat(".", 1<<20), 16},
		{"tildes", strings.Repeat("~", MaxID), 16},
		{"dots", "s@e:" + strings.Repeat(".", MaxID-4), 16},
		{"epochs", "s@e:" + strings.Repeat("1-.", MaxID/3-4), 16},
		{"no end of a varint", "s@e:_" + strings.Repeat("_", MaxID-8), 16},
		{"partitions without end", "s@e:_." + cursorBase64.EncodeToString(append(binary.AppendUvarint(nil, 1<<60), 0, 5)), 16},
	} {
		got := testing.AllocsPerRun(20, func() {
			if _, err := parseCursor(tt.id); err == nil {
				t.Errorf("%s was accepted", tt.name)
			}
		})
		if got > tt.max {
			t.Errorf("%s: %v allocations, at most %v wanted", tt.name, got, tt.max)
		}
	}
}

func TestAppendSegmentWritesAfterWhatIsThere(t *testing.T) {
	dst := Plain.Append([]byte("a@0:1~"), Segment{Stream: "orders", Epoch: "kZ3fQ1", Offsets: []int64{1042, 998, 17}}, false)
	if want := "a@0:1~orders@kZ3fQ1:1042.998.17"; string(dst) != want {
		t.Errorf("got %s, want %s", dst, want)
	}
	dst = Plain.Append([]byte("a@0:1~"), Segment{Stream: "orders", Epoch: "kZ3fQ1", Offsets: []int64{1042, 998, 17}, Leaders: []int32{3, 3, 12}}, false)
	if want := "a@0:1~orders@kZ3fQ1:1042-3.998.17-12"; string(dst) != want {
		t.Errorf("got %s, want %s", dst, want)
	}
}

func TestValidName(t *testing.T) {
	for name, want := range map[string]bool{
		"a": true, "orders": true, "a-1": true, "a--": true, strings.Repeat("a", 64): true,
		"": false, "A": false, "1a": false, "-a": false, "a_b": false, "a.b": false, "a b": false, "é": false,
		"aé": false, strings.Repeat("a", 65): false,
	} {
		if ValidName(name) != want {
			t.Errorf("ValidName(%q) = %v", name, !want)
		}
	}
}

func TestFilterMark(t *testing.T) {
	// printf o-77 | openssl dgst -sha256 -binary | basenc --base64url | cut -c1-6
	if got := FilterMark("o-77"); got != "7JWXUz" {
		t.Errorf("FilterMark(o-77) = %s", got)
	}
	for _, subject := range []string{"", "o-78", "o-77\x00", strings.Repeat("x", 10000)} {
		mark := FilterMark(subject)
		if len(mark) != markLen || !isBase64(mark) || mark == FilterMark("o-77") {
			t.Errorf("FilterMark(%.10q) = %q", subject, mark)
		}
	}
}

// checkCursorText holds what is true of every id that is accepted.
func checkCursorText(t *testing.T, id string, segments []Segment) {
	t.Helper()
	back := cursorText(segments)
	again, err := parseCursor(back)
	if err != nil || !slices.EqualFunc(again, segments, sameSegment) || cursorText(again) != back {
		t.Errorf("%q was written back as %q, which is %+v, %v", id, back, again, err)
	}
	if !strings.ContainsAny(id, "-_") && back != id { // those may say what need not be said, or be of the former form
		t.Errorf("%q was written back as %q", id, back)
	}
	query, err := url.ParseQuery("a=1&lastEventId=" + id + "&z=2")
	if err != nil || query.Get("lastEventId") != id {
		t.Errorf("%q came out of a query as %q, %v", id, query.Get("lastEventId"), err)
	}
	u, err := url.Parse("http://h/events?lastEventId=" + id)
	if err != nil || u.Query().Get("lastEventId") != id || u.Fragment != "" {
		t.Errorf("%q came out of a URL as %q, %v", id, u, err)
	}
}

func FuzzParseCursor(f *testing.F) {
	for _, id := range []string{
		"orders@kZ3fQ1:1042.998.17", "orders@kZ3fQ1:_kgjmBxE", "s@e:", "s@e:_", "s@e:5*aB3_-9", "s@e:_BQ*______",
		"b-2@_-:1~a@x:_Ag~c@y:*------", "s@e:01", "s@e:_AR", "s@e:_A\nQ", "~", "s@e:_gAA", "s@e:9223372036854775808",
		"orders@kZ3fQ1:1042-3.998.17-12", "s@e:5-.6-0.0-7.8", "s@e:_.AQAC", "s@e:_.AkAFBgAE", "s@e:_.AwHoB8AABQA",
	} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		segments, err := parseCursor(id)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("%q: %v is no ErrInvalid", id, err)
			}
			return
		}
		checkCursorText(t, id, segments)
	})
}

// FuzzCursorRoundTrip goes the other way: every position that fits comes back as it was.
func FuzzCursorRoundTrip(f *testing.F) {
	f.Add("orders", "kZ3fQ1", []byte{1, 0, 0, 0, 0, 0, 0, 0, 7}, []byte{3, 0, 0, 0, 12}, "o-77", true)
	f.Add("s", "0", []byte{}, []byte{}, "", false)
	f.Fuzz(func(t *testing.T, stream, epoch string, raw, rawLeaders []byte, subject string, packed bool) {
		if !ValidName(stream) || epoch == "" || len(epoch) > maxEpoch || !isBase64(epoch) {
			return
		}
		var offsets []int64
		for len(raw) > 0 { // 8 bytes an offset, the last perhaps fewer
			var word [8]byte
			raw = raw[copy(word[:], raw):]
			offsets = append(offsets, int64(binary.LittleEndian.Uint64(word[:])&math.MaxInt64))
		}
		var leaders []int32 // perhaps fewer, or more, than offsets
		for len(rawLeaders) > 0 {
			var word [4]byte
			rawLeaders = rawLeaders[copy(word[:], rawLeaders):]
			leaders = append(leaders, max(-1, int32(binary.LittleEndian.Uint32(word[:]))))
		}
		id := string(Plain.Append(nil, Segment{Stream: stream, Epoch: epoch, Offsets: offsets, Leaders: leaders}, packed))
		filter := ""
		if subject != "" {
			filter = FilterMark(subject)
			id += "*" + filter
		}
		id += "~" + string(Plain.Append(nil, Segment{Stream: stream + "2", Epoch: epoch, Offsets: offsets, Leaders: leaders}, !packed))
		segments, err := parseCursor(id)
		if len(id) > MaxID || len(stream) == maxName || 2*len(offsets) > maxPartitions {
			if err == nil {
				t.Errorf("%d characters, a name of %d: accepted", len(id), len(stream)+1)
			}
			return
		}
		if err != nil || len(segments) != 2 {
			t.Fatalf("%q: %d segments, %v", id, len(segments), err)
		}
		if s := segments[0]; s.Stream != stream || s.Epoch != epoch || s.Filter != filter || !slices.Equal(s.Offsets, offsets) {
			t.Errorf("%q: got %+v", id, s)
		}
		if s := segments[1]; s.Stream != stream+"2" || s.Filter != "" || !slices.Equal(s.Offsets, offsets) {
			t.Errorf("%q: got %+v", id, s)
		}
		for i, s := range segments {
			for p, o := range offsets {
				want, got := LeaderAt(leaders, p), LeaderAt(s.Leaders, p)
				if o == 0 {
					want = UnknownLeader
				}
				if got != want && (got != UnknownLeader || (i == 0) != packed) { // packed may leave out those that don't fit
					t.Errorf("%q: leader epoch %d of partition %d became %d", id, want, p, got)
				}
			}
		}
		checkCursorText(t, id, segments)
	})
}

// BenchmarkAppendSegment writes positions of 24 partitions; "bare" is the text as it was
// before leader epochs, to compare with.
func BenchmarkAppendSegment(b *testing.B) {
	offsets := slices.Repeat([]int64{123_456_789}, 24)
	dst := make([]byte, 0, MaxID)
	b.Run("bare", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			dst = append(dst[:0], "orders@kZ3fQ1:"...)
			for p, o := range offsets {
				if p > 0 {
					dst = append(dst, '.')
				}
				dst = strconv.AppendInt(dst, o, 10)
			}
		}
	})
	for _, form := range []struct {
		name    string
		leaders []int32
		packed  bool
	}{{"text", nil, false}, {"text with epochs", slices.Repeat([]int32{3, 4}, 12), false}, {"packed", nil, true}} {
		b.Run(form.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				dst = Plain.Append(dst[:0], Segment{Stream: "orders", Epoch: "kZ3fQ1", Offsets: offsets, Leaders: form.leaders}, form.packed)
			}
		})
	}
}

func BenchmarkParseCursor(b *testing.B) {
	offsets := slices.Repeat([]int64{123_456_789}, 24)
	for _, form := range []string{"text", "packed"} {
		id := string(Plain.Append(nil, Segment{Stream: "orders", Epoch: "kZ3fQ1", Offsets: offsets}, form == "packed"))
		b.Run(form, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := parseCursor(id); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// parseCursor reads a plain id of which every segment can be read.
func parseCursor(id string) ([]Segment, error) {
	segments, err := Read(Plain, id)
	for _, s := range segments {
		if s.Err != nil {
			return nil, fmt.Errorf("%w: %w", ErrInvalid, s.Err)
		}
	}
	return segments, err
}
