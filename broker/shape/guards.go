package shape

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/itchyny/gojq"
)

// guards are the functions that [bound] puts into programs. The last argument of each is
// the budget.
var guards = func() (all []gojq.CompilerOption) {
	add := func(name string, args int, do func(b *budget, in any, args []any) (any, error)) {
		all = append(all, gojq.WithFunction(name, args+1, args+1, func(in any, given []any) any {
			out, err := do(given[args].(*budget), in, given[:args])
			if err != nil {
				return err
			}
			return out
		}))
	}
	for name, c := range costs {
		name, arity, _ := strings.Cut(name, "/")
		n, _ := strconv.Atoi(arity)
		add(costName+name, n, func(b *budget, in any, args []any) (any, error) {
			if err := c(b, in, args); err != nil || n == 0 {
				return in, err
			}
			return append([]any{in}, args...), nil // the interpreter uses args again
		})
	}
	add(costName+"index", 0, func(b *budget, in any, _ []any) (any, error) { return in, index(b, in) })
	add(costName+"path", 0, func(b *budget, in any, _ []any) (any, error) { return in, path(b, in) })
	add(costName+"own", 0, func(b *budget, in any, _ []any) (any, error) { return own(b, in) })
	add("_bounded_tojson", 0, func(b *budget, in any, _ []any) (any, error) { return encode(b, in) })
	add("_bounded_tostring", 0, func(b *budget, in any, _ []any) (any, error) {
		if _, is := in.(string); is {
			return in, nil
		}
		return encode(b, in)
	})
	add("_bounded_concat", 2, func(b *budget, _ any, args []any) (any, error) {
		l, r := args[0].(string), args[1].(string)
		return l + r, b.text(len(l) + len(r))
	})
	for name, is := range map[string]func(int) bool{
		"_equal": func(c int) bool { return c == 0 }, "_notequal": func(c int) bool { return c != 0 },
		"_less": func(c int) bool { return c < 0 }, "_lesseq": func(c int) bool { return c <= 0 },
		"_greater": func(c int) bool { return c > 0 }, "_greatereq": func(c int) bool { return c >= 0 },
	} {
		add("_bounded"+name, 2, func(b *budget, _ any, args []any) (any, error) {
			if err := compared(b, args[0], args[1]); err != nil {
				return nil, err
			}
			return is(gojq.Compare(args[0], args[1])), nil
		})
	}
	return all
}()

func encode(b *budget, in any) (any, error) {
	if err := encoded(b, in, nil); err != nil {
		return nil, err
	}
	text, err := gojq.Marshal(in)
	return string(text), err
}

// own is a copy of a value that shares nothing with it that can be written to.
func own(b *budget, v any) (any, error) {
	switch v := v.(type) {
	case []any:
		if err := b.charge((1 + len(v)) * 2 * perNode); err != nil {
			return nil, err
		}
		out := slices.Clone(v)
		for i, item := range v {
			var err error
			if out[i], err = own(b, item); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		if err := b.charge((1 + len(v)) * 4 * perNode); err != nil {
			return nil, err
		}
		out := make(map[string]any, len(v))
		for key, item := range v {
			var err error
			if out[key], err = own(b, item); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return v, nil
}

// unbounded refuses a program that would get around its bounds. It may not call what is
// only for jq itself, nor give a function the name of one that has a cost.
func unbounded(q *gojq.Query) (err error) {
	calls, defines := make(map[string]*gojq.Func), make(map[string]bool)
	visitor{
		call: func(f *gojq.Func) { calls[nameOf(f)] = f },
		def: func(d *gojq.FuncDef) {
			defines[definitionOf(d)] = true
			for _, arg := range d.Args {
				defines[strings.TrimPrefix(arg, "$")+"/0"] = true
			}
		},
	}.walk(q)
	for _, name := range slices.Sorted(maps.Keys(calls)) {
		f := calls[name]
		switch {
		case strings.HasPrefix(name, "$__") && name != "$__loc__/0":
			err = errors.Join(err, fmt.Errorf("uses %s, which is the gateway's", f.Name))
		case name[0] == '_' && (!defines[name] || native(f)):
			err = errors.Join(err, fmt.Errorf("uses %s, which is jq's own", f.Name))
		case defines[name] && bounded[name]:
			err = errors.Join(err, fmt.Errorf("defines %s, which jq has already; give it another name", f.Name))
		}
	}
	return err
}

// native reports whether jq has a function.
func native(f *gojq.Func) bool {
	args := slices.Repeat([]*gojq.Query{parsed(".")}, len(f.Args))
	_, err := gojq.Compile(call(f.Name, args...))
	return err == nil
}

// bounded are the functions that a program gets with their cost.
var bounded = func() map[string]bool {
	all := map[string]bool{"tostring/0": true, "tojson/0": true, "getpath/1": true, "map_values/1": true}
	for name := range costs {
		all[name] = true
	}
	for _, d := range parsed(restated).FuncDefs {
		all[definitionOf(d)] = true
	}
	return all
}()

func definitionOf(d *gojq.FuncDef) string { return fmt.Sprintf("%s/%d", d.Name, len(d.Args)) }
