// Package shape says which records a page may see, and in what shape: a jq filter, a jq
// program or lists of fields, and an envelope around what is left.
//
// shape.go puts it together. program.go compiles and runs jq. budget.go bounds its steps
// and its time, and costs.go says what counts as more than one step; patterns.go says it
// of regular expressions. bounds.go rewrites a program so that this is counted, with the
// functions of guards.go. It makes new parts by rewrite.go, and states some of jq's own
// functions again (restate.go). pure.go refuses what would make two gateways disagree.
// advice.go finds what a record could make expensive. They visit a program's parts by
// walk.go. encode.go writes what a program returns. envelope.go puts data into an
// envelope.
package shape

import (
	"cmp"
	"errors"
	"fmt"

	"sluice/broker/document"
)

// Config says what a shape does. The zero value does nothing.
type Config struct {
	Filter    string   // jq; "" all
	Transform string   // jq; "" as it is
	Keep      []string // paths of the fields that are left; none: all
	Drop      []string // paths of the fields that are not
	Max       int      // bytes of what comes out
}

// defaultMax is what Kafka's brokers accept of a record by default.
const defaultMax = 1 << 20

// IsZero reports whether the shape does nothing.
func (c Config) IsZero() bool {
	return c.Filter == "" && c.Transform == "" && len(c.Keep) == 0 && len(c.Drop) == 0
}

// Shape is a compiled configuration. It is safe for concurrent use.
type Shape struct {
	filter    *program
	transform *program
	keep      *document.Fields
	drop      *document.Fields
	max       int
}

// New compiles a shape; nil if it would do nothing. Its errors begin with the key
// at fault, which is below a stream's.
func New(c Config) (*Shape, error) {
	if c.IsZero() {
		return nil, nil
	}
	s := &Shape{max: c.Max}
	var errs []error
	compile := func(key, text string) *program {
		if text == "" {
			return nil
		}
		p, err := newProgram(text, cmp.Or(c.Max, defaultMax))
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", key, err))
		}
		return p
	}
	s.filter, s.transform = compile("filter", c.Filter), compile("transform", c.Transform)
	if s.transform != nil && len(c.Keep)+len(c.Drop) > 0 {
		errs = append(errs, errors.New("transform: goes with neither keep nor drop; let the program leave fields out, such as del(.cost)"))
	}
	fields := func(key string, texts []string) *document.Fields {
		if len(texts) == 0 {
			return nil
		}
		var paths []document.Path
		for _, text := range texts {
			p, err := document.ParsePath(text)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %q %w; write a field's PATH, as in customer.email", key, text, err))
			}
			paths = append(paths, p)
		}
		return document.NewFields(paths)
	}
	s.keep, s.drop = fields("keep", c.Keep), fields("drop", c.Drop)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return s, nil
}

// Verdict is what comes of a record.
type Verdict uint8

// What can come of a record.
const (
	Shown    Verdict = iota // it is shown, in its shape
	Filtered                // the filter drops it
	Empty                   // nothing is left of it
	Failed                  // the filter or the shape failed
)

// Passes says what the filter does with a document. Without a filter all are shown.
func (s *Shape) Passes(doc []byte) (Verdict, error) {
	if s.filter == nil {
		return Shown, nil
	}
	in, err := decode(doc)
	if err != nil {
		return Failed, err
	}
	return s.judge(in)
}

func (s *Shape) judge(in any) (Verdict, error) {
	out, n, err := s.filter.run(in)
	switch {
	case err != nil:
		return Failed, fmt.Errorf("filter: %w", err)
	case n == 0 || out == nil || out == false:
		return Filtered, nil
	}
	return Shown, nil
}

// Apply appends the shape of a document to dst, unless it isn't shown.
func (s *Shape) Apply(dst, doc []byte) ([]byte, Verdict, error) {
	if s.filter != nil || s.transform != nil {
		in, err := decode(doc)
		if err != nil {
			return dst, Failed, err
		}
		if s.filter != nil {
			if v, err := s.judge(in); v != Shown {
				return dst, v, err
			}
		}
		if s.transform != nil {
			return s.transformed(dst, in)
		}
	}
	return s.fields(dst, doc)
}

func (s *Shape) transformed(dst []byte, in any) ([]byte, Verdict, error) {
	out, n, err := s.transform.run(in)
	if err == nil && n > 0 {
		if dst, err = appendJSON(dst, out, s.max); err == nil {
			return dst, Shown, nil
		}
	}
	if err != nil {
		return dst, Failed, fmt.Errorf("transform: %w", err)
	}
	return dst, Empty, nil
}

// fields keeps and drops fields of a document.
func (s *Shape) fields(dst, doc []byte) ([]byte, Verdict, error) {
	if s.keep == nil && s.drop == nil {
		return append(dst, doc...), Shown, nil
	}
	root, ok := document.Parse(doc)
	if !ok {
		return dst, Failed, errNoJSON
	}
	if s.keep != nil {
		var out []byte
		if s.drop == nil {
			out = dst
		}
		kept, ok := s.keep.AppendKept(out, root)
		switch {
		case !ok:
			return dst, Failed, errors.New("keep: it is neither an object nor an array, so it has no fields")
		case s.drop == nil:
			return kept, Shown, nil
		}
		root, _ = document.Parse(kept)
	}
	return s.drop.AppendWithout(dst, root), Shown, nil
}

// Reshapes reports whether what is shown differs from the document.
func (s *Shape) Reshapes() bool { return s.transform != nil || s.keep != nil || s.drop != nil }
