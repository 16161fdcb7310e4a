package shape

import (
	"fmt"
	"slices"

	"github.com/itchyny/gojq"
)

// The interpreter says when a step begins, but not what it will do. So a program is
// rewritten before it is compiled: a function that has a cost in [costs] gets a call
// before it, which charges for it. What such a call needs of a run is in a variable.
const (
	budgetName = "$__budget"
	costName   = "_cost_of_" // and the function's name
)

// parts are what a program consists of.
type parts struct {
	queries []*gojq.Query
	terms   []*gojq.Term
	texts   []*gojq.String
	indices []*gojq.Index
}

// bound rewrites a program, so that whatever it does in one step is charged for.
func bound(q *gojq.Query) {
	restate(q)
	var all parts
	visitor{
		query: func(q *gojq.Query) { all.queries = append(all.queries, q) },
		term:  func(t *gojq.Term) { all.terms = append(all.terms, t) },
		text:  func(s *gojq.String) { all.texts = append(all.texts, s) },
		index: func(i *gojq.Index) { all.indices = append(all.indices, i) },
	}.walk(q)
	all.updates() // first: it looks at what the others change
	for _, i := range all.indices {
		if !i.IsSlice && i.Start != nil && !literal(i.Start) {
			i.Start = pipe(i.Start, charge("index"))
		}
	}
	for _, t := range all.terms {
		boundTerm(t)
	}
	for _, s := range all.texts {
		if len(s.Queries) > 0 {
			s.Queries = []*gojq.Query{inParens(interpolated(s, call("_bounded_tostring", call(budgetName))))}
		}
	}
	for _, q := range all.queries {
		boundOperator(q)
	}
}

// updates has a |= f work on a copy if f may have no output. jq then deletes the path.
// For that it goes through all of the value, and writes to it, even to the constants of
// the program, which other goroutines read.
func (p *parts) updates() {
	for _, t := range p.terms {
		if t.Type == gojq.TermTypeFunc && nameOf(t.Func) == "map_values/1" {
			become(t, &gojq.Query{Left: parsed(".[]"), Op: gojq.OpModify, Right: t.Func.Args[0]})
			p.queries = append(p.queries, t.Query)
		}
	}
	for _, q := range p.queries {
		if q.Op == gojq.OpModify && !yields(q.Right) {
			turn(q, pipe(charge("own"), inParens(&gojq.Query{Left: q.Left, Op: q.Op, Right: q.Right})))
		}
	}
}

func boundTerm(t *gojq.Term) {
	switch {
	case t.Type == gojq.TermTypeFormat:
		format := pipe(charge("format"), &gojq.Query{Term: &gojq.Term{Type: t.Type, Format: t.Format}})
		if t.Str == nil {
			become(t, format)
		} else if len(t.Str.Queries) > 0 {
			become(t, interpolated(t.Str, inParens(format)))
		}
	case t.Type == gojq.TermTypeFunc:
		switch name := nameOf(t.Func); name {
		case "tostring/0", "tojson/0":
			become(t, call("_bounded_"+t.Func.Name, call(budgetName)))
		case "getpath/1":
			t.Func.Args[0] = pipe(t.Func.Args[0], charge("path"))
		case "delpaths/1":
			become(t, pipe(charge("own"), charged(t.Func.Name, t.Func.Args...)))
		default:
			if costs[name] != nil {
				become(t, charged(t.Func.Name, t.Func.Args...))
			}
		}
	}
}

var operators = map[gojq.Operator]string{
	gojq.OpAdd: "_add", gojq.OpSub: "_subtract", gojq.OpMul: "_multiply", gojq.OpDiv: "_divide",
	gojq.OpUpdateAdd: "_add", gojq.OpUpdateSub: "_subtract", gojq.OpUpdateMul: "_multiply", gojq.OpUpdateDiv: "_divide",
	gojq.OpEq: "_equal", gojq.OpNe: "_notequal", gojq.OpGt: "_greater", gojq.OpLt: "_less", gojq.OpGe: "_greatereq", gojq.OpLe: "_lesseq",
}

func boundOperator(q *gojq.Query) {
	left, right, name := q.Left, q.Right, operators[q.Op]
	switch q.Op {
	case gojq.OpAdd, gojq.OpSub, gojq.OpMul, gojq.OpDiv:
		if q.Op == gojq.OpMul || !isNumber(left) && !isNumber(right) {
			turn(q, charged(name, left, right))
		}
	case gojq.OpUpdateAdd, gojq.OpUpdateSub, gojq.OpUpdateMul, gojq.OpUpdateDiv:
		// a += b is b as $x | a |= (. + $x)
		const by = "$__operand"
		sum := charged(name, parsed("."), call(by))
		turn(q, bind(right, by, &gojq.Query{Left: left, Op: gojq.OpModify, Right: sum}))
	case gojq.OpEq, gojq.OpNe, gojq.OpLt, gojq.OpGt, gojq.OpLe, gojq.OpGe:
		if !literal(left) && !literal(right) {
			turn(q, pipe(parsed("."), call("_bounded"+name, left, right, call(budgetName))))
		}
	}
}

// charged is a call of a function after its cost. The arguments are evaluated once, in
// the order that they have in jq.
func charged(name string, args ...*gojq.Query) *gojq.Query {
	if len(args) == 0 {
		return pipe(charge(name), call(name))
	}
	var again []*gojq.Query
	for i := range args {
		again = append(again, call(argument(i)))
	}
	q := pipe(parsed(".[0]"), call(name, again...))
	for i := range args {
		q = bind(parsed(fmt.Sprintf(".[%d]", i+1)), argument(i), q)
	}
	return pipe(charge(name, args...), q)
}

func argument(i int) string { return fmt.Sprintf("$__argument%d", i) }

func charge(name string, args ...*gojq.Query) *gojq.Query {
	return call(costName+name, append(slices.Clone(args), call(budgetName))...)
}

// interpolated is a text's parts, put together. This is how jq itself compiles it.
func interpolated(s *gojq.String, format *gojq.Query) (all *gojq.Query) {
	for _, part := range s.Queries {
		if part.Term == nil || part.Term.Str == nil {
			part = pipe(part, format)
		}
		if all == nil {
			all = part
		} else {
			all = call("_bounded_concat", all, part, call(budgetName))
		}
	}
	return all
}
