package check

import (
	"strings"
	"testing"
)

const shaped = `kafka: {brokers: ["localhost:9"]}
auth: none
listen: 127.0.0.1:0
streams:
  seen:
    topic: t
    user: key
    key_decode: json
    subject: value:id
    filter: '.status != "draft"'
    transform: |
      {id,
       status}
    deprecated: {since: 2026-11-01, sunset: 2127-05-01, successor: rows}
  rows: {topic: r, user: value:user_id, subject: value:id, unwrap: debezium, key_decode: json, drop: [cost]}
  avro: {topic: a, user: value:u, decode: {avro: {file: o.avsc}}}
`

// check --record says what each step makes of a record, or which one it fails at.
func TestTheStepsOfARecordAreExplained(t *testing.T) {
	files := map[string]string{
		"o.avsc": `{"type":"record","name":"o","fields":[{"name":"u","type":"string"},{"name":"n","type":"long"}]}`,
		"o.bin":  "\x0aalice\x54",
	}
	for _, tt := range []struct {
		name string
		line []string
		want string
	}{
		{"shown", []string{`key="alice"`, `value={"id":7,"status":"paid","cost":1}`, "stream=seen"}, `
seen: "alice" would get it
  because  user: key
  subject  "7" (subject: value:id)
  key      "alice"
  filter   passes
  shape    {"id":7,"status":"paid"}
  on the wire, after its id:
    data: {"id":7,"status":"paid"}`},
		{"filtered", []string{`key="alice"`, `value={"status":"draft"}`, "stream=seen"}, `
seen: nobody would get it
  because  filtered by streams.seen.filter: it returns false, null or nothing
  key      "alice"`},
		{"a program that fails", []string{`key="alice"`, `value=[7]`, "stream=seen"}, `
seen: nobody would get it
  because  its filter or its shape failed
  error    filter: the program failed: it finds no object where it needs one
  key      "alice"`},
		{"a key that isn't one", []string{"key=alice", `value={}`, "stream=seen"}, `
seen: nobody would get it
  because  its key can't be decoded
  error    the key is not JSON`},
		{"a row that moves", []string{`key={"id":1}`, `value={"before":{"id":1,"user_id":7,"cost":1},"after":{"id":1,"user_id":8,"cost":2},"op":"u"}`, "stream=rows"}, `
rows: "8" would get it
  because  user: value:user_id
  subject  "1" (subject: value:id)
  key      {"id":1}
  unwrap   {"id":1,"user_id":8,"cost":2}
  shape    {"id":1,"user_id":8}
  on the wire, after its id:
    data: {"id":1,"user_id":8}
  "7" had it, and would get:
    event: delete
    data: {"subject":"1","key":"{\"id\":1}","reason":"moved"}`},
		{"Avro", []string{"value=@o.bin", "stream=avro"}, `
avro: "alice" would get it
  because  user: value:u
  decode   {"u":"alice","n":42}
  on the wire, after its id:
    data: {"u":"alice","n":42}`},
		{"no Avro", []string{`value={"u":"alice"}`, "stream=avro"}, `
avro: nobody would get it
  because  its value can't be decoded
  error    its Avro value ends too early`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inDir(t, shaped, files)
			status, stdout, stderr := runCheck(t, append([]string{"--record"}, tt.line...)...)
			if status != 0 {
				t.Errorf("status %d, stderr %s", status, stderr)
			}
			golden(t, "stdout", stdout, tt.want)
		})
	}
}

func TestAShapeIsDescribed(t *testing.T) {
	inDir(t, shaped, map[string]string{"o.avsc": `"string"`})
	_, stdout, _ := runCheck(t, "--offline")
	for _, want := range []string{"  filter   .status != \"draft\"\n", "  shape    {id,\n            status}\n", "  drop     cost\n", "  value    avro, by the schema in ", "  old      Deprecated since 2026-11-01. It may be gone from 2127-05-01 on. Read rows instead.\n"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("it doesn't say %q:\n%s", want, stdout)
		}
	}
}
