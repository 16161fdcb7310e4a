package stream

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// cursorText writes segments back as they were read, each in the form it came in.
func cursorText(segments []segment) string {
	var dst []byte
	for i, s := range segments {
		if i > 0 {
			dst = append(dst, '~')
		}
		dst = appendSegment(dst, s.stream, s.epoch, s.offsets, strings.Contains(s.text, ":_"))
		if s.filter != "" {
			dst = append(append(dst, '*'), s.filter...)
		}
	}
	return string(dst)
}

func TestParseCursor(t *testing.T) {
	for _, tt := range []struct {
		id   string
		want []segment
	}{
		{"orders@kZ3fQ1:1042.998.17", []segment{{stream: "orders", epoch: "kZ3fQ1", offsets: []int64{1042, 998, 17}}}},
		{"orders@kZ3fQ1:_kgjmBxE", []segment{{stream: "orders", epoch: "kZ3fQ1", offsets: []int64{1042, 998, 17}}}},
		{"s@e:", []segment{{stream: "s", epoch: "e"}}},
		{"s@e:_", []segment{{stream: "s", epoch: "e"}}},
		{"s@0:0", []segment{{stream: "s", epoch: "0", offsets: []int64{0}}}},
		{"s@e:9223372036854775807", []segment{{stream: "s", epoch: "e", offsets: []int64{math.MaxInt64}}}},
		{"s@e:___________9_", []segment{{stream: "s", epoch: "e", offsets: []int64{math.MaxInt64}}}},
		{"s@e:5*aB3_-9", []segment{{stream: "s", epoch: "e", offsets: []int64{5}, filter: "aB3_-9"}}},
		{"s@e:_BQ*______", []segment{{stream: "s", epoch: "e", offsets: []int64{5}, filter: "______"}}},
		{"s@e:*aB3_-9", []segment{{stream: "s", epoch: "e", filter: "aB3_-9"}}},
		{"b-2@_-:1~a@x:_Ag~c@y:*------", []segment{
			{stream: "b-2", epoch: "_-", offsets: []int64{1}},
			{stream: "a", epoch: "x", offsets: []int64{2}},
			{stream: "c", epoch: "y", filter: "------"},
		}},
	} {
		got, err := parseCursor(tt.id)
		if err != nil {
			t.Errorf("%s: %v", tt.id, err)
			continue
		}
		parts := strings.Split(tt.id, "~")
		same := func(a, b segment) bool {
			return a.stream == b.stream && a.epoch == b.epoch && a.filter == b.filter && slices.Equal(a.offsets, b.offsets)
		}
		if !slices.EqualFunc(got, tt.want, same) {
			t.Errorf("%s: got %+v, want %+v", tt.id, got, tt.want)
		}
		for i, s := range got {
			if s.text != parts[i] {
				t.Errorf("%s: text %q, want %q", tt.id, s.text, parts[i])
			}
		}
		if back := cursorText(got); back != tt.id {
			t.Errorf("%s was written back as %s", tt.id, back)
		}
	}
}

func TestParseCursorRefuses(t *testing.T) {
	packed := func(raw ...byte) string { return "s@e:_" + base64.RawURLEncoding.EncodeToString(raw) }
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
		{"padding", "s@e:_AQ=="},
		{"the standard alphabet", "s@e:_+/8B"},
		{"a line end inside base64", "s@e:_A\nQ"},
		{"bits after the last byte", "s@e:_AR"},
		{"base64 of impossible length", "s@e:_A"},
		{"a varint cut off", packed(0x80)},
		{"a varint cut off at the end", packed(1, 0xff)},
		{"a varint longer than needed", packed(0x80, 0x00)},
		{"a varint much longer than needed", packed(0x81, 0x80, 0x80, 0x00)},
		{"a varint beyond int64", packed(binary.AppendUvarint(nil, math.MaxInt64+1)...)},
		{"a varint beyond uint64", packed(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02)},
		{"dots among packed", "s@e:_AQ.AQ"},
		{"too many segments", strings.Join(cursorSegments(maxSegments+1), "~")},
		{"too long", cursorOfLength(MaxID + 1)},
	} {
		if got, err := parseCursor(tt.id); !errors.Is(err, errInvalidCursor) || got != nil {
			t.Errorf("%s: %q gave %+v, %v; want errInvalidCursor", tt.name, tt.id, got, err)
		}
	}
}

// The bounds themselves are legal.
func TestParseCursorBounds(t *testing.T) {
	for _, tt := range []struct{ name, id string }{
		{"as many segments as allowed", strings.Join(cursorSegments(maxSegments), "~")},
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

// The allocations of a refused id stay few, whatever its length: length and segments are looked at first.
func TestParseCursorIsCheapForHostileInput(t *testing.T) {
	for _, tt := range []struct {
		name, id string
		max      float64 // allocations: the errors' (under -race some more) and not one for each of what it holds
	}{
		{"a megabyte of segments", strings.Repeat("s@e:1~", 1<<20/6), 16},
		{"a megabyte of dots", "s@e:" + strings.Repeat(".", 1<<20), 16},
		{"tildes", strings.Repeat("~", MaxID), 16},
		{"dots", "s@e:" + strings.Repeat(".", MaxID-4), 16},
		{"no end of a varint", "s@e:_" + strings.Repeat("_", MaxID-8), 16},
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
	dst := appendSegment([]byte("a@0:1~"), "orders", "kZ3fQ1", []int64{1042, 998, 17}, false)
	if want := "a@0:1~orders@kZ3fQ1:1042.998.17"; string(dst) != want {
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
		if len(mark) != markLen || !cursorIsBase64(mark) || mark == FilterMark("o-77") {
			t.Errorf("FilterMark(%.10q) = %q", subject, mark)
		}
	}
}

// MaxIDLen is met exactly by the longest id it allows for, and never passed.
func TestMaxIDLen(t *testing.T) {
	const most = 1<<49 - 1
	for _, partitions := range []map[string]int{
		{},
		{"s": 0},
		{"orders": 1},
		{"orders": 12, "stock": 3},
		{"orders": 300, "a-much-longer-name": 100, "x": 7},
	} {
		for _, offset := range []int64{0, 127, most} {
			var id []byte
			for name, count := range partitions {
				if len(id) > 0 {
					id = append(id, '~')
				}
				id = appendSegment(id, name, "kZ3fQ1", slices.Repeat([]int64{offset}, count), true)
				id = append(append(id, '*'), FilterMark("o-77")...)
			}
			got := MaxIDLen(partitions)
			if len(id) > got || offset == most && len(id) != got {
				t.Errorf("%v at offset %d: the id has %d characters, MaxIDLen says %d", partitions, offset, len(id), got)
			}
		}
	}
	if got := MaxIDLen(map[string]int{"orders": 426}); got > MaxID {
		t.Errorf("one stream of 426 partitions needs %d characters, more than %d", got, MaxID)
	}
	if got := MaxIDLen(map[string]int{"orders": 427}); got <= MaxID {
		t.Errorf("one stream of 427 partitions needs only %d characters", got)
	}
}

// checkCursorText holds what is true of every id that is accepted.
func checkCursorText(t *testing.T, id string, segments []segment) {
	t.Helper()
	if back := cursorText(segments); back != id {
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
	} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		segments, err := parseCursor(id)
		if err != nil {
			if !errors.Is(err, errInvalidCursor) {
				t.Errorf("%q: %v is no errInvalidCursor", id, err)
			}
			return
		}
		checkCursorText(t, id, segments)
	})
}

// FuzzCursorRoundTrip goes the other way: every position that fits comes back as it was.
func FuzzCursorRoundTrip(f *testing.F) {
	f.Add("orders", "kZ3fQ1", []byte{1, 0, 0, 0, 0, 0, 0, 0, 7}, "o-77", true)
	f.Add("s", "0", []byte{}, "", false)
	f.Fuzz(func(t *testing.T, stream, epoch string, raw []byte, subject string, packed bool) {
		if !ValidName(stream) || epoch == "" || len(epoch) > maxEpoch || !cursorIsBase64(epoch) {
			return
		}
		var offsets []int64
		for len(raw) > 0 { // 8 bytes an offset, the last perhaps fewer
			var word [8]byte
			raw = raw[copy(word[:], raw):]
			offsets = append(offsets, int64(binary.LittleEndian.Uint64(word[:])&math.MaxInt64))
		}
		id := string(appendSegment(nil, stream, epoch, offsets, packed))
		filter := ""
		if subject != "" {
			filter = FilterMark(subject)
			id += "*" + filter
		}
		id += "~" + string(appendSegment(nil, stream+"2", epoch, offsets, !packed))
		segments, err := parseCursor(id)
		if len(id) > MaxID || len(stream) == maxName {
			if err == nil {
				t.Errorf("%d characters, a name of %d: accepted", len(id), len(stream)+1)
			}
			return
		}
		if err != nil || len(segments) != 2 {
			t.Fatalf("%q: %d segments, %v", id, len(segments), err)
		}
		if s := segments[0]; s.stream != stream || s.epoch != epoch || s.filter != filter || !slices.Equal(s.offsets, offsets) {
			t.Errorf("%q: got %+v", id, s)
		}
		if s := segments[1]; s.stream != stream+"2" || s.filter != "" || !slices.Equal(s.offsets, offsets) {
			t.Errorf("%q: got %+v", id, s)
		}
		checkCursorText(t, id, segments)
	})
}

func BenchmarkAppendSegment(b *testing.B) {
	offsets := slices.Repeat([]int64{123_456_789}, 24)
	dst := make([]byte, 0, MaxID)
	for _, form := range []string{"text", "packed"} {
		b.Run(form, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				dst = appendSegment(dst[:0], "orders", "kZ3fQ1", offsets, form == "packed")
			}
		})
	}
}

func BenchmarkParseCursor(b *testing.B) {
	offsets := slices.Repeat([]int64{123_456_789}, 24)
	for _, form := range []string{"text", "packed"} {
		id := string(appendSegment(nil, "orders", "kZ3fQ1", offsets, form == "packed"))
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

// parseCursor reads a plain id.
func parseCursor(id string) ([]segment, error) { return readID(PlainIDs, id) }
