package jsonxml

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
)

// randomJSON writes JSON values: all kinds of them, and every way to write a character.
type randomJSON struct {
	*rand.Rand
	out bytes.Buffer
}

func (r *randomJSON) value(depth int) {
	kind := r.IntN(8)
	if depth == 0 {
		kind = r.IntN(6)
	}
	switch kind {
	case 0, 1, 2:
		r.string(r.IntN(8))
	case 3:
		r.one("0", "-0", "1.50", "-12e+7", "9007199254740993", "0.000E-400")
	case 4:
		r.one("true", "false")
	case 5:
		r.one("null")
	case 6:
		r.list("[", "]", func() { r.value(depth - 1) })
	case 7:
		r.list("{", "}", func() {
			r.string(1 + r.IntN(4))
			r.space()
			r.out.WriteByte(':')
			r.value(depth - 1)
		})
	}
	r.space()
}

func (r *randomJSON) list(open, end string, one func()) {
	r.out.WriteString(open)
	for i := range r.IntN(5) {
		if i > 0 {
			r.out.WriteByte(',')
		}
		r.space()
		one()
	}
	r.space()
	r.out.WriteString(end)
}

func (r *randomJSON) one(of ...string) {
	r.space()
	r.out.WriteString(of[r.IntN(len(of))])
}

func (r *randomJSON) space() {
	if r.IntN(4) == 0 {
		r.out.WriteByte(" \t\r\n"[r.IntN(4)])
	}
}

func (r *randomJSON) string(n int) {
	r.out.WriteByte('"')
	for range n {
		switch r.IntN(10) {
		case 0:
			fmt.Fprintf(&r.out, `\u%04X`, r.IntN(1<<16)) // also half of a pair
		case 1:
			fmt.Fprintf(&r.out, `\u%04x`, r.IntN(32))
		case 2:
			r.out.WriteByte('\\')
			r.out.WriteByte(`"\/bfnrt`[r.IntN(8)])
		case 3:
			r.out.WriteRune([]rune("äßйЖ名前あ가\u0301\u00b7Ⅷ€\u2028\u0085\ufffe\uffff😀\U0010ffff")[r.IntN(18)])
		case 4:
			r.out.WriteByte("<>&'];:=/ -.09"[r.IntN(14)])
		case 5:
			r.out.WriteString([]string{"xml", "item", "entry", "]]>", "<!--", "%s"}[r.IntN(6)])
		default:
			r.out.WriteByte("abcXYZ_"[r.IntN(7)])
		}
	}
	r.out.WriteByte('"')
}

// pairs are random JSON values, each with the XML that it becomes.
func pairs(t *testing.T) [][2][]byte {
	seed := rand.Uint64()
	if text := os.Getenv("SLUICE_TEST_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("SLUICE_TEST_SEED=%d repeats the values", seed)
	r := &randomJSON{Rand: rand.New(rand.NewPCG(seed, 0))}
	all := make([][2][]byte, 10_000)
	for i := range all {
		r.out.Reset()
		r.value(r.IntN(6))
		all[i][0] = bytes.Clone(r.out.Bytes())
		root := []byte("<root " + Namespaces + ">")
		all[i][1] = append(AppendElement(root, "v", all[i][0]), "</root>"...)
	}
	return all
}

// node is an element that was read.
type node struct {
	xml.Name
	attributes map[string]string
	children   []*node
	text       string
}

// readXML reads a document, and returns its element.
func readXML(r io.Reader) (*node, error) {
	top := new(node)
	open := []*node{top}
	d := xml.NewDecoder(r)
	for {
		token, err := d.Token()
		if err == io.EOF {
			return top.children[0], nil
		}
		if err != nil {
			return nil, err
		}
		last := open[len(open)-1]
		switch token := token.(type) {
		case xml.StartElement:
			n := &node{Name: token.Name, attributes: map[string]string{}}
			for _, a := range token.Attr {
				n.attributes[a.Name.Local] = a.Value
			}
			last.children = append(last.children, n)
			open = append(open, n)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			last.text += string(token)
		}
	}
}

// plain takes the escapes out of an element's text or key, as UTF-16.
func (n *node) plain(text string) (units []uint16) {
	for len(text) > 0 {
		if n.attributes["escaped"] == "true" && strings.HasPrefix(text, `\u`) {
			u, err := strconv.ParseUint(text[2:6], 16, 16)
			if err != nil {
				panic(err)
			}
			units, text = append(units, uint16(u)), text[6:]
			continue
		}
		for _, r := range text {
			units, text = utf16.AppendRune(units, r), text[len(string(r)):]
			break
		}
	}
	return units
}

// json writes an element as JSON, by what the value that it came from is.
func (n *node) json(dst []byte, like *jsonValue) []byte {
	switch like.kind {
	case '{', '[':
		dst = append(dst, like.kind)
		for i, child := range n.children {
			if i >= len(like.values) {
				return append(dst, "too many"...)
			}
			if like.kind == '{' {
				key := child.plain(child.Local)
				if attribute, is := child.attributes["key"]; is {
					key = child.plain(attribute)
				}
				dst = appendUnits(dst, key)
			} else if child.Local != "item" {
				return append(dst, "no item"...)
			}
			dst = child.json(dst, like.values[i])
		}
		return append(dst, like.kind+2)
	case '"':
		return appendUnits(dst, n.plain(n.text))
	case 'n':
		if n.attributes["nil"] == "true" && n.text == "" {
			return append(dst, "null,"...)
		}
		return append(dst, "no null"...)
	}
	return append(append(dst, n.text...), ',')
}

func appendUnits(dst []byte, units []uint16) []byte { return fmt.Appendf(dst, "%04x,", units) }

// TestTenThousandValues reads back by encoding/xml what 10,000 random values become.
func TestTenThousandValues(t *testing.T) {
	for _, pair := range pairs(t) {
		root, err := readXML(bytes.NewReader(pair[1]))
		if err != nil {
			t.Fatalf("%s becomes\n%s: %v", pair[0], pair[1], err)
		}
		value, _ := readJSON(pair[0])
		if got, want := root.children[0].json(nil, value), value.json(nil); !bytes.Equal(got, want) {
			t.Fatalf("%s becomes\n%s, which is\n%s; want\n%s", pair[0], pair[1], got, want)
		}
	}
}

// TestTenThousandValuesByExpat has Python's expat read the same, and Python compare.
func TestTenThousandValuesByExpat(t *testing.T) {
	python, err := exec.LookPath("python3")
	switch {
	case err != nil && os.Getenv("SLUICE_TEST_ALL") == "1":
		t.Fatal("needs python3")
	case err != nil:
		t.Skip("needs python3")
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "pairs"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w := bufio.NewWriter(file)
	all := pairs(t)
	for _, pair := range all {
		fmt.Fprintln(w, base64.StdEncoding.EncodeToString(pair[0]), base64.StdEncoding.EncodeToString(pair[1]))
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(python, filepath.Join("testdata", "compare.py"), file.Name()).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != fmt.Sprint(len(all)) {
		t.Errorf("%v\n%s", err, out)
	}
}
