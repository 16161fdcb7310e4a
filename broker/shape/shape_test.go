package shape

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func newShape(t testing.TB, c Config) *Shape {
	t.Helper()
	if c.Max == 0 {
		c.Max = 1 << 20
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestApply(t *testing.T) {
	const doc = `{"id":9007199254740993,"price":1.50,"status":"paid","customer":{"id":"alice","mail":"a@x"}}`
	for _, tt := range []struct {
		name string
		cfg  Config
		doc  string
		want string // what comes out; or one of "filtered" and "failed: …"
	}{
		{"a filter that passes leaves the text as it is", Config{Filter: `.status != "draft"`}, ` {"a": 1.0 }`, ` {"a": 1.0 }`},
		{"a filter that doesn't", Config{Filter: `.status != "paid"`}, doc, "filtered"},
		{"null is no", Config{Filter: `.nothing`}, doc, "filtered"},
		{"no output is no", Config{Filter: `empty`}, doc, "filtered"},
		{"zero is yes", Config{Filter: `0`}, `{}`, `{}`},
		{"a filter of two minds", Config{Filter: `true,false`}, doc, "failed: filter: the program has more than one output"},
		{"a filter before the shape", Config{Filter: `.customer.mail == "a@x"`, Drop: []string{"customer"}}, doc, `{"id":9007199254740993,"price":1.50,"status":"paid"}`},
		{"numbers keep their digits", Config{Transform: `{id, price, s: "<&\u2028>"}`}, doc, `{"id":9007199254740993,"price":1.50,"s":"<&` + "\u2028" + `>"}`},
		{"numbers of any size", Config{Transform: `[.[], (.[0]|.+1)]`}, `[123456789012345678901234567890, 1e400, -0.0]`, `[123456789012345678901234567890,1e400,-0.0,123456789012345678901234567891]`},
		{"what JSON has no number for", Config{Transform: `[infinite, nan, 1e300*1e300]`}, `{}`, `[null,null,null]`},
		{"no output drops", Config{Transform: `select(.status == "draft")`}, doc, "empty"},
		{"two outputs", Config{Transform: `.id, .price`}, doc, "failed: transform: the program has more than one output"},
		{"null is a shape", Config{Transform: `.nothing`}, doc, `null`},
		{"an error", Config{Transform: `.customer.mail | error`}, doc, "failed: transform: the program ends with error(…)"},
		{"a type error", Config{Transform: `.customer.mail.x`}, doc, "failed: transform: the program failed: it finds no object where it needs one"},
		{"an operator's", Config{Transform: `.customer.mail - 1`}, doc, "failed: transform: the program failed: an operator can't take what it is given"},
		{"keep", Config{Keep: []string{"id", "customer.id"}}, doc, `{"id":9007199254740993,"customer":{"id":"alice"}}`},
		{"drop", Config{Drop: []string{"customer.mail", "price"}}, doc, `{"id":9007199254740993,"status":"paid","customer":{"id":"alice"}}`},
		{"both", Config{Keep: []string{"customer"}, Drop: []string{"customer.mail"}}, doc, `{"customer":{"id":"alice"}}`},
		{"keep of no fields", Config{Keep: []string{"id"}}, `7`, "failed: keep: it is neither an object nor an array"},
		{"no JSON", Config{Filter: `true`}, `{"a"`, "failed: it isn't JSON"},
		{"two values", Config{Filter: `true`}, `1 2`, "failed: it isn't JSON"},
		{"no JSON to drop from", Config{Drop: []string{"a"}}, `a`, "failed: it isn't JSON"},
		{"a loop", Config{Transform: `def f: f; f`}, doc, "failed: transform: the program takes more than"},
		{"a loop without an end", Config{Transform: `[repeat(1)]`}, doc, "failed: transform: the program takes more than"},
		{"a loop of the record's", Config{Transform: `[range(.id)] | length`}, doc, "failed: transform: the program takes more than"},
		{"a recursion", Config{Transform: `def f: [f]; f`}, doc, "failed: transform: the program takes more than"},
		{"a filter that loops", Config{Filter: `[range(.id)] | length > 0`}, doc, "failed: filter: the program takes more than"},
		{"it grows", Config{Transform: `reduce range(30) as $i ("x"; [.,.])`}, doc, "failed: transform: what the program returns is larger than max_record_bytes"},
		{"it nests", Config{Transform: `reduce range(2000) as $i ("x"; [.])`}, doc, "failed: transform: what the program returns nests too deep"},
		{"a long text", Config{Transform: `"x" * 3000000`}, doc, "failed: transform: the program failed: it makes a string that is too long"},
		{"a longer one", Config{Transform: `"x" * .id`}, doc, "failed: transform: the program failed: it makes a string that is too long"},
	} {
		out, v, err := newShape(t, tt.cfg).Apply([]byte("before"), []byte(tt.doc))
		got := strings.TrimPrefix(string(out), "before")
		switch v {
		case Filtered:
			got += "filtered"
		case Empty:
			got += "empty"
		case Failed:
			got += fmt.Sprint("failed: ", err)
		}
		if got != tt.want && (!strings.HasPrefix(tt.want, "failed: ") || !strings.HasPrefix(got, tt.want)) {
			t.Errorf("%s: %s; want %s", tt.name, got, tt.want)
		}
		if (err != nil) != (v == Failed) {
			t.Errorf("%s: verdict %d with error %v", tt.name, v, err)
		}
		if strings.Contains(fmt.Sprint(err), "a@x") {
			t.Errorf("%s: the error quotes the record: %v", tt.name, err)
		}
	}
}

// Logs and decisions show the errors, and may not show what a stream drops. jq's own
// errors quote values.
func TestErrorsQuoteNoValue(t *testing.T) {
	const secret = "s3cr3t"
	doc := []byte(`{"a":"` + secret + `","o":{"` + secret + `":1},"l":["` + secret + `"],"n":-1}`)
	for _, program := range []string{
		`error`, `.a|error`, `.o|error`, `error(null)`, `error({x: .a})`, `.a.x`, `.a[0]`, `.a[]`, `.o[0]`, `.l.x`, `.a|keys`, `.a|tonumber`, `.a|fromjson`, `.a|implode`, `.l|implode`, `.a+1`, `.a-1`, `.o-.a`, `.a/.o`,
		`.o*.l`, `-(.a)`, `.a|@base64d|.x`, `.a|test("(")`, `.a as $x|"b"|test("(" + $x)`, `"x"|sub("x"; .a.b)`, `.a|strptime("%Y")`, `.a|mktime`, `.a|todate`, `.a|has("x")`, `.o|has(0)`, `.l|has("x")`, `.a|setpath(["x"]; 1)`,
		`getpath(["a", "b"])`, `delpaths([["a", "b"]])`, `.a|to_entries`, `.l|from_entries`, `.a|join(",")`, `.a|min_by(.)`, `.a|group_by(.)`, `.a|sort`, `.a|flatten`, `.l|flatten(-1)`, `.a|@csv`, `[.o]|@csv`, `[.o]|@sh`, `[.o]|@tsv`,
		`.a|ltrimstr(1)|.x`, `.a|splits(1)`, `.a|ascii(1)`, `.a|ascii_downcase|.x`, `.n|ascii_downcase`, `.a|explode|.x`, `.a|indices(1)`, `.a|tojson|fromjson|.x`, `. as [$x]|$x`, `.a as {x: $x}|$x`, `{(.o): 1}`, `{(.l[0]): 1}|.[.a]|.x`,
		`.a|limit(-1; .)`, `.a|pick(.x)`, `.a|paths`, `.a|add`, `.a|any`, `.a|transpose`, `.a|significand`, `.a|splits("(")`, `.a|ltrimstr("s3")|.x`, `.o|.[.a]`, `try error(.a) catch error`, `label $f|.a|error`, `.a|@uri|.x`, `reduce .a[] as $x (0; .)`,
		`.a|trim|.x`, `.a|abs`, `.a|toarray|.x`, `.a|have_literal_numbers`, `.a|getpath(["x"])`, `.o|getpath([0])`, `.a|tojson|.[0]`, `.a|.[1:] = 1`, `.a|contains(1)`, `.o|inside(.a)`, `.a|@json|error`, `.a|ascii`, `.a|nth(-1; .[])`,
	} {
		for _, c := range []Config{{Transform: program}, {Filter: program}} {
			s, err := New(c)
			if err != nil {
				continue // jq has no such function
			}
			if _, v, err := s.Apply(nil, doc); v == Failed && strings.Contains(err.Error(), secret) {
				t.Errorf("%s: %v", program, err)
			}
		}
	}
	p := newShape(t, Config{Transform: `.a`}).transform
	p.code = nil // an interpreter that panics
	if _, _, err := p.run(map[string]any{"a": secret}); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("a panic: %v", err)
	}
}

// A program that takes long may have met a busy machine, so it has a second try; its
// steps are counted, and are the same everywhere.
func TestStepsAreCountedAndNotTimed(t *testing.T) {
	p, err := newProgram(`[range(20000)] | length`, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	b := newBudget(1<<20, new(patterns))
	b.start = time.Now().Add(time.Hour)
	if v, _ := p.code.RunWithContext(b, nil, b).Next(); v != 20000 || b.steps < 20000 {
		t.Errorf("%v after %d steps", v, b.steps)
	}
	b = newBudget(1<<20, new(patterns))
	b.start = time.Now().Add(-time.Hour)
	if v, _ := p.code.RunWithContext(b, nil, b).Next(); v != errTime {
		t.Errorf("after an hour: %v", v)
	}
	b = newBudget(1<<20, new(patterns))
	b.start = time.Now().Add(time.Hour)
	b.steps = maxSteps - 1000
	if v, _ := p.code.RunWithContext(b, nil, b).Next(); v != errSteps {
		t.Errorf("after all its steps: %v", v)
	}
}

func TestImpureProgramsAreRefusedByName(t *testing.T) {
	for program, want := range map[string]string{
		`now`: "now", `{at: now}`: "now", `.a | if now > 1 then 1 else 2 end`: "now", `"\(now)"`: "now", `.[now]`: "now", `.[:now]`: "now", `try now catch .`: "now",
		`reduce .[] as $x (now; .)`: "now", `foreach .[] as $x (0; now; .)`: "now", `label $f | now`: "now", `def f: now; f`: "now", `-now`: "now", `[now]`: "now",
		`. as {a: $x} | now`: "now", `{(now): 1}`: "now", `{"\(now)": 1}`: "now", `map(select(.a == now))`: "now", `@json "\(now)"`: "now", `. as {(now): $x} | 1`: "now", `.a.b[now]?`: "now",
		`env`: "env", `$ENV.PATH`: "$ENV", `{$ENV}`: "$ENV", `env.PATH`: "env", `input`: "input", `[inputs]`: "inputs", `halt`: "halt", `halt_error`: "halt_error", `"x" | halt_error(1)`: "halt_error",
		`import "a" as a; .`: "modules", `include "a"; .`: "modules", `modulemeta`: "modulemeta", `debug`: "debug", `input_line_number`: "input_line_number", `localtime`: "localtime", `strflocaltime("%H")`: "strflocaltime", `get_search_list`: "get_search_list",
	} {
		_, err := New(Config{Transform: program})
		if err == nil || !strings.HasPrefix(err.Error(), "transform: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", program, err, want)
		}
	}
	for _, program := range []string{`.now`, `{now: 1}`, `"now"`, `.env.input`, `{"halt": .halt}`, `gmtime`, `todate`} {
		if _, err := New(Config{Filter: program}); err != nil {
			t.Errorf("%s: %v", program, err)
		}
	}
}

func TestNewNamesTheKey(t *testing.T) {
	for want, c := range map[string]Config{
		"filter: is not jq":           {Filter: `.a ==`},
		"transform: is not jq":        {Transform: `nothing(1)`},
		"transform: goes with":        {Transform: `.`, Keep: []string{"a"}},
		`keep: "a." has an empty`:     {Keep: []string{"a."}},
		`drop: "" has no path`:        {Drop: []string{""}},
		"transform: has more than":    {Transform: strings.Repeat(" ", maxProgram) + "."},
		"filter: is not jq: variable": {Filter: `$key`},
	} {
		if _, err := New(c); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v; want %s", err, want)
		}
	}
	if s, err := New(Config{Max: 5}); s != nil || err != nil {
		t.Errorf("nothing to do: %v, %v", s, err)
	}
}

func TestAdvice(t *testing.T) {
	for program, want := range map[string]string{
		`[range(.n)]`: "range", `[range(0; .n)]`: "range", `limit(.n; .[])`: "limit", `[repeat(.x)]`: "repeat", `.name * .n`: "*", `"x" * .n`: "*", `.n * "x"`: "*", `.a *= .b`: "*", `combinations(.n)`: "combinations", `"-" * (.n + 1)`: "*",
		`[range(10)]`: "", `[range(0; 10; 2)]`: "", `limit(3; .[])`: "", `.price * 1.2`: "", `1.2 * .price`: "", `(.qty | tonumber) * (.price | tonumber)`: "", `(.a - .b) * .c`: "", `"-" * 20`: "", `[range(length)]`: "", `[range([.n, 100] | min)]`: "", `.a + .b`: "", `. * {a: 1}`: "",
	} {
		got := Advice(program)
		if (len(got) > 0) != (want != "") || len(got) > 0 && !strings.Contains(got[0], want) {
			t.Errorf("%s: %q; want %q", program, got, want)
		}
	}
}

func TestPasses(t *testing.T) {
	s := newShape(t, Config{Filter: `.a`, Transform: `error`})
	for doc, want := range map[string]Verdict{`{"a":1}`: Shown, `{}`: Filtered, `[]`: Failed, `x`: Failed} {
		if v, err := s.Passes([]byte(doc)); v != want || (err != nil) != (v == Failed) {
			t.Errorf("%s: %d, %v; want %d", doc, v, err, want)
		}
	}
	if v, err := newShape(t, Config{Drop: []string{"a"}}).Passes([]byte("x")); v != Shown || err != nil {
		t.Errorf("without a filter: %d, %v", v, err)
	}
}

func TestEnvelopes(t *testing.T) {
	c := Contents{
		Key: []byte("o\"1"), Time: time.UnixMilli(1767355083120), Partition: 3, Offset: 42, Subject: []byte("o-77"), Name: "order.paid", Data: []byte(`{"a":1.0}`), IsJSON: true,
		Header: func(name string) []byte { return map[string][]byte{"traceparent": []byte("00-\xff")}[name] },
	}
	text, bare := c, c
	text.Data, text.IsJSON = []byte("hi\n"), false
	bare.Key, bare.Name, bare.Subject, bare.Time = nil, "", nil, time.UnixMilli(1<<62)
	plain := Envelope{Style: Metadata, Stream: "orders", Topic: "order-topic", Headers: []string{"traceparent", "b3"}}
	sealed := plain
	sealed.ID, sealed.Headers = RecordID{Key: []byte("secret")}, nil
	events, sealedEvents := plain, sealed
	events.Style, sealedEvents.Style = CloudEvents, CloudEvents
	hash := string(sealed.ID.Append(nil, "order-topic", 3, 42))
	if len(hash) != 22 || strings.Contains(hash, "42") {
		t.Errorf("a sealed id is %s", hash)
	}
	for _, tt := range []struct {
		name string
		e    Envelope
		c    Contents
		want string
	}{
		{"metadata", plain, c, `{"key":"o\"1","headers":{"traceparent":"00-` + "\ufffd" + `"},"timestamp":"2026-01-02T11:58:03.120Z","topic":"order-topic","partition":3,"offset":42,"data":{"a":1.0}}`},
		{"metadata, sealed", sealed, c, `{"key":"o\"1","timestamp":"2026-01-02T11:58:03.120Z","data":{"a":1.0}}`},
		{"metadata of a text", sealed, text, `{"key":"o\"1","timestamp":"2026-01-02T11:58:03.120Z","text":"hi\n"}`},
		{"metadata of little", sealed, bare, `{"key":null,"timestamp":"9999-12-31T23:59:59.999Z","data":{"a":1.0}}`},
		{"CloudEvents", events, c, `{"specversion":"1.0","id":"order-topic/3/42","source":"/streams/orders","type":"order.paid","subject":"o-77","time":"2026-01-02T11:58:03.120Z","datacontenttype":"application/json","data":{"a":1.0}}`},
		{"CloudEvents, sealed", sealedEvents, bare, `{"specversion":"1.0","id":"` + hash + `","source":"/streams/orders","type":"orders","time":"9999-12-31T23:59:59.999Z","datacontenttype":"application/json","data":{"a":1.0}}`},
		{"CloudEvents of a text", events, text, `{"specversion":"1.0","id":"order-topic/3/42","source":"/streams/orders","type":"order.paid","subject":"o-77","time":"2026-01-02T11:58:03.120Z","datacontenttype":"text/plain","data":"hi\n"}`},
	} {
		got := string(tt.e.Append([]byte("before"), &tt.c))
		if got = strings.TrimPrefix(got, "before"); got != tt.want || !json.Valid([]byte(got)) {
			t.Errorf("%s: %s; want %s", tt.name, got, tt.want)
		}
	}
}

// FuzzShape: no record breaks a program, and what comes out is JSON of the size it may
// have.
func FuzzShape(f *testing.F) {
	all := []*Shape{
		newShape(f, Config{Filter: `.a`, Transform: `{a, b: (.b | tostring), n: (.n + 1), r: [limit(3; ..)]}`, Max: 1 << 12}),
		newShape(f, Config{Transform: `[paths], tojson | {x: .}`, Max: 1 << 12}),
		newShape(f, Config{Transform: `with_entries(.value |= (. * 2))`, Max: 1 << 12}),
		newShape(f, Config{Keep: []string{"a", "b.*.c"}, Drop: []string{"a.0"}}),
	}
	f.Add([]byte(`{"a":[1e400,{"c":"\ud800"}],"b":[{"c":1}],"n":9007199254740993}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		for _, s := range all {
			out, v, err := s.Apply(nil, doc)
			if (err != nil) != (v == Failed) {
				t.Fatalf("verdict %d, %v", v, err)
			}
			if v == Shown && !json.Valid(out) {
				t.Fatalf("%.200q", out)
			}
			if errors.Is(err, errTime) {
				t.Skip("a busy machine")
			}
		}
	})
}

func BenchmarkShape(b *testing.B) {
	doc := []byte(`{"id":"o-1","customer":{"id":"user-4711","mail":"a@x"},"status":"paid","total":12.50,"pad":"` + strings.Repeat("x", 180) + `"}`)
	for _, bb := range []struct {
		name string
		cfg  Config
	}{
		{"filter", Config{Filter: `.status != "draft"`}},
		{"transform", Config{Transform: `{id, status, total}`}},
		{"both", Config{Filter: `.status != "draft"`, Transform: `{id, status, total}`}},
		{"text", Config{Transform: `{id, total: "\(.total) EUR", own: (.customer.id == .id)}`}},
		{"sum", Config{Transform: `{id, total: (.total + .total)}`}},
		{"keep", Config{Keep: []string{"id", "status", "total"}}},
		{"drop", Config{Drop: []string{"customer.mail"}}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			s := newShape(b, bb.cfg)
			var out []byte
			for b.Loop() {
				var v Verdict
				if out, v, _ = s.Apply(out[:0], doc); v != Shown {
					b.Fatal(v)
				}
			}
		})
	}
}
