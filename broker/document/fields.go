package document

import "github.com/tidwall/gjson"

// Fields are paths of a document, as a tree.
type Fields struct {
	whole bool // a path ends here
	names map[string]*Fields
	index map[int]*Fields // every is a key too
}

// NewFields returns paths as a tree.
func NewFields(paths []Path) *Fields {
	root := &Fields{}
	for _, p := range paths {
		at := root
		for _, s := range p {
			at = at.below(s)
		}
		at.whole = true
	}
	return root
}

// below returns the node that a step leads to, and makes it if there is none.
func (f *Fields) below(s step) *Fields {
	next := f.names[s.name]
	if next == nil {
		next = &Fields{}
		if f.names == nil {
			f.names, f.index = make(map[string]*Fields), make(map[int]*Fields)
		}
		f.names[s.name] = next
		if s.index != noIndex { // it may be an object's or an array's
			f.index[s.index] = next
		}
	}
	return next
}

// elements returns the nodes that an array's element is under: by its number, and by *.
func (f *Fields) elements(i int) (nodes [2]*Fields) { return [2]*Fields{f.index[i], f.index[every]} }

// AppendKept appends of a document only what is under the paths, in its own text and
// order. false: there was nothing that could have members or elements.
func (f *Fields) AppendKept(dst []byte, doc gjson.Result) ([]byte, bool) {
	return appendKept(dst, doc, [2]*Fields{f})
}

func appendKept(dst []byte, doc gjson.Result, under [2]*Fields) ([]byte, bool) {
	if whole(under) {
		return append(dst, doc.Raw...), true
	}
	if !doc.IsObject() && !doc.IsArray() {
		return dst, false
	}
	w := beginWriter(dst, doc)
	i := 0
	doc.ForEach(func(key, value gjson.Result) bool {
		below := next(under, key, i)
		i++
		if below == ([2]*Fields{}) {
			return true
		}
		before := w
		w.item(key)
		var kept bool
		if w.out, kept = appendKept(w.out, value, below); !kept {
			w = before
		}
		return true
	})
	return w.end(), true
}

// AppendWithout appends a document without what is under the paths, the rest in its own
// text and order.
func (f *Fields) AppendWithout(dst []byte, doc gjson.Result) []byte {
	return appendWithout(dst, doc, [2]*Fields{f})
}

func appendWithout(dst []byte, doc gjson.Result, under [2]*Fields) []byte {
	if under == ([2]*Fields{}) || !doc.IsObject() && !doc.IsArray() {
		return append(dst, doc.Raw...)
	}
	w := beginWriter(dst, doc)
	i := 0
	doc.ForEach(func(key, value gjson.Result) bool {
		below := next(under, key, i)
		i++
		if whole(below) {
			return true
		}
		w.item(key)
		w.out = appendWithout(w.out, value, below)
		return true
	})
	return w.end()
}

func whole(under [2]*Fields) bool {
	return under[0] != nil && under[0].whole || under[1] != nil && under[1].whole
}

// next returns the nodes below, for a member or for the element i. Of a number and * that
// meet again further down, the first two count, which is all there can be of one level.
func next(under [2]*Fields, key gjson.Result, i int) (below [2]*Fields) {
	n := 0
	add := func(f *Fields) {
		switch {
		case f == nil:
		case n < len(below):
			below[n] = f
			n++
		default:
			below[1] = merge(below[1], f)
		}
	}
	for _, f := range under {
		switch {
		case f == nil:
		case key.Type == gjson.String: // of an element it is a number
			add(f.names[key.Str])
		default:
			for _, e := range f.elements(i) {
				add(e)
			}
		}
	}
	return below
}

// merge returns a node that has what two have.
func merge(a, b *Fields) *Fields {
	m := &Fields{whole: a.whole || b.whole, names: make(map[string]*Fields), index: make(map[int]*Fields)}
	for _, f := range []*Fields{a, b} {
		for name, next := range f.names {
			if was := m.names[name]; was != nil {
				next = merge(was, next)
			}
			m.names[name] = next
		}
		for i, next := range f.index {
			if was := m.index[i]; was != nil {
				next = merge(was, next)
			}
			m.index[i] = next
		}
	}
	return m
}

// writer writes an object or an array, item by item.
type writer struct {
	out    []byte
	closes byte
	some   bool
}

func beginWriter(dst []byte, doc gjson.Result) writer {
	if doc.IsObject() {
		return writer{out: append(dst, '{'), closes: '}'}
	}
	return writer{out: append(dst, '['), closes: ']'}
}

func (w *writer) item(key gjson.Result) {
	if w.some {
		w.out = append(w.out, ',')
	}
	w.some = true
	if key.Type == gjson.String {
		w.out = append(append(w.out, key.Raw...), ':')
	}
}

func (w *writer) end() []byte { return append(w.out, w.closes) }
