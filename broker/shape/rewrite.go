package shape

import (
	"fmt"

	"github.com/itchyny/gojq"
)

// These make parts of a program, for [bound].

// parsed is a query of the gateway's own.
func parsed(text string) *gojq.Query {
	q, err := gojq.Parse(text)
	if err != nil {
		panic(err) // it is jq
	}
	return q
}

// call is a query that calls a function, or has a variable.
func call(name string, args ...*gojq.Query) *gojq.Query {
	return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeFunc, Func: &gojq.Func{Name: name, Args: args}}}
}

func nameOf(f *gojq.Func) string { return fmt.Sprintf("%s/%d", f.Name, len(f.Args)) }

func pipe(a, b *gojq.Query) *gojq.Query { return &gojq.Query{Left: a, Op: gojq.OpPipe, Right: b} }

// bind is a as $name | then.
func bind(a *gojq.Query, name string, then *gojq.Query) *gojq.Query {
	q := pipe(a, then)
	q.Patterns = []*gojq.Pattern{{Name: name}}
	return q
}

func inParens(q *gojq.Query) *gojq.Query {
	return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeQuery, Query: q}}
}

// turn makes a query another one; the functions that it defines stay.
func turn(q, into *gojq.Query) {
	defs := q.FuncDefs
	*q = *into
	q.FuncDefs = defs
}

// become makes a term a query; what follows the term stays.
func become(t *gojq.Term, q *gojq.Query) {
	*t = gojq.Term{Type: gojq.TermTypeQuery, Query: q, SuffixList: t.SuffixList}
}

func isNumber(q *gojq.Query) bool {
	if q.Term == nil || len(q.Term.SuffixList) > 0 {
		return false
	}
	t := q.Term
	for t.Type == gojq.TermTypeUnary {
		t = t.Unary.Term
	}
	return t.Type == gojq.TermTypeNumber && len(t.SuffixList) == 0
}

// literal reports whether a query is a scalar that the program has. Numbers of many
// digits aren't meant.
func literal(q *gojq.Query) bool {
	switch t := q.Term; {
	case t == nil || len(t.SuffixList) > 0:
		return false
	case t.Type == gojq.TermTypeString:
		return len(t.Str.Queries) == 0
	case t.Type == gojq.TermTypeNumber:
		return len(t.Number) < 4
	default:
		return t.Type == gojq.TermTypeNull || t.Type == gojq.TermTypeTrue || t.Type == gojq.TermTypeFalse || isNumber(q) && len(q.String()) < 4
	}
}

// yields reports whether a query has an output, whatever it is given; false: it may
// have none.
func yields(q *gojq.Query) bool {
	switch {
	case q == nil:
		return true
	case q.Term != nil:
		return termYields(q.Term)
	}
	switch q.Op {
	case gojq.OpModify:
		return true
	case gojq.OpComma:
		return yields(q.Left) || yields(q.Right)
	case gojq.OpAlt, gojq.OpAssign, gojq.OpUpdateAdd, gojq.OpUpdateSub, gojq.OpUpdateMul, gojq.OpUpdateDiv, gojq.OpUpdateMod, gojq.OpUpdateAlt:
		return yields(q.Right)
	}
	return yields(q.Left) && yields(q.Right)
}

func termYields(t *gojq.Term) bool {
	for _, s := range t.SuffixList {
		if s.Index == nil || !yields(s.Index.Start) || !yields(s.Index.End) {
			return false
		}
	}
	switch t.Type {
	case gojq.TermTypeIdentity, gojq.TermTypeNull, gojq.TermTypeTrue, gojq.TermTypeFalse, gojq.TermTypeNumber, gojq.TermTypeArray:
		return true
	case gojq.TermTypeString, gojq.TermTypeFormat:
		return t.Str == nil || len(t.Str.Queries) == 0
	case gojq.TermTypeIndex:
		return yields(t.Index.Start) && yields(t.Index.End)
	case gojq.TermTypeUnary:
		return termYields(t.Unary.Term)
	case gojq.TermTypeQuery:
		return yields(t.Query)
	case gojq.TermTypeFunc:
		return t.Func.Name[0] == '$' || answers[nameOf(t.Func)]
	case gojq.TermTypeIf:
		return ifYields(t.If)
	}
	return false
}

func ifYields(f *gojq.If) bool {
	for _, e := range f.Elif {
		if !yields(e.Cond) || !yields(e.Then) {
			return false
		}
	}
	return yields(f.Cond) && yields(f.Then) && yields(f.Else)
}

// answers are functions of jq that have one output, whatever their arguments have.
var answers = map[string]bool{
	"tonumber/0": true, "tostring/0": true, "tojson/0": true, "fromjson/0": true, "length/0": true, "not/0": true, "floor/0": true, "ceil/0": true, "round/0": true, "abs/0": true,
	"ascii_downcase/0": true, "ascii_upcase/0": true, "trim/0": true, "ltrim/0": true, "rtrim/0": true, "type/0": true, "keys/0": true, "add/0": true, "sort/0": true, "unique/0": true,
	"reverse/0": true, "min/0": true, "max/0": true, "first/0": true, "last/0": true, "flatten/0": true, "to_entries/0": true, "from_entries/0": true, "todate/0": true, "fromdate/0": true,
	"map/1": true, "sort_by/1": true, "group_by/1": true, "unique_by/1": true, "min_by/1": true, "max_by/1": true, "with_entries/1": true, "map_values/1": true, "del/1": true,
}
