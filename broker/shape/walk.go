package shape

import "github.com/itchyny/gojq"

// visitor is called with each part of a program; nil functions are not.
type visitor struct {
	query func(*gojq.Query)
	def   func(*gojq.FuncDef)
	term  func(*gojq.Term)
	call  func(*gojq.Func)
	index func(*gojq.Index)
	text  func(*gojq.String)
}

// walk visits a query and all that it consists of.
func (v visitor) walk(q *gojq.Query) {
	if q == nil {
		return
	}
	if v.query != nil {
		v.query(q)
	}
	for _, d := range q.FuncDefs {
		if v.def != nil {
			v.def(d)
		}
		v.walk(d.Body)
	}
	v.inTerm(q.Term)
	v.walk(q.Left)
	v.walk(q.Right)
	v.patterns(q.Patterns)
}

func (v visitor) inTerm(t *gojq.Term) {
	if t == nil {
		return
	}
	if v.term != nil {
		v.term(t)
	}
	v.inIndex(t.Index)
	if t.Func != nil {
		if v.call != nil {
			v.call(t.Func)
		}
		for _, a := range t.Func.Args {
			v.walk(a)
		}
	}
	if t.Object != nil {
		for _, kv := range t.Object.KeyVals {
			if kv.Key != "" && kv.Key[0] == '$' && v.call != nil { // {$x} is {x: $x}
				v.call(&gojq.Func{Name: kv.Key})
			}
			v.inText(kv.KeyString)
			v.walk(kv.KeyQuery)
			v.walk(kv.Val)
		}
	}
	if t.Array != nil {
		v.walk(t.Array.Query)
	}
	if t.Unary != nil {
		v.inTerm(t.Unary.Term)
	}
	v.inText(t.Str)
	v.control(t)
	v.walk(t.Query)
	for _, s := range t.SuffixList {
		v.inIndex(s.Index)
	}
}

func (v visitor) control(t *gojq.Term) {
	if t.If != nil {
		v.walk(t.If.Cond)
		v.walk(t.If.Then)
		for _, e := range t.If.Elif {
			v.walk(e.Cond)
			v.walk(e.Then)
		}
		v.walk(t.If.Else)
	}
	if t.Try != nil {
		v.walk(t.Try.Body)
		v.walk(t.Try.Catch)
	}
	if t.Reduce != nil {
		v.walk(t.Reduce.Query)
		v.patterns(t.Reduce.Patterns)
		v.walk(t.Reduce.Start)
		v.walk(t.Reduce.Update)
	}
	if t.Foreach != nil {
		v.walk(t.Foreach.Query)
		v.patterns(t.Foreach.Patterns)
		v.walk(t.Foreach.Start)
		v.walk(t.Foreach.Update)
		v.walk(t.Foreach.Extract)
	}
	if t.Label != nil {
		v.walk(t.Label.Body)
	}
}

func (v visitor) inIndex(i *gojq.Index) {
	if i != nil {
		if v.index != nil {
			v.index(i)
		}
		v.inText(i.Str)
		v.walk(i.Start)
		v.walk(i.End)
	}
}

func (v visitor) inText(s *gojq.String) {
	if s != nil {
		if v.text != nil {
			v.text(s)
		}
		for _, q := range s.Queries {
			v.walk(q)
		}
	}
}

func (v visitor) patterns(all []*gojq.Pattern) {
	for _, p := range all {
		if p == nil {
			continue
		}
		v.patterns(p.Array)
		for _, o := range p.Object {
			v.inText(o.KeyString)
			v.walk(o.KeyQuery)
			v.patterns([]*gojq.Pattern{o.Val})
		}
	}
}
