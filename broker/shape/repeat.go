package shape

import (
	"encoding/json"
	"math/big"

	"github.com/itchyny/gojq"
)

// A text times a number is the text so many times, in one step that nothing stops. So
// each product is made in two steps: factors refuses what would be too long, and the rest
// is multiplied as before.
const factorsName = "_factors"

// boundRepeats rewrites the products of a program: a * b becomes _factors(a; b) | .[0] *
// .[1], and a *= b becomes b as $x | a |= (_factors(.; $x) | .[0] * .[1]).
func boundRepeats(q *gojq.Query) {
	var products []*gojq.Query
	visitor{query: func(q *gojq.Query) {
		if q.Op == gojq.OpMul || q.Op == gojq.OpUpdateMul {
			products = append(products, q)
		}
	}}.walk(q)
	for _, p := range products {
		left, right := p.Left, p.Right
		if p.Op == gojq.OpMul {
			p.Left, p.Op, p.Right = factorsOf(left, right), gojq.OpPipe, product()
			continue
		}
		const by = "$__factor"
		times := &gojq.Query{Left: factorsOf(call("."), call(by)), Op: gojq.OpPipe, Right: product()}
		p.Left, p.Op, p.Patterns = right, gojq.OpPipe, []*gojq.Pattern{{Name: by}}
		p.Right = &gojq.Query{Left: left, Op: gojq.OpModify, Right: times}
	}
}

func factorsOf(a, b *gojq.Query) *gojq.Query { return call(factorsName, a, b) }

// call is a query that calls a function, or has a variable, or is its input.
func call(name string, args ...*gojq.Query) *gojq.Query {
	if name == "." {
		return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeIdentity}}
	}
	return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeFunc, Func: &gojq.Func{Name: name, Args: args}}}
}

func product() *gojq.Query {
	q, err := gojq.Parse(".[0] * .[1]")
	if err != nil {
		panic(err) // it is jq
	}
	return q
}

// repeatStringError says that a program makes a text that is too long.
type repeatStringError struct{}

func (repeatStringError) Error() string { return "a text that is too long" }

// factors returns its arguments, unless their product would be a text of more than limit
// bytes.
func factors(limit int) func(any, []any) any {
	return func(_ any, args []any) any {
		for i, one := range args {
			if text, is := one.(string); is && float64(len(text))*number(args[1-i]) > float64(limit) {
				return repeatStringError{}
			}
		}
		return []any{args[0], args[1]} // the interpreter uses args again
	}
}

// number is what a value counts for as a number; 0: it is none.
func number(v any) (f float64) {
	switch v := v.(type) {
	case int:
		return float64(v)
	case float64:
		return v
	case *big.Int:
		f, _ = v.Float64()
	case json.Number:
		f, _ = v.Float64()
	}
	return f
}
