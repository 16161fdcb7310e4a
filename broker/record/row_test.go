package record

import (
	"bytes"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/stream"
)

// told is what a change tells whom, in lines.
func told(refused Refusal, ev *stream.Event) string {
	text := refused.String() + ": "
	if !ev.Hidden {
		text += shown(ev)
	}
	if ev.Tombstone {
		text += " (gone)"
	}
	if len(ev.FormerData) > 0 {
		who := string(bytes.Join(ev.Former, []byte("+")))
		if ev.FormerFromState {
			who += "?"
		}
		text += " | " + who + " " + string(ev.FormerSubject) + " " + string(ev.FormerData)
	}
	return text
}

func TestRows(t *testing.T) {
	byRow := Rules{User: "value:user_id", Subject: "value:id", Event: "value:st", Unwrap: Debezium}
	byKey := Rules{User: "value:user_id", Subject: "key:id", Unwrap: Debezium, Filter: `.st != "draft"`, Drop: []string{"user_id"}}
	const key = `{"schema":{"type":"struct"},"payload":{"id":1}}`
	change := func(op, before, after string) string {
		return `{"schema":null,"payload":{"before":` + before + `,"after":` + after + `,"op":"` + op + `"}}`
	}
	const (
		draft = `{"id":1,"user_id":7,"st":"draft"}`
		seven = `{"id":1,"user_id":7,"st":"new"}`
		eight = `{"id":1,"user_id":8,"st":"moved"}`
		both  = `{"id":1,"user_id":[7,8],"st":"shared"}`
		bare  = `{"id":1,"user_id":null,"st":null}`
	)
	for _, tt := range []struct {
		name  string
		rules Rules
		value string // "": a tombstone
		want  string
	}{
		{"created", byRow, change("c", "null", seven), "none: 7 1 new " + seven},
		{"changed", byRow, change("u", seven, seven), "none: 7 1 new " + seven},
		{"moved", byRow, change("u", seven, eight), "none: 8 1 moved " + eight + ` | 7 1 {"subject":"1","key":"{\"id\":1}","reason":"moved"}`},
		{"shared", byRow, change("u", seven, both), "none: 7+8 1 shared " + both},
		{"no longer shared", byRow, change("u", both, eight), "none: 8 1 moved " + eight + ` | 7 1 {"subject":"1","key":"{\"id\":1}","reason":"moved"}`},
		{"moved to nobody", byRow, change("u", seven, bare), `no_user:  | 7 1 {"subject":"1","key":"{\"id\":1}","reason":"moved"}`},
		{"changed, and nothing said of before", byRow, change("u", "null", eight), "none: 8 1 moved " + eight + ` | ?  {"subject":null,"key":"{\"id\":1}","reason":"moved"}`},
		{"deleted", byRow, change("d", seven, "null"), `none: 7 1 delete {"subject":"1","key":"{\"id\":1}"} (gone)`},
		{"deleted, and nothing said", byKey, change("d", "null", "null"), `former_user_unknown:  (gone) | ? 1 {"subject":"1","key":"{\"id\":1}"}`},
		{"deleted, and only the key said", byKey, change("d", bare, "null"), `former_user_unknown:  (gone) | ? 1 {"subject":"1","key":"{\"id\":1}"}`},
		{"a tombstone", byRow, "", "no_change:  (gone)"},
		{"a truncation", byRow, `{"op":"t"}`, "no_change: "},
		{"no change at all", byRow, seven, "decode_error: "},
		{"shaped", byKey, change("c", "null", seven), `none: 7 1  {"id":1,"st":"new"}`},
		{"a draft", byKey, change("c", "null", draft), "filtered: "},
		{"a draft that moves", byKey, change("u", draft, eight), `none: 8 1  {"id":1,"st":"moved"}`},
		{"a draft that is deleted", byKey, change("d", draft, "null"), "filtered:  (gone)"},
		{"it becomes a draft of another", byKey, change("u", eight, draft), `filtered:  | 8 1 {"subject":"1","key":"{\"id\":1}","reason":"moved"}`},
		{"everyone's", Rules{Audience: stream.AudienceEveryone, Subject: "value:id", Unwrap: Debezium}, change("u", seven, eight), "none:  1  " + eight},
		{"the user is in the key", Rules{User: "key:id", Unwrap: Debezium}, change("u", seven, eight), "none: 1   " + eight},
		{"wrapped", Rules{User: "value:user_id", Unwrap: Debezium, Envelope: "cloudevents", Names: Names{"s", "t"}, IDs: byRow.IDs}, change("u", seven, eight), `none: 8   {"specversion":"1.0","id":"t/0/0","source":"/streams/s","type":"s","time":"1970-01-01T00:00:00.000Z","datacontenttype":"application/json","data":` + eight + `} | 7  {"specversion":"1.0","id":"t/0/0","source":"/streams/s","type":"delete","time":"1970-01-01T00:00:00.000Z","datacontenttype":"application/json","data":{"subject":null,"key":"{\"id\":1}","reason":"moved"}}`},
	} {
		rec := &kgo.Record{Key: []byte(key), Value: []byte(tt.value)}
		if tt.value == "" {
			rec.Value = nil
		}
		var ev stream.Event
		refused := newDecoder(t, tt.rules).Decode(rec, &ev)
		if got := told(refused, &ev); got != tt.want {
			t.Errorf("%s: %s\nwant %s", tt.name, got, tt.want)
		}
		if ev.Hidden == refused.Delivers() || !bytes.Equal(ev.Key, rec.Key) {
			t.Errorf("%s: %+v", tt.name, ev)
		}
	}
}
