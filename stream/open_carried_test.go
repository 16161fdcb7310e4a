package stream

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/stream/cursor"
)

// What can't be read costs the place in its own stream, and that is said. All others keep
// theirs.
func TestUnreadableSegmentCostsOnlyItself(t *testing.T) {
	long := "stock@ep0:" + strings.Repeat("1.", 40) + "1"
	for _, tt := range []struct{ name, bad string }{
		{"sealed, by another configuration", "stock@.BbJ4w47KfyE_rgSnyByyZ6WIGFmeA41KHla0oCLhDZ5L-47Y8--6-w"},
		{"cut off", "stock@ep0:"[:8]},
		{"no position", "stock@"},
		{"of another version", "stock@ep0:_!abc"},
		{"a leader epoch that is none", "stock@ep0:1-x"},
		{"a broken mark", "stock@ep0:1*abc"},
		{"an epoch that is too long", "stock@" + strings.Repeat("e", 23) + ":1"},
		{"named twice", "stock@ep0:1~stock@ep0:0"},
		{"named twice, the same", "stock@ep0:1~stock@ep0:1"},
		{"named twice, once unreadable", "stock@ep0:1~stock@x"},
		{"named three times", "stock@ep0:1~stock@x~stock@ep0:1"},
		{"more partitions than allowed", "stock@ep0:_." + base64.RawURLEncoding.EncodeToString([]byte{0xff, 0x7f, 0, 1})},
		{"more partitions than allowed in all", "stock@ep0:_." + base64.RawURLEncoding.EncodeToString([]byte{0x80, 0x20, 0, 1})},
		{"a place that was lost before", "stock@-:"},
	} {
		for _, id := range []string{tt.bad + "~orders@ep0:1", "orders@ep0:1~" + tt.bad, "x@y:1~" + tt.bad + "~orders@ep0:1~=~@~"} {
			if strings.HasPrefix(tt.name, "more partitions than allowed in all") && strings.HasPrefix(id, "stock") {
				continue // it is the later one that is too many
			}
			r := newRig(t, 1, orders, stock, news)
			for i := range 3 {
				r.tell(i, 0, "alice", "old")
				r.tell(i, 0, "alice", "of "+r.hub.Specs()[i].Name)
			}
			p := r.open(Request{Cursor: id, From: From{Kind: FromLast, N: 1}})
			p.begins(OutcomeReset, "reset invalid stock")
			p.getsAll("of orders", "of news") // news as asked for, stock from now on
			r.tell(1, 0, "alice", "new")
			p.gets("new")
			if !strings.Contains(p.id, "orders@ep0:2~stock@ep0:3~news@ep0:2") {
				t.Errorf("%s: %s: the id is %s", tt.name, id, p.id)
			}
			r.resume(p.id).begins(OutcomeResumed).gets()

			// Not read now: nothing is said now, and it is once it is read.
			p = r.open(Request{Streams: []int{0}, Cursor: id}).begins(OutcomeResumed)
			p.gets("of orders")
			if !strings.HasSuffix(p.id, "~stock@-:") {
				t.Errorf("%s: %s: the id is %s", tt.name, id, p.id)
			}
			p = r.open(Request{Streams: []int{0}, Cursor: p.id}).begins(OutcomeResumed)
			r.open(Request{Streams: []int{0, 1}, Cursor: p.id, From: From{Kind: FromEarliest}}).begins(OutcomeReset, "reset invalid stock").gets()
		}
	}
	if _, err := cursor.Positions(cursor.Plain, long+"~"+long); err == nil {
		t.Error("an id that names a stream twice is read as one that is whole")
	}
}

// Nothing that can be read, too much, or too many: the place is lost in all, and so the
// reset names none.
func TestWholeIDIsInvalidOnlyWithoutAnythingToRead(t *testing.T) {
	r := newRig(t, 1, orders, stock)
	for _, id := range []string{
		"x", "~", "orders@x~stock@y", "orders@ep0:0~orders@ep0:0", "orders@", "=~@",
		strings.Join(append(cursorSegments(cursor.MaxSegments), "orders@ep0:0"), "~"), cursorOfLength(cursor.MaxID + 1),
	} {
		if segments, err := cursor.Read(cursor.Plain, id); !errors.Is(err, cursor.ErrInvalid) || segments != nil {
			t.Errorf("%.40s: %v, %v", id, segments, err)
		}
		r.open(Request{Cursor: id, From: From{Kind: FromEarliest}}).begins(OutcomeReset, "reset invalid").gets()
	}
	full := strings.Join(append(cursorSegments(cursor.MaxSegments-1), "orders@ep0:0"), "~")
	r.open(Request{Streams: []int{0}, Cursor: full}).begins(OutcomeResumed)
}

// A segment that is too long to carry loses its place, and that is said, too.
func TestSegmentTooLongToCarryIsSaid(t *testing.T) {
	r := newRig(t, 3, orders, stock)
	r.tell(1, 0, "alice", "old")
	fits := "stock@x:1" + strings.Repeat(".1", (cursor.MaxID-200)/2)
	id := fits + strings.Repeat(".1", 70) + "~orders@ep0:0.0.0"
	if len(id) > cursor.MaxID {
		t.Fatalf("the test's own id has %d characters", len(id))
	}
	p := r.open(Request{Streams: []int{0}, Cursor: id}).begins(OutcomeResumed)
	if p.id != "orders@ep0:0.0.0~stock@-:" {
		t.Errorf("the id is %.60s", p.id)
	}
	r.resume(p.id).begins(OutcomeReset, "reset invalid stock").gets()
	if p := r.open(Request{Streams: []int{0}, Cursor: fits + "~orders@ep0:0.0.0"}); !strings.HasSuffix(p.id, "~"+fits) {
		t.Errorf("what fits was not carried: %.60s", p.id)
	}
}

// What is carried in the form of before is written in today's, and so can still be read
// when that one no longer is.
func TestCarriedSegmentIsWrittenInTodaysForm(t *testing.T) {
	r := newRig(t, 1, orders, stock)
	for before, want := range map[string]string{
		"stock@old:_kgjmBxE*abc_-9": "stock@old:_.A0CSCOYHEQ*abc_-9",
		"gone@old:_":                "gone@old:",
		"gone@old:5-3.6-3":          "gone@old:5-3.6",
	} {
		if p := r.open(Request{Streams: []int{0}, Cursor: before + "~orders@ep0:0"}); p.id != "orders@ep0:0~"+want {
			t.Errorf("%s: the id is %s, want %s carried", before, p.id, want)
		}
	}
}

// sealedGateway is a hub with sealed ids that has two streams of three events each for u.
func sealedGateway(t *testing.T, ids cursor.Codec) (open func(cursor string, streams ...int) (id string, o Opening, events int)) {
	h := NewHub(Config{IDs: ids, Streams: []Spec{{Name: "orders", Replay: time.Hour}, {Name: "stock", Replay: time.Hour}}})
	t.Cleanup(h.Close)
	for i := range 2 {
		h.Begin(i, "e", []int64{0})
		h.SetWarm(i)
		for o := range int64(3) {
			h.Publish(i, []Event{{Offset: o, Users: [][]byte{[]byte("u")}, Data: []byte("x")}})
		}
	}
	waker := h.AddWaker(noWaker{})
	return func(cursor string, streams ...int) (string, Opening, int) {
		s, o, err := h.Open(t.Context(), Request{Streams: streams, User: "u", Cursor: cursor, Waker: waker})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		var b Batch
		for s.Pull(&b, 1<<20) == More {
		}
		return string(s.AppendID(nil)), o, b.Events
	}
}

// A carried segment is sealed anew, with the key of today: an id outlives no key but
// those it was away for.
func TestCarriedSegmentIsSealedWithTodaysKey(t *testing.T) {
	a := sealer(t, "a")
	id := string(a.Append(nil, cursor.Segment{Stream: "orders", Epoch: "e", Offsets: []int64{1}, Leaders: []int32{4}}, false)) + "~" +
		string(a.Append(nil, cursor.Segment{Stream: "stock", Epoch: "e", Offsets: []int64{2}, Leaders: []int32{7}}, false))
	both := sealedGateway(t, sealer(t, "b", "a"))
	id, o, events := both(id, 0)
	if o.Outcome != OutcomeResumed || events != 2 {
		t.Errorf("%+v, %d events", o, events)
	}
	places, err := cursor.Positions(sealer(t, "b"), id)
	if err != nil || len(places) != 2 || !slices.Equal(places[1].Offsets, []int64{2}) || !slices.Equal(places[1].Leaders, []int32{7}) {
		t.Errorf("by the new key alone it is %+v, %v", places, err)
	}
	after := sealedGateway(t, sealer(t, "b"))
	if _, o, events := after(id, 0, 1); o.Outcome != OutcomeResumed || events != 1 {
		t.Errorf("once the old key is gone: %+v, %d events", o, events)
	}
}

// A key is dropped, or a gateway begins or ceases to seal, while a page is away with one
// segment of each kind.
func TestSegmentsOfAnotherSealingCostOnlyThemselves(t *testing.T) {
	old, now := sealer(t, "old"), sealer(t, "now")
	segment := func(ids cursor.Codec, name string) string {
		return string(ids.Append(nil, cursor.Segment{Stream: name, Epoch: "e", Offsets: []int64{1}}, false))
	}
	for _, tt := range []struct {
		name             string
		ids, written, by cursor.Codec
	}{
		{"a key that is gone", now, now, old},
		{"plain, and now sealed", now, now, cursor.Plain},
		{"sealed, and now plain", cursor.Plain, cursor.Plain, old},
	} {
		open := sealedGateway(t, tt.ids)
		id := segment(tt.by, "stock") + "~" + segment(tt.written, "orders")
		_, o, events := open(id, 0, 1)
		if events != 2 || o.Outcome != OutcomeReset || len(o.Resets) != 1 || o.Resets[0].Reason != ReasonInvalid || o.Resets[0].Stream != "stock" {
			t.Errorf("%s: %+v, %d events", tt.name, o, events)
		}
		carried, o, events := open(id, 0)
		if events != 2 || o.Outcome != OutcomeResumed {
			t.Errorf("%s, carried: %+v, %d events", tt.name, o, events)
		}
		if _, err := cursor.Positions(tt.ids, carried); err != nil {
			t.Errorf("%s, carried: %s: %v", tt.name, carried, err)
		}
		if _, o, _ := open(carried, 0, 1); len(o.Resets) != 1 || o.Resets[0].Stream != "stock" {
			t.Errorf("%s, then read: %+v", tt.name, o)
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
