package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"sluice/cmd/internal/typo"
	"sluice/stream/cursor"
)

// file collects what a YAML file says.
type file struct {
	name string
	dir  string // of the file: what relative names count from

	values   []value // in the order of the file
	places   map[string]place
	findings Findings
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)

// parse reads the whole text into values. What is no key at all becomes a finding.
func (f *file) parse(text []byte) {
	f.places[""] = place{file: f.name}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, second yaml.Node
	err := decoder.Decode(&document)
	if errors.Is(err, io.EOF) {
		return // nothing but comments: the environment may say it all
	}
	if err == nil {
		if err = decoder.Decode(&second); err == nil {
			f.fault(second.Line, "", "a second document begins here: sluice reads one, so remove the line \"---\"")
		} else if errors.Is(err, io.EOF) {
			err = nil
		}
	}
	if err != nil {
		match := yamlLine.FindStringSubmatch(err.Error())
		line, _ := strconv.Atoi(match[1]) // no number: the file as a whole
		f.fault(line, "", "is not YAML: "+strings.TrimPrefix(err.Error(), match[0]))
		return
	}
	if root := document.Content[0]; !isNull(root) {
		f.node("", root)
	}
}

func (f *file) fault(line int, key, text string) {
	f.findings = append(f.findings, Finding{place: place{file: f.name, line: line}, Key: key, Text: text})
}

// node takes up what stands at key.
func (f *file) node(key string, n *yaml.Node) {
	n = followed(n)
	pattern, _ := split(key)
	k, isKey := byPath[pattern]
	isSection := sections[pattern]
	switch {
	case isNull(n): // only a stream, which the environment may complete
	case n.Kind == yaml.MappingNode && isSection:
		f.mapping(key, n)
	case n.Kind == yaml.ScalarNode && isKey:
		f.values = append(f.values, value{key: key, text: n.Value, dir: f.dir, place: f.places[key]})
	case n.Kind == yaml.SequenceNode && key == issuers:
		for i, item := range n.Content {
			child := issuer(i)
			f.places[child] = place{file: f.name, line: item.Line}
			f.node(child, item)
		}
	case n.Kind == yaml.SequenceNode && isKey:
		f.sequence(key, n)
	case isSection:
		f.fault(n.Line, key, fmt.Sprintf("keys are needed here, such as %s", strings.Join(below(pattern), ", ")))
	default:
		f.fault(n.Line, key, fmt.Sprintf("has keys of its own, but one %s is needed", k.Kind()))
	}
}

func (f *file) sequence(key string, n *yaml.Node) {
	list := []string{}
	for _, item := range n.Content {
		if item.Kind != yaml.ScalarNode {
			f.fault(item.Line, key, "each item of this list must be a plain text")
			return
		}
		list = append(list, item.Value)
	}
	f.values = append(f.values, value{key: key, list: list, dir: f.dir, place: f.places[key]})
}

// mapping takes up a section.
func (f *file) mapping(key string, n *yaml.Node) {
	pattern, _ := split(key)
	lines := map[string]int{} // where each name was first seen
	for _, p := range f.pairs(key, n, map[*yaml.Node]bool{}) {
		name, line := p.name.Value, p.name.Line
		child := join(key, name)
		childPattern, _ := split(child)
		first, seen := lines[name]
		switch {
		case seen && p.merged: // the section itself has the word
		case seen:
			f.fault(line, child, fmt.Sprintf("is given twice; the first is on line %d", first))
		case pattern == "streams" && !cursor.ValidName(name):
			f.fault(line, child, errName)
		case byPath[childPattern] == nil && !sections[childPattern]:
			f.fault(line, child, unknown(pattern, name))
		case isNull(p.content) && pattern != "streams":
			// "kafka:" with nothing after it is as good as not written
		default:
			f.places[child] = place{file: f.name, line: line}
			f.node(child, p.content)
		}
		if !seen {
			lines[name] = line
		}
	}
}

// pair is one key of a mapping.
type pair struct {
	name, content *yaml.Node
	merged        bool // it came by "<<"
}

// pairs lists a mapping's own keys and then, as YAML's "<<" wants it, those of the mappings it merges in.
func (f *file) pairs(key string, n *yaml.Node, visited map[*yaml.Node]bool) []pair {
	visited[n] = true // a mapping that merges itself ends here
	var own, merged []pair
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, content := n.Content[i], n.Content[i+1]
		if name.ShortTag() != "!!merge" {
			own = append(own, pair{name: name, content: content})
			continue
		}
		sources := []*yaml.Node{content}
		if content.Kind == yaml.SequenceNode {
			sources = content.Content
		}
		for _, source := range sources {
			source = followed(source)
			if source.Kind != yaml.MappingNode {
				f.fault(source.Line, join(key, "<<"), "can merge in mappings only, such as *defaults")
				continue
			}
			if visited[source] {
				continue
			}
			for _, p := range f.pairs(key, source, visited) {
				p.merged = true
				merged = append(merged, p)
			}
		}
	}
	return append(own, merged...)
}

// followed is what an alias stands for, or n itself.
func followed(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// unknown says that a section has no such key, and what was likely meant.
func unknown(section, name string) string {
	if near := typo.Closest(name, below(section)); near != "" {
		return fmt.Sprintf("there is no such key; did you mean %s?", near)
	}
	for _, k := range keys {
		if strings.HasSuffix(k.Path, "."+name) { // right word, wrong section
			return fmt.Sprintf("there is no such key here; did you mean %s?", k.Path)
		}
	}
	names := below(section)
	return "there is no such key; there are " + strings.Join(names, ", ")
}

func join(section, name string) string {
	if section == "" {
		return name
	}
	return section + "." + name
}
