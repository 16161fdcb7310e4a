package cursor

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// manyTopics is a segment of n topics of the same number of partitions, by key.
func manyTopics(n, partitions int, offset int64, leader int32) Segment {
	s := Segment{Stream: "orders", Epoch: Several}
	for i := range n {
		s.Topics = append(s.Topics, Topic{TopicKey(fmt.Sprintf("orders.%d", i), fmt.Sprintf("%06d", i)), partitions})
	}
	slices.SortFunc(s.Topics, func(a, b Topic) int { return strings.Compare(a.Key, b.Key) })
	s.Offsets = slices.Repeat([]int64{offset}, n*partitions)
	s.Leaders = slices.Repeat([]int32{leader}, n*partitions)
	return s
}

func TestPositionsInSeveralTopicsComeBack(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	some := Segment{Stream: "orders", Epoch: Several, Filter: FilterMark("o-77")}
	for i := range 9 {
		some.Topics = append(some.Topics, Topic{fmt.Sprintf("%08d", i), 1 + i})
		for range 1 + i {
			offset := random.Int64N(1000)
			some.Offsets = append(some.Offsets, offset)
			leader := int32(random.IntN(5)) - 1
			if offset == 0 {
				leader = UnknownLeader
			}
			some.Leaders = append(some.Leaders, leader)
		}
	}
	for name, s := range map[string]Segment{
		"nine": some, "none": {Stream: "orders", Epoch: Several}, "none, filtered": {Stream: "orders", Epoch: Several, Filter: FilterMark("x")},
		"300 of one partition": manyTopics(300, 1, 1042, 3), "50 of six": manyTopics(50, 6, 1042, 3), "without leaders": {Stream: "s", Epoch: Several, Topics: []Topic{{"abcdefgh", 2}}, Offsets: []int64{4, 0}},
	} {
		for form, write := range map[string]func() (Codec, string){
			"text":   func() (Codec, string) { return Plain, string(Plain.Append(nil, s, false)) },
			"packed": func() (Codec, string) { return Plain, string(Plain.Append(nil, s, true)) },
			"sealed": func() (Codec, string) { c := sealer(t, "a"); return c, string(c.Append(nil, s, false)) },
		} {
			c, id := write()
			if len(id) > MaxID {
				continue
			}
			got, err := Read(c, id)
			if err != nil || len(got) != 1 || got[0].Err != nil || !sameSegment(got[0], s) {
				t.Errorf("%s, %s: %q is read as %+v, %v", name, form, id, got, err)
			}
		}
	}
	const text = "orders@!2VkZ3fQ1:1042-3.998!7fQ0aaZZ:17-12*" + "aB3_-9"
	got, err := Read(Plain, text)
	if err != nil || !slices.Equal(got[0].Topics, []Topic{{"2VkZ3fQ1", 2}, {"7fQ0aaZZ", 1}}) || !slices.Equal(got[0].Offsets, []int64{1042, 998, 17}) || !slices.Equal(got[0].Leaders, []int32{3, 3, 12}) {
		t.Errorf("%q is read as %+v, %v", text, got, err)
	}
}

func TestPositionsInSeveralTopicsAreOneText(t *testing.T) {
	for _, id := range []string{
		"s@!abcdefgh", "s@!abcdefgh:", "s@!abcdefg:1", "s@!abcdefghi:1", "s@!:1", "s@!!abcdefgh:1", "s@!abcdefgh:1!", "s@!abcd+fgh:1",
		"s@!abcdefgh:1!abcdefgh:2", "s@!bbcdefgh:1!abcdefgh:2", "s@!abcdefgh:01", "s@!abcdefgh:1*", "s@!_.", "s@!_.AAAA", "s@!_.AQ",
		"s@!:", "s@!_.!abcdefgh:1", "s@x!abcdefgh:1", "s@!abcdefgh:_.AQAC",
	} {
		if got, err := Read(Plain, id); err == nil {
			t.Errorf("%q is read as %+v", id, got)
		}
	}
	packed := string(Plain.Append(nil, manyTopics(3, 2, 7, 1), true))
	for i := len("orders@!_."); i < len(packed); i++ {
		for _, c := range "A_9z" {
			id := packed[:i] + string(c) + packed[i+1:]
			if got, err := Read(Plain, id); err == nil && string(Plain.Append(nil, got[0], true)) != id {
				t.Errorf("%q is read, and is not what a gateway writes", id)
			}
		}
	}
}

// The figures of the docs.
func TestHowManyTopicsFitIntoAnID(t *testing.T) {
	for _, tt := range []struct {
		name       string
		codec      Codec
		partitions int
		topics     int
	}{{"plain", Plain, 1, 465}, {"plain, six partitions", Plain, 6, 132}, {"sealed", sealer(t, "a"), 1, 425}, {"sealed, six partitions", sealer(t, "a"), 6, 129}} {
		width, n := Width{Topics: []int{}}, 0
		for tt.codec.MaxLen(map[string]Width{"orders": width.With(tt.partitions)}) <= MaxID {
			width = width.With(tt.partitions)
			n++
		}
		if n < tt.topics || n >= tt.topics+5 {
			t.Errorf("%s: %d topics fit, want about %d", tt.name, n, tt.topics)
		}
		longest := tt.codec.Append(nil, manyTopics(n, tt.partitions, 1<<40-1, 99), true)
		if len(longest) > MaxID {
			t.Errorf("%s: an id of %d topics has %d characters", tt.name, n, len(longest))
		}
	}
	for _, shape := range []struct{ topics, partitions, atMost int }{{300, 1, 5000}, {50, 6, 2850}} {
		s := manyTopics(shape.topics, shape.partitions, 1, 1)
		for p := range s.Offsets { // as far apart as a bound allows
			s.Offsets[p], s.Leaders[p] = 1+int64(p)*(1<<39)/int64(len(s.Offsets)), int32(p%200)
		}
		if id := Plain.Append(nil, s, true); len(id) > shape.atMost {
			t.Errorf("%d topics of %d: an id has %d characters, want at most %d", shape.topics, shape.partitions, len(id), shape.atMost)
		}
	}
}

// Whatever topics an id has, it is no longer than the bound of all of them.
func TestSomeTopicsTakeNoMoreThanAll(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		all := Segment{Stream: "orders", Epoch: Several, Filter: FilterMark("x")}
		width, some := Width{Topics: []int{}}, all
		for i := range 1 + random.IntN(40) {
			n := 1 + random.IntN(1<<random.IntN(6))
			width = width.With(n)
			if random.IntN(2) == 0 {
				continue
			}
			some.Topics = append(some.Topics, Topic{fmt.Sprintf("%08d", i), n})
			for range n {
				some.Offsets = append(some.Offsets, 1+random.Int64N(1<<random.IntN(packedBits)))
				some.Leaders = append(some.Leaders, random.Int32N(math.MaxInt32))
			}
		}
		for _, c := range []Codec{Plain, sealer(t, "a")} {
			if id := c.Append(nil, some, true); !c.Sealed() || len(id) < MaxID {
				if bound := c.MaxLen(map[string]Width{"orders": width}); len(id) > bound && slices.Max(append(some.Offsets, 0)) < 1<<40 {
					t.Errorf("an id of %v, of %v, has %d characters, MaxLen says %d", some.Topics, width, len(id), bound)
				}
			}
		}
	}
}

func TestTopicKey(t *testing.T) {
	a, b := TopicKey("orders.eu", "kZ3fQ1"), TopicKey("orders.eu", "aaaaaa")
	if len(a) != KeyLen || !IsKeyOf(a, "kZ3fQ1") || !SameName(a, b) || a == b || IsKeyOf(a, "aaaaaa") {
		t.Errorf("keys of one name are %s and %s", a, b)
	}
	if other := TopicKey("orders.us", "kZ3fQ1"); other == a || SameName(a, other) {
		t.Errorf("two names of one epoch have %s and %s", a, other)
	}
	if a, b := TopicKey("orders.eu", "0"), TopicKey("orders.us", "0"); len(a) != KeyLen || a == b || !SameName(a, TopicKey("orders.eu", "kZ3fQ1")) {
		t.Errorf("without ids keys are %s and %s", a, b)
	}
}

func FuzzTopics(f *testing.F) {
	for _, s := range []Segment{manyTopics(3, 2, 7, 1), manyTopics(1, 1, 0, 0), {Stream: "s", Epoch: Several}} {
		f.Add(string(Plain.Append(nil, s, false)))
		f.Add(string(Plain.Append(nil, s, true)))
	}
	f.Fuzz(func(t *testing.T, id string) {
		segments, err := parseCursor(id)
		if err != nil {
			return
		}
		for _, s := range segments {
			if s.partitions() != len(s.Offsets) && s.Epoch == Several || s.Leaders != nil && len(s.Leaders) != len(s.Offsets) {
				t.Errorf("%q: %d partitions, %d offsets, %d leaders", id, s.partitions(), len(s.Offsets), len(s.Leaders))
			}
		}
		checkCursorText(t, id, segments)
	})
}
