package shape

import (
	"fmt"

	"github.com/itchyny/gojq"
)

// Advice says what of a jq program may take a lot of time or memory because of what a
// record holds. It is bounded, so such a record fails.
func Advice(text string) (all []string) {
	query, err := gojq.Parse(text)
	if err != nil {
		return nil
	}
	seen := make(map[string]bool)
	warn := func(format string, args ...any) {
		if text := fmt.Sprintf(format, args...); !seen[text] {
			seen[text] = true
			all = append(all, text)
		}
	}
	visitor{
		query: func(q *gojq.Query) {
			if (q.Op == gojq.OpMul || q.Op == gojq.OpUpdateMul) && repeats(q.Left, q.Right) {
				warn("%s repeats a text if one side is a text, as often as the record says: beyond max_record_bytes the record is a shape_error; write tonumber behind both if they are numbers", q)
			}
		},
		call: func(f *gojq.Func) {
			switch f.Name {
			case "range", "limit", "repeat", "combinations":
				if args := counts(f); !constant(args...) {
					warn("%s counts as far as the record says; bound it, such as [%s, 100] | min", f, args[len(args)-1])
				}
			}
		},
	}.walk(query)
	return all
}

// counts are the arguments of a function that say how often.
func counts(f *gojq.Func) []*gojq.Query {
	switch {
	case f.Name == "range" || len(f.Args) == 0:
		return f.Args
	case f.Name == "repeat": // until its argument has no output
		return f.Args
	}
	return f.Args[:1]
}

// repeats reports whether a multiplication may be of a text and a number from the record.
func repeats(a, b *gojq.Query) bool {
	return !numeric(a) && !numeric(b) && !(constant(a) && constant(b)) || isText(a) && !constant(b) || isText(b) && !constant(a)
}

// constant reports whether queries are numbers or texts that the program itself has, or
// are bounded by one: [.n, 100] | min.
func constant(all ...*gojq.Query) bool {
	for _, q := range all {
		if q == nil {
			continue
		}
		switch {
		case q.Op == gojq.OpPipe && q.Right != nil && q.Right.Term != nil && q.Right.Term.Func != nil && q.Right.Term.Func.Name == "min":
		case q.Op == gojq.OpAdd, q.Op == gojq.OpSub, q.Op == gojq.OpMul, q.Op == gojq.OpDiv, q.Op == gojq.OpMod, q.Op == gojq.OpComma:
			if !constant(q.Left, q.Right) {
				return false
			}
		case q.Term == nil || !constantTerm(q.Term):
			return false
		}
	}
	return true
}

func constantTerm(t *gojq.Term) bool {
	if len(t.SuffixList) > 0 {
		return false
	}
	switch t.Type {
	case gojq.TermTypeNumber:
		return true
	case gojq.TermTypeString:
		return len(t.Str.Queries) == 0
	case gojq.TermTypeUnary:
		return constantTerm(t.Unary.Term)
	case gojq.TermTypeFunc:
		return t.Func.Name == "length" // of what is there already
	case gojq.TermTypeQuery:
		return constant(t.Query)
	}
	return false
}

// numeric reports whether a query can't be a text.
func numeric(q *gojq.Query) bool {
	switch {
	case q == nil:
		return false
	case q.Op == gojq.OpPipe:
		return numeric(q.Right)
	case q.Op == gojq.OpSub || q.Op == gojq.OpDiv || q.Op == gojq.OpMod:
		return true // a text divided by a text is an array
	case q.Op == gojq.OpAdd:
		return numeric(q.Left) || numeric(q.Right)
	case q.Term == nil:
		return false
	}
	switch t := q.Term; t.Type {
	case gojq.TermTypeNumber, gojq.TermTypeUnary, gojq.TermTypeArray, gojq.TermTypeObject:
		return true
	case gojq.TermTypeFunc:
		switch t.Func.Name {
		case "tonumber", "length", "floor", "ceil", "round", "sqrt", "utf8bytelength", "mktime":
			return true
		}
	case gojq.TermTypeQuery:
		return numeric(t.Query)
	}
	return false
}

func isText(q *gojq.Query) bool {
	return q != nil && q.Term != nil && q.Term.Type == gojq.TermTypeString
}
