package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/stream"
)

// numbers is a JSON array of the numbers from 0 to n-1.
func numbers(n int) string {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	text, _ := json.Marshal(all)
	return string(text)
}

func TestDecode(t *testing.T) {
	long := strings.Repeat("x", maxUserSize+1)
	byKey := Rules{User: "key", Subject: "value:orderId", Event: "value:type"}
	byValue := Rules{User: "value:user", Subject: "value:id"}
	header := func(k, v string) []kgo.RecordHeader { return []kgo.RecordHeader{{Key: k, Value: []byte(v)}} }
	for _, tt := range []struct {
		name    string
		cfg     Rules
		rec     kgo.Record
		users   string // joined by a space
		subject string
		event   string
		data    string // "" : the value
		refused Refusal
	}{
		{"an order", byKey, kgo.Record{Key: []byte("alice"), Value: []byte(`{"orderId":"o-77","type":"order.confirmed"}`)}, "alice", "o-77", "order.confirmed", "", 0},
		{"bytes are bytes", Rules{User: "key"}, kgo.Record{Key: []byte("\xff\x00"), Value: []byte("any")}, "\xff\x00", "", "", "", 0},
		{"no key", Rules{User: "key"}, kgo.Record{Value: []byte("x")}, "", "", "", "", NoUser},
		{"an empty key", Rules{User: "key"}, kgo.Record{Key: []byte{}, Value: []byte("x")}, "", "", "", "", NoUser},
		{"1,024 bytes are a user", Rules{User: "key"}, kgo.Record{Key: []byte(long[1:]), Value: []byte("x")}, long[1:], "", "", "", 0},
		{"1,025 are not", Rules{User: "key"}, kgo.Record{Key: []byte(long), Value: []byte("x")}, "", "", "", "", UserTooLong},
		{"header", Rules{User: "header:u"}, kgo.Record{Headers: header("u", "bob"), Value: []byte("x")}, "bob", "", "", "", 0},
		{"no header", Rules{User: "header:u"}, kgo.Record{Headers: header("v", "bob"), Value: []byte("x")}, "", "", "", "", NoUser},
		{"JSON key", Rules{User: "key:user.id"}, kgo.Record{Key: []byte(`{"user":{"id":7}}`), Value: []byte("x")}, "7", "", "", "", 0},
		{"a key that is no JSON", Rules{User: "key:user"}, kgo.Record{Key: []byte(`u`), Value: []byte("x")}, "", "", "", "", BadJSON},
		{"a value that is no JSON", byValue, kgo.Record{Value: []byte(`user=7`)}, "", "", "", "", BadJSON},
		{"an empty value is no tombstone", byValue, kgo.Record{Value: []byte{}}, "", "", "", "", BadJSON},
		{"buyer and seller", byValue, kgo.Record{Value: []byte(`{"user":["a","b","a",7,7],"id":3}`)}, "a b 7", "3", "", "", 0},
		{"elements that name nobody", byValue, kgo.Record{Value: []byte(`{"user":[null,true,"",{},["c"],"a"],"id":"s"}`)}, "a", "s", "", "", 0},
		{"an array of nobody", byValue, kgo.Record{Value: []byte(`{"user":[null,[]]}`)}, "", "", "", "", NoUser},
		{"one user too long is left out", byValue, kgo.Record{Value: []byte(`{"user":["` + long + `","a"],"id":"s"}`)}, "a", "s", "", "", UserLeftOut},
		{"all users too long", byValue, kgo.Record{Value: []byte(`{"user":["` + long + `"]}`)}, "", "", "", "", UserTooLong},
		{"100 users", byValue, kgo.Record{Value: []byte(`{"id":"s","user":` + numbers(100) + `}`)}, strings.Trim(strings.ReplaceAll(numbers(100), ",", " "), "[]"), "s", "", "", 0},
		{"101 users", byValue, kgo.Record{Value: []byte(`{"id":"s","user":` + numbers(101) + `}`)}, "", "", "", "", TooManyUsers},
		{"no subject, and still an event", byKey, kgo.Record{Key: []byte("a"), Value: []byte(`{}`)}, "a", "", "", "", NoSubject},
		{"not JSON, and still an event", byKey, kgo.Record{Key: []byte("a"), Value: []byte(`hello`)}, "a", "", "", "", NoSubject},
		{"a subject of several", byKey, kgo.Record{Key: []byte("a"), Value: []byte(`{"orderId":["o"]}`)}, "a", "", "", "", NoSubject},
		{"a name of the browser's", byKey, kgo.Record{Key: []byte("a"), Value: []byte(`{"orderId":"o","type":"error"}`)}, "a", "o", "", "", EventNameRefused},
		{"a name of the gateway's", byKey, kgo.Record{Key: []byte("a"), Value: []byte(`{"orderId":"o","type":"sluice.reset"}`)}, "a", "o", "", "", EventNameRefused},
		{"two things wrong", byKey, kgo.Record{Key: []byte("a"), Value: []byte(`{"type":"open"}`)}, "a", "", "", "", EventNameRefused | NoSubject},
		{"an empty name is none", byKey, kgo.Record{Key: []byte("a"), Value: []byte(`{"orderId":"o","type":""}`)}, "a", "o", "", "", 0},
		{"everyone needs no user", Rules{Audience: stream.AudienceEveryone}, kgo.Record{Value: []byte("x")}, "", "", "", "", 0},
		{"tombstone by key", byKey, kgo.Record{Key: []byte("a")}, "a", "", "delete", `{"subject":null,"key":"a"}`, 0},
		{"tombstone with a subject", Rules{User: "header:u", Subject: "key"}, kgo.Record{Key: []byte("o-7"), Headers: header("u", "a")}, "a", "o-7", "delete", `{"subject":"o-7","key":"o-7"}`, 0},
		{"tombstone by JSON key", Rules{User: "key:u"}, kgo.Record{Key: []byte(`{"u":"a"}`)}, "a", "", "delete", `{"subject":null,"key":"{\"u\":\"a\"}"}`, 0},
		{"tombstone with a strange key", Rules{User: "header:u"}, kgo.Record{Key: []byte("\xff\"\n"), Headers: header("u", "a")}, "a", "", "delete", "{\"subject\":null,\"key\":\"\ufffd\\\"\\n\"}", 0},
		{"tombstone without key", Rules{Audience: stream.AudienceEveryone}, kgo.Record{}, "", "", "delete", `{"subject":null,"key":null}`, 0},
		{"tombstone by value", byValue, kgo.Record{Key: []byte("a")}, "", "", "", "", TombstoneNoUser},
	} {
		d, err := NewDecoder(tt.cfg)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		tt.rec.Partition, tt.rec.Offset, tt.rec.Timestamp = 3, 42, time.UnixMilli(1234)
		ev := stream.Event{Users: [][]byte{[]byte("someone"), []byte("else")}, Subject: []byte("old"), Name: "old"} // as the record before left it
		refused := d.Decode(&tt.rec, &ev)
		if refused != tt.refused {
			t.Errorf("%s: refused %v; want %v", tt.name, refused, tt.refused)
		}
		if ev.Partition != 3 || ev.Offset != 42 || ev.Timestamp != 1234 {
			t.Errorf("%s: place %d@%d, time %d", tt.name, ev.Partition, ev.Offset, ev.Timestamp)
		}
		if !refused.Delivers() {
			continue
		}
		if tt.data == "" {
			tt.data = string(tt.rec.Value)
		}
		got := [4]string{string(bytes.Join(ev.Users, []byte(" "))), string(ev.Subject), ev.Name, string(ev.Data)}
		if want := [4]string{tt.users, tt.subject, tt.event, tt.data}; got != want {
			t.Errorf("%s: users, subject, name, data %q; want %q", tt.name, got, want)
		}
	}
}

func TestNewDecoderNamesTheKey(t *testing.T) {
	for key, cfg := range map[string]Rules{
		"user: is missing": {},
		"user: \"k\"":      {User: "k"},
		"subject: ":        {User: "key", Subject: "value:"},
		"event: ":          {User: "key", Event: "header:"},
	} {
		if _, err := NewDecoder(cfg); err == nil || !strings.HasPrefix(err.Error(), key) {
			t.Errorf("NewDecoder(%+v) = %v; want %s…", cfg, err, key)
		}
	}
}

func TestDecodeByKeyAllocatesNothing(t *testing.T) {
	d, err := NewDecoder(Rules{User: "key", Event: "header:type"})
	if err != nil {
		t.Fatal(err)
	}
	rec := &kgo.Record{Key: []byte("alice"), Value: []byte(`{"orderId":"o-77"}`), Headers: []kgo.RecordHeader{{Key: "type", Value: []byte("order.confirmed")}}}
	var ev stream.Event
	if n := testing.AllocsPerRun(100, func() { d.Decode(rec, &ev) }); n != 0 {
		t.Errorf("%v allocations a record; want 0", n)
	}
	if ev.Name != "order.confirmed" || string(ev.Users[0]) != "alice" {
		t.Errorf("event %+v", ev)
	}
}

func TestDecoderForgetsNoNameAndRemembersFew(t *testing.T) {
	d, err := NewDecoder(Rules{User: "key", Event: "value:t"})
	if err != nil {
		t.Fatal(err)
	}
	var ev stream.Event
	for i := range 2 * maxNames {
		name := fmt.Sprintf("n%d", i)
		d.Decode(&kgo.Record{Key: []byte("a"), Value: []byte(`{"t":"` + name + `"}`)}, &ev)
		if ev.Name != name {
			t.Fatalf("name %q; want %q", ev.Name, name)
		}
	}
	if len(d.names) > maxNames {
		t.Errorf("%d names remembered; want at most %d", len(d.names), maxNames)
	}
}

func TestExplain(t *testing.T) {
	cfg := Rules{User: "value:u", Subject: "value:id"}
	e, err := Explain(t.Context(), cfg, &kgo.Record{Value: []byte(`{"u":["a","b"]}`)})
	if err != nil || !e.Delivered || !slices.Equal(e.Users, []string{"a", "b"}) || !slices.Equal(e.Refusals, []Refusal{NoSubject}) {
		t.Errorf("Explain = %+v, %v", e, err)
	}
	e, err = Explain(t.Context(), cfg, &kgo.Record{Key: []byte("k")})
	if err != nil || e.Delivered || !slices.Equal(e.Refusals, []Refusal{TombstoneNoUser}) {
		t.Errorf("Explain of a tombstone = %+v, %v", e, err)
	}
}

func TestRefusalsHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Refusals() {
		if r.String() == "" || r.Text() == "" || seen[r.String()] {
			t.Errorf("refusal %d: label %q, text %q", r, r.String(), r.Text())
		}
		seen[r.String()] = true
	}
}

// FuzzDecode: no record breaks the decoder, and what comes out keeps the
// hub's bounds.
func FuzzDecode(f *testing.F) {
	f.Add("value:u", "value:id", "value:t", []byte("k"), []byte(`{"u":["a",1],"id":"s","t":"x"}`), false)
	f.Add("key:a.0", "key", "header:h", []byte(`{"a":["u"]}`), []byte(`[[[`), true)
	f.Add("header:h", "header:h", "key", []byte("\xff"), []byte(`"\ud800"`), true)
	f.Fuzz(func(t *testing.T, user, subject, event string, key, value []byte, tombstone bool) {
		d, err := NewDecoder(Rules{User: user, Subject: subject, Event: event})
		if err != nil {
			return
		}
		rec := &kgo.Record{Key: key, Value: value, Headers: []kgo.RecordHeader{{Key: "h", Value: value}}}
		if tombstone {
			rec.Value = nil
		}
		var ev stream.Event
		if !d.Decode(rec, &ev).Delivers() {
			return
		}
		if len(ev.Users) == 0 || len(ev.Users) > maxUsers {
			t.Fatalf("%d users", len(ev.Users))
		}
		for i, u := range ev.Users {
			if len(u) == 0 || len(u) > maxUserSize || contains(ev.Users[:i], u) {
				t.Fatalf("user %q of %q", u, ev.Users)
			}
		}
		if tombstone && (ev.Name != "delete" || !json.Valid(ev.Data) || !utf8.Valid(ev.Data)) {
			t.Fatalf("tombstone is %q %q", ev.Name, ev.Data)
		}
	})
}
