package shape

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/itchyny/gojq"
)

// A program that is rewritten does what it does in jq.
func TestABoundProgramIsJq(t *testing.T) {
	const doc = `{"a":3,"b":4.5,"s":"ab","o":{"x":{"y":1}},"p":{"x":{"z":2}},"big":12345678901234567890,"l":[1,2],"n":null}`
	for _, program := range []string{
		`.a * .b`, `.a * .a * .b`, `.a * (.b + 1) * -.a`, `.s * .a`, `.a * .s`, `.s * 0`, `.s * -1`, `.s * 0.5`, `.o * .p`, `.big * .big`, `[.l[] * .l[]]`, `[(1, 2) * (10, 20)]`,
		`.a *= .b`, `.l[] *= 2`, `[.a *= (2, 3) | .a]`, `.s *= .a`, `.o *= .p`, `def f(g): g * g; [f(.l[])]`, `reduce range(5) as $i (1; . * 2)`, `{x: (.a * 2), y: "\(.a * 2)"}`, `if .a * 2 > 5 then .b * 2 else 0 end`,
		`[.l[] | . * . as $x | $x * 2]`, `.a * .b as $x | $x`, `[limit(2; repeat(.a * 2))]`, `try (.l * .s) catch "no"`, `.n * .a | not`, `.l | map(. * 2) | .[0] * .[1]`, `def f: .a * 2; f * f`, `. as {a: $x} | $x * $x`, `.["a" * 1]`, `[.l[.a * 0:]]`, `.a * .b == 13.5`,
		`.a + .b`, `.s + .s`, `.l + .l`, `.o + .p`, `.n + .a`, `.a + .s`, `.l - [2]`, `.s / "a"`, `.a / .b`, `[(1, 2) + (10, 20)]`, `.a += .b`, `.l[] += .a`, `[.a -= (2, 3) | .a]`, `.s /= "a"`, `.a %= 2`, `.q //= .a`, `def f(g): g + g; [f(.l[])]`,
		`"a\(.s)b\(.a)\(.l)"`, `"\(.l[])-\(.l[])"`, `[.l[] as $x | "\($x)\("x")"]`, `@json "x\(.s)\(.l)"`, `@base64 "\(.s)\("a")"`, `.l | @csv`, `.o | @html`, `{"k\(.s)": 1}`, `{"\(.s)": .["\("a")"]}`, `{"s"}`, `."\("s")"`, `. as {"\("s")": $x} | $x`, `format("json")`,
		`.o == .p`, `[.l[] < .l[]]`, `.a == .b or .a != .s`, `.l >= [1]`, `[.l[] | . as $x | $x <= .]`, `.s | tojson | tostring`, `[.[] | tostring]`, `.l | add`, `[.l, .l] | add`, `add(.l[])`, `.l | join("-")`, `[.o, .p] | add`, `[1, [2, [3]]] | flatten, flatten(1) | length`,
		`[[1, 2], [3]] | transpose`, `[3, 1, 2] | sort`, `[.o, .p] | sort_by(.x.y)`, `[1, 2, 1] | group_by(.)`, `[1, 1] | unique, min, max | tojson`, `[.l[] | {v: .}] | max_by(.v), min_by(.v) | .v`, `.l | contains([1])`, `[1] | inside([1, 2])`, `.l | index(2)`, `"a,b" | indices(",")`,
		`.l | bsearch(2)`, `setpath(["a"]; 1, 2) | .a`, `getpath(["o", "x"])`, `[paths]`, `[path(getpath(["o", "x"]))]`, `del(.a, .o.x)`, `delpaths([["a"], ["l", 0]])`, `pick(.o.x)`, `to_entries`, `with_entries(.value |= tojson)`, `map_values(select(. != null))`, `map_values(tojson)`, `.l[] |= empty`, `.l[0] |= empty`,
		`.o.x |= with_entries(.key += "1")`, `walk(if type == "number" then . + 1 else . end)`, `[.l[. as $l | range($l | length)]]`, `.l[.a - 3] = 9`, `.l[5] = 1`, `path(.l[.a - 3])`, `.l[[2]]`, `nth(1; .l[])`, `.l | nth(1)`, `[.l[] | IN(1, 5)]`, `INDEX(.l[]; .)`, `fromstream(tostream)`, `.s | explode | implode`,
		`.s | test("B"; "i")`, `[.s | match("."; "g").string]`, `.s | sub("(?<x>.)"; "\(.x)\(.x)")`, `[.s | gsub("."; "1", "2")]`, `.s | capture("(?<x>.)")`, `[.s | scan(".")]`, `"a b" | [splits(" ")]`, `"a b" | split(" +"; null)`, `"12" | tonumber + 1`, `"[1]" | fromjson`, `jn(1; 2) | floor`, `try (.s + 1) catch .`, `try error("x") catch .`,
		`def _f: 7; _f`, `def f($add): $add; f(2)`, `.big + 1`, `-.a - 1`, `reduce .l[] as $x (0; . + $x)`, `[limit(3; .l[], .l[] | . + .)]`, `label $f | .l[] | if . + 0 > 1 then ., break $f else empty end`, `[.[]? | (. + 1)?]`, `.l as [$x, $y] | $x + $y`, `[.l[] as $x | $x + $x] | .[0:1] + .[1:]`, `if .o | has("x") then .a + .a else 0 end`,
	} {
		query, err := gojq.Parse(program)
		if err != nil {
			t.Fatal(err)
		}
		in, err := decode([]byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		want := func() (text string) {
			outputs := query.Run(in)
			v, _ := outputs.Next()
			if _, more := outputs.Next(); more {
				return "failed: " + errMore.Error()
			}
			if err, is := v.(error); is {
				return "failed: " + inWords(err).Error()
			}
			b, err := appendJSON(nil, v, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}()
		out, v, err := newShape(t, Config{Transform: program, Max: 1 << 20}).Apply(nil, []byte(doc))
		got := string(out)
		if v == Failed {
			got = strings.Replace(err.Error(), "transform: the program", "failed: the program", 1)
		}
		if got != want {
			t.Errorf("%s: %s; want %s", program, got, want)
		}
	}
}

func TestTextsAreBounded(t *testing.T) {
	const doc = `{"a":3,"s":"ab","big":12345678901234567890,"l":[1,2]}`
	for _, program := range []string{`.s * 501`, `501 * .s`, `.s * .big`, `.s *= 501`, `def f: .s * 501; f`, `"\(.s * 501)"`, `[.l[] | "x" * 1001]`, `.s * 2 * 251 | length`, `{a: (.s * 1e9)} | length`, `.s * 499 | . + "xyz"`, `.s * 499 | "\(.)xyz"`, `[.s * 499, "xyz"] | add`, `[.s * 499, "xyz"] | join("")`, `[1, 2] | join("x" * 999)`, `[range(2000)] | tojson`, `.s * 400 | . += .`, `.s * 400 | {"\(.)\(.)": 1}`, `[.s * 499, "xyz"] | @json`, `.s[.a * 0:] * 501`} {
		if out, v, err := newShape(t, Config{Transform: program, Max: 1000}).Apply(nil, []byte(doc)); v != Failed || !strings.HasSuffix(fmt.Sprint(err), "it makes a string that is too long") {
			t.Errorf("%s: %.40s %v", program, out, err)
		}
	}
	if out, v, err := newShape(t, Config{Transform: `.s * 499 | length`, Max: 1000}).Apply(nil, []byte(doc)); v != Shown || string(out) != "998" {
		t.Errorf("what fits: %s %v", out, err)
	}
}

// dear are programs that would take all memory, or forever in one step.
var dear = []struct{ program, want string }{
	{`reduce range(100) as $i ("x"; . + .)`, "a string that is too long"},
	{`reduce range(100) as $i ("x"; . += .)`, "a string that is too long"},
	{`reduce range(100) as $i ("x"; "\(.)\(.)")`, "a string that is too long"},
	{`reduce range(100) as $i ("x"; {"\(.)\(.)": 1} | keys[0])`, "a string that is too long"},
	{`def f: . + . | f; "x" | f`, "a string that is too long"},
	{`reduce range(100) as $i ("x"; [., .] | add)`, "a string that is too long"},
	{`reduce range(100) as $i ("x"; [., .] | join(""))`, "a string that is too long"},
	{`reduce range(100) as $i ("\""; tojson)`, "a string that is too long"},
	{`reduce range(100) as $i ("<"; @html "\(.)\(.)")`, "a string that is too long"},
	{`[range(10000)] | join("x" * 100000)`, "a string that is too long"},
	{`reduce range(40) as $i (.big; . * .)`, "a number of more than 10,000 digits"},
	{`reduce range(100) as $i (["x"]; . + .)`, "200,000 steps"},
	{`reduce range(100000) as $i (""; . + "xxxxxxxxxxxxxxxx")`, "200,000 steps"},
	{`[[range(4000)], (range(4000) | [])] | transpose`, "200,000 steps"},
	{`[] | .[50000000] = 1`, "200,000 steps"},
	{`.n as $n | [] | .[$n] += 1`, "200,000 steps"},
	{`.n as $n | null | pick(.[$n])`, "200,000 steps"},
	{`.n as $n | [] | setpath([$n]; 1)`, "200,000 steps"},
	{`"x" * 30000 | gsub("x"; "y")`, "200,000 steps"},
	{`[range(3000)] - [range(3000; 6000)]`, "200,000 steps"},
	{`"x" | test("(?:" + "abcdefghij" * 10 + "){1000}")`, "200,000 steps"},
	{`"x" | test("(((x{10}){10}){10})" * 100)`, "200,000 steps"},
	{`"x" | test("\\pL" * 10000)`, "200,000 steps"},
	{`("x" * 1000000) | test("(x+x+x+x+x+x+)+y")`, "200,000 steps"},
	{`reduce range(1000) as $i (""; "x" | test("(?:y\($i)){500}") | "")`, "200,000 steps"},
	{`jn(100000000; 200000000)`, "200,000 steps"},
	{deep + `. as $x | $x == $x`, "200,000 steps"},
	{deep + `try sort catch .`, "200,000 steps"},
	{deep + `group_by(.)`, "200,000 steps"},
	{deep + `flatten`, "200,000 steps"},
	{deep + `tojson`, "a string that is too long"},
	{deep + `"\(.)"`, "a string that is too long"},
	{deep + `@base64`, "a string that is too long"},
	{deep + `del(.[0])`, "200,000 steps"},
	{deep + `.[0] |= empty`, "200,000 steps"},
	{deep + `contains(.)`, "200,000 steps"},
	{deep + `index(.)`, "200,000 steps"},
	{deep + `.[.]`, "200,000 steps"},
	{deep + `getpath([.])`, "200,000 steps"},
	{deep + `. - .`, "200,000 steps"},
	{deep + `IN(.)`, "200,000 steps"},
	{`reduce range(60) as $i ({}; {a: ., b: .}) | . * .`, "200,000 steps"},
}

// deep makes an array that is small in memory, and has 2 to the power of 60 elements on
// the way through it.
const deep = `reduce range(60) as $i (0; [., .]) | `

// What a program makes is bounded by size, and not by the clock: two gateways agree.
func TestWhatDoublesIsStopped(t *testing.T) {
	in, err := decode([]byte(`{"n":50000000,"big":12345678901234567890}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dear {
		p, err := newProgram(d.program, 1<<20)
		if err != nil {
			t.Fatal(d.program, err)
		}
		b := newBudget(p.limit, new(patterns))
		b.start = time.Now().Add(time.Hour) // no clock
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		v, _ := p.code.RunWithContext(b, in, b).Next()
		runtime.ReadMemStats(&after)
		err, _ = v.(error)
		if err != nil && b.exceeded == nil {
			err = inWords(err)
		}
		if took := (after.TotalAlloc - before.TotalAlloc) >> 20; !strings.Contains(fmt.Sprint(err), d.want) || took > 200 {
			t.Errorf("%s: %v after %d MiB; want %s", d.program, err, took, d.want)
		}
	}
}

func TestAProgramCanNotGetAroundItsBounds(t *testing.T) {
	for program, want := range map[string]string{
		`_multiply("x"; 1e9)`: "uses _multiply, which is jq's own", `def _add(a; b): 1; _add(.; .)`: "uses _add", `_cost_of_add(1)`: "uses _cost_of_add", `$__budget`: "uses $__budget", `{$__budget}`: "uses $__budget",
		`def add: 1; [1] | add`: "defines add, which jq has already", `def f(tojson): tojson; f(1)`: "defines tojson", `def gsub(a; b): 1; gsub("a"; "b")`: "defines gsub",
	} {
		if _, err := newProgram(program, 1<<20); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", program, err, want)
		}
	}
}

// To delete, jq writes to the constants of a program as well, which all goroutines share.
func TestAProgramDoesNotWriteToItself(t *testing.T) {
	for _, program := range []string{`{a: {b: {c: 1}}, d: .x} | del(.d)`, `{a: {b: {c: 1}}, d: .x} | .d |= empty`, `{a: {b: {c: 1}}, d: .x} | map_values(objects)`, `{a: {b: [{c: 1}, 2]}, d: .x} | walk(numbers, iterables)`} {
		s := newShape(t, Config{Transform: program})
		var group sync.WaitGroup
		for range 2 {
			group.Go(func() {
				for range 100 {
					if _, v, err := s.Apply(nil, []byte(`{"x":1}`)); v != Shown {
						t.Error(program, err)
					}
				}
			})
		}
		group.Wait()
	}
}

func TestLongNumbersAreRefused(t *testing.T) {
	long := strings.Repeat("9", maxDigits)
	for doc, want := range map[string]Verdict{
		`{"n":` + long + `}`: Shown, `{"n":` + long + `9}`: Failed, `{"n":[-` + long + `.5e3]}`: Failed, `{"s":"` + long + `\"9` + long + `","n":1}`: Shown, `[` + strings.Repeat("99,", maxDigits) + `1]`: Shown,
	} {
		if _, v, err := newShape(t, Config{Filter: `true`}).Apply(nil, []byte(doc)); v != want {
			t.Errorf("%.20s…: %d, %v", doc, v, err)
		}
	}
	for _, program := range []string{`("9" * 10001) | tonumber`, `("9" * 10001) | fromjson`} {
		if _, v, err := newShape(t, Config{Transform: program}).Apply(nil, []byte(`{}`)); v != Failed || !strings.Contains(err.Error(), "10,000 digits") {
			t.Errorf("%s: %v", program, err)
		}
	}
}
