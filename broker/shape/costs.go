package shape

import (
	"encoding/json"
	"math"
	"math/big"
	"math/bits"
	"regexp"
	"strings"

	"github.com/itchyny/gojq"
)

// refused says why a program may not go on. It is the text of the log.
type refused string

func (r refused) Error() string { return string(r) }

const (
	errText   = refused("it makes a string that is too long")
	errDigits = refused("it has a number of more than 10,000 digits")
)

const (
	maxDigits = 10_000 // of a number: to read or to multiply more takes long
	perNode   = 64     // what it costs to visit a value
	perSlot   = 32     // an element of an array that is made
	perChar   = 8      // a character that is looked at
	perByte   = 2      // of a text that is made
	// maxCost is what no budget has. Where it is reached nothing is counted any further.
	maxCost = maxSteps * perStep
)

// cost charges a budget for what a function of jq is about to do with its input and its
// arguments. Its error ends the program.
type cost func(b *budget, in any, args []any) error

// costs are those of jq's functions that do much in one step: more than in proportion to
// what they are given, or through all of a value. A value may hold the same one twice,
// and that twice again, so a small one can take forever to walk through.
var costs = map[string]cost{
	"_add/2": sum, "_subtract/2": difference, "_multiply/2": multiple, "_divide/2": quotient,
	"add/0": addition, "join/1": joined, "flatten/0": walked, "flatten/1": walked, "transpose/0": transposed,
	"explode/0": pieces, "split/1": pieces, "tonumber/0": digits, "fromjson/0": digits,
	"sort/0": sorted, "unique/0": sorted, "min/0": walked, "max/0": walked,
	"_sort_by/1": sorted, "_unique_by/1": sorted, "_group_by/1": sorted, "_min_by/1": walked, "_max_by/1": walked,
	"contains/1": contained, "inside/1": contained, "bsearch/1": halved,
	"index/1": searched, "rindex/1": searched, "indices/1": searched,
	"setpath/2": stored, "_match/3": matched, "jn/2": recurrence, "yn/2": recurrence,
	"format/0": encoded, "format/1": encoded, "delpaths/1": walked,
}

// size is what it costs to walk through a value once; more than most: how much is not
// known.
func size(v any, node, most int) (n int) {
	n = node
	switch v := v.(type) {
	case string:
		n += len(v)
	case json.Number:
		n += len(v)
	case *big.Int:
		n += v.BitLen() / 8
	case []any:
		for _, item := range v {
			if n += size(item, node, most-n); n > most {
				return n
			}
		}
	case map[string]any:
		for key, item := range v {
			if n += node + len(key) + size(item, node, most-n); n > most {
				return n
			}
		}
	}
	return n
}

func weight(v any) int { return size(v, perNode, maxCost) }

func walked(b *budget, in any, args []any) error {
	n := weight(in)
	for _, a := range args {
		n += weight(a)
	}
	return b.charge(n)
}

func sorted(b *budget, in any, args []any) error {
	all, _ := in.([]any)
	n := weight(in)
	for _, a := range args {
		n += weight(a)
	}
	return b.charge(n * (1 + bits.Len(uint(len(all)))))
}

func halved(b *budget, in any, args []any) error {
	all, _ := in.([]any)
	return b.charge(weight(args[0]) * (1 + bits.Len(uint(len(all)))))
}

// compared charges for a comparison: it ends where the smaller value does.
func compared(b *budget, l, r any) error {
	for most := 64 * perNode; most <= maxCost; most *= 8 {
		if n := min(size(l, perNode, most), size(r, perNode, most)); n <= most {
			return b.charge(n)
		}
	}
	return b.charge(maxCost)
}

// encoded is a text of a value, which is at most six times as long.
func encoded(b *budget, in any, _ []any) error {
	n := size(in, 1, b.limit)
	if n > b.limit {
		return errText
	}
	return b.charge(n * perChar)
}

func sum(b *budget, _ any, args []any) error {
	switch l := args[0].(type) {
	case string:
		if r, is := args[1].(string); is {
			return b.text(len(l) + len(r))
		}
	case []any:
		if r, is := args[1].([]any); is {
			return b.charge((len(l) + len(r)) * perSlot)
		}
	case map[string]any:
		if r, is := args[1].(map[string]any); is {
			return b.charge((len(l) + len(r)) * perNode)
		}
	}
	return nil
}

// text charges for a text that is made.
func (b *budget) text(n int) error {
	if n > b.limit {
		return errText
	}
	return b.charge(n * perByte)
}

func difference(b *budget, _ any, args []any) error {
	l, _ := args[0].([]any)
	r, _ := args[1].([]any)
	if len(l) == 0 || len(r) == 0 {
		return nil
	}
	return b.charge(min(weight(l), weight(r)*len(l)) * len(r))
}

// multiple refuses texts that would be too long, and numbers: they double with each
// square.
func multiple(b *budget, _ any, args []any) error {
	for i, one := range args {
		if text, is := one.(string); is && float64(len(text))*number(args[1-i]) > float64(b.limit) {
			return errText
		}
	}
	switch l := args[0].(type) {
	case map[string]any:
		if r, is := args[1].(map[string]any); is {
			return merged(b, l, r)
		}
	case string:
		return b.charge(int(max(0, float64(len(l))*number(args[1]))) * perByte)
	}
	if width(args[0])+width(args[1]) > maxDigits {
		return errDigits
	}
	if r, is := args[1].(string); is {
		return b.charge(int(max(0, float64(len(r))*number(args[0]))) * perByte)
	}
	return nil
}

func merged(b *budget, l, r map[string]any) error {
	if err := b.charge((len(l) + len(r)) * perNode); err != nil {
		return err
	}
	for key, v := range r {
		if v, is := v.(map[string]any); is {
			if was, is := l[key].(map[string]any); is {
				if err := merged(b, was, v); err != nil {
					return err
				}
			}
		}
	}
	return nil
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

// width is about how many digits a number has.
func width(v any) int {
	switch v := v.(type) {
	case *big.Int:
		return v.BitLen() * 3 / 10
	case json.Number:
		return len(v)
	}
	return 0
}

func quotient(b *budget, _ any, args []any) error { return pieces(b, args[0], nil) }

func pieces(b *budget, in any, _ []any) error {
	s, _ := in.(string)
	return b.charge(len(s) * perSlot)
}

func digits(_ *budget, in any, _ []any) error {
	if s, is := in.(string); is && longNumber(s) {
		return errDigits
	}
	return nil
}

// longNumber reports whether a JSON text has a number of more than maxDigits characters.
func longNumber[T string | []byte](text T) bool {
	if len(text) <= maxDigits {
		return false
	}
	n, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			quoted, n = !quoted, 0
		case c == '\\':
			i++
		case quoted || c < '+' || c > '9' && c|0x20 != 'e' || c == ',':
			n = 0
		default:
			if n++; n > maxDigits {
				return true
			}
		}
	}
	return false
}

// addition charges for [add]: the sum of all elements.
func addition(b *budget, in any, _ []any) error {
	text, n := 0, 0
	count := func(v any) {
		switch v := v.(type) {
		case string:
			text += len(v)
		case []any:
			n += len(v) * perSlot
		case map[string]any:
			n += len(v) * perNode
		}
	}
	eachIn(in, count)
	if text > b.limit {
		return errText
	}
	return b.charge(n + text*perByte)
}

func eachIn(v any, do func(any)) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			do(item)
		}
	case map[string]any:
		for _, item := range v {
			do(item)
		}
	}
}

func joined(b *budget, in any, args []any) error {
	between, _ := args[0].(string)
	n := 0
	eachIn(in, func(v any) {
		switch v := v.(type) {
		case []any, map[string]any: // no text has them
		default:
			n += size(v, 1, b.limit) + len(between)
		}
	})
	return b.text(max(0, n-len(between)))
}

func transposed(b *budget, in any, _ []any) error {
	rows, _ := in.([]any)
	columns := 0
	for _, row := range rows {
		cells, _ := row.([]any)
		columns = max(columns, len(cells))
	}
	return b.charge(len(rows) * (columns + 1) * perSlot)
}

// contained charges for each pair: jq looks for each of one in each of the other.
func contained(b *budget, in any, args []any) error {
	if _, is := in.(string); is {
		return nil
	}
	l, r := weight(in)/perNode, weight(args[0])/perNode
	return b.charge(l * r * perNode)
}

func searched(b *budget, in any, args []any) error {
	switch in := in.(type) {
	case string:
		of, _ := args[0].(string)
		return b.charge(len(in) * (perSlot + len(of)*perChar))
	case []any:
		of, _ := args[0].([]any)
		return b.charge(min(weight(in)*max(1, len(of)), weight(args[0])*len(in)))
	}
	return nil
}

// stored charges for the array that a large index makes.
func stored(b *budget, _ any, args []any) error { return path(b, args[0]) }

func path(b *budget, v any) error {
	keys, _ := v.([]any)
	for _, key := range keys {
		if err := index(b, key); err != nil {
			return err
		}
	}
	return nil
}

// index charges for a key: .[1000000] = 1 makes a million elements, and an array as a
// key is looked for everywhere.
func index(b *budget, key any) error {
	switch key := key.(type) {
	case []any:
		return b.charge(min(weight(key), maxCost) * 1000)
	case string, map[string]any, nil:
		return nil
	}
	if i, _ := gojq.ToInt(key); i > 0 {
		return b.charge(min(i, maxCost) * perSlot)
	}
	return nil
}

// recurrence charges for a Bessel function, which takes as many turns as its order.
func recurrence(b *budget, _ any, args []any) error {
	return b.charge(int(min(math.Abs(number(args[0]))*perNode, maxCost)))
}

// matched charges for a regular expression, and for finding all matches: for each the
// interpreter counts the characters before it.
func matched(b *budget, in any, args []any) error {
	s, _ := in.(string)
	re, _ := args[0].(string)
	flags, _ := args[1].(string)
	if strings.Contains(flags, "i") {
		re = "(?i)" + re
	}
	if strings.Contains(flags, "m") {
		re = "(?s)" + re
	}
	if err := b.pattern(re, len(s)); err != nil || len(s) < 1<<10 || args[2] == true || !strings.Contains(flags, "g") {
		return err
	}
	r, err := regexp.Compile(re)
	if err != nil {
		return nil //nolint:nilerr // the function says so
	}
	most := maxCost / (len(s) * perChar)
	return b.charge(len(r.FindAllStringIndex(s, most+1)) * (1 + r.NumSubexp()) * len(s) * perChar)
}
