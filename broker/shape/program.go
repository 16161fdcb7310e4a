package shape

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/itchyny/gojq"

	"sluice/broker/document"
)

const maxProgram = 64 << 10 // bytes of a program's text

// program is a compiled jq program.
type program struct {
	query *gojq.Query
	limit int // bytes of a text

	mu sync.Mutex // guards the interpreter
	interpreter
}

// interpreter runs a program.
type interpreter struct {
	code     *gojq.Code
	patterns *patterns
}

// newProgram compiles a program, of which no text may have more than limit bytes.
func newProgram(text string, limit int) (*program, error) {
	if len(text) > maxProgram {
		return nil, fmt.Errorf("has more than %d bytes", maxProgram)
	}
	query, err := gojq.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("is not jq: %w", err)
	}
	if err := errors.Join(pure(query), unbounded(query)); err != nil {
		return nil, err
	}
	bound(query)
	p := &program{query: query, limit: limit}
	if p.interpreter, err = interpreterOf(query); err != nil {
		return nil, fmt.Errorf("is not jq: %w", err)
	}
	return p, nil
}

func interpreterOf(query *gojq.Query) (interpreter, error) {
	code, err := gojq.Compile(query, append(slices.Clip(guards), gojq.WithVariables([]string{budgetName}))...)
	return interpreter{code, new(patterns)}, err
}

// current is the interpreter for the next run.
func (p *program) current() (interpreter, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	if p.patterns.areMany() {
		p.interpreter, err = interpreterOf(p.query)
	}
	return p.interpreter, err
}

var errMore = errors.New("the program has more than one output; put them into an array: [ … ]")

// run returns what the program makes of a value, and how many outputs that were: none
// or one.
func (p *program) run(in any) (out any, n int, err error) {
	if out, n, err = p.try(in); errors.Is(err, errTime) {
		out, n, err = p.try(in) // a busy machine may have taken the time, and two gateways must agree
	}
	return out, n, err
}

func (p *program) try(in any) (out any, n int, err error) {
	defer func() {
		// A program must not end the gateway, whatever it finds in its interpreter. What the
		// interpreter says may quote the record.
		if recover() != nil {
			out, n, err = nil, 0, errors.New("the program failed: its interpreter gave up")
		}
	}()
	with, err := p.current()
	if err != nil {
		return nil, 0, err
	}
	within := newBudget(p.limit, with.patterns)
	outputs := with.code.RunWithContext(within, in, within)
	for {
		v, ok := outputs.Next()
		if !ok {
			return out, n, nil
		}
		if err, failed := v.(error); failed {
			if within.exceeded != nil {
				return nil, 0, within.exceeded
			}
			return nil, 0, inWords(err)
		}
		if n++; n > 1 {
			return nil, 0, errMore
		}
		out = v
	}
}

// inWords is a program's error without what it quotes: the record isn't for everybody
// who may read the log.
func inWords(err error) error {
	var why refused
	if errors.As(err, &why) {
		return errors.New("the program failed: " + why.Error())
	}
	var value gojq.ValueError
	if errors.As(err, &value) {
		return errors.New("the program ends with error(…)")
	}
	text := fmt.Sprintf("%T", err)
	for _, known := range []struct{ kind, text string }{
		{"expectedObject", "it finds no object where it needs one"},
		{"expectedArray", "it finds no array where it needs one"},
		{"iterator", "it goes through the elements of what has none"},
		{"func", "a function can't take what it is given"},
		{"binopType", "an operator can't take what it is given"},
		{"zero", "it divides by zero"},
		{"repeatString", "it makes a string that is too long"},
	} {
		if bytes.Contains([]byte(text), []byte(known.kind)) {
			return errors.New("the program failed: " + known.text)
		}
	}
	return errors.New("the program failed")
}

var errNoJSON = errors.New("it isn't JSON, so it can't be shaped")

// decode reads a document for a program. Numbers keep their digits.
func decode(doc []byte) (v any, err error) {
	if !document.Shallow(doc, document.MaxDepth) {
		return nil, errNoJSON
	}
	if longNumber(doc) {
		return nil, errDigits
	}
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	if err := d.Decode(&v); err != nil || d.InputOffset() < int64(len(bytes.TrimRight(doc, " \t\r\n"))) {
		return nil, errNoJSON
	}
	return v, nil
}
