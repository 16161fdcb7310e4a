package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"sluice/cmd/internal/typo"
	"sluice/stream/cursor"
)

// yamlFile collects what a YAML file says.
type yamlFile struct {
	name string
	dir  string // of the file: what relative names count from

	values      []value // in the order of the file
	sourceLines map[string]sourceLine
	findings    Findings
	wrong       []string // keys of sections, given but not to be understood
	misread     bool     // the text says something else than was meant: only that is worth saying
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)

// parse reads the whole text into values. What is no key at all becomes a finding.
func (f *yamlFile) parse(text []byte) {
	f.sourceLines[""] = sourceLine{file: f.name}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, second yaml.Node
	err := decoder.Decode(&document)
	if errors.Is(err, io.EOF) {
		return // nothing but comments: the environment may say it all
	}
	if err == nil {
		if err = decoder.Decode(&second); err == nil {
			f.unreadable(second.Line, "", "a second document begins here: sluice reads one, so remove the line \"---\"")
			return
		} else if errors.Is(err, io.EOF) {
			err = nil
		}
	}
	if err != nil {
		line, advice := syntaxFault(text, err)
		f.unreadable(line, "", advice)
		return
	}
	if root := document.Content[0]; !isNull(root) {
		f.node("", root)
	}
}

// unreadable is a fault after which the rest of the file can't be taken at its word.
func (f *yamlFile) unreadable(line int, key, text string) {
	f.findings = Findings{{sourceLine: sourceLine{file: f.name, line: line}, Key: key, Text: text}}
	f.misread = true
}

func (f *yamlFile) fault(line int, key, text string) {
	if f.misread {
		return
	}
	f.findings = append(f.findings, Finding{sourceLine: sourceLine{file: f.name, line: line}, Key: key, Text: text})
}

// node takes up what stands at key.
func (f *yamlFile) node(key string, n *yaml.Node) {
	n = resolveAlias(n)
	pattern, _ := split(key)
	k, isKey := byPath[pattern]
	isSection := sections[pattern]
	slip := ""
	if isSection {
		slip = sectionSlip(n, below(pattern))
	}
	if isKey && slip == "" {
		slip = valueSlip(n, k)
	}
	switch {
	case isNull(n): // only what has a name, which the environment may complete
	case n.Kind == yaml.MappingNode && isSection:
		f.mapping(key, n)
	case slip != "":
		f.unreadable(n.Line, "", slip)
	case n.Kind == yaml.ScalarNode && isKey:
		f.values = append(f.values, value{key: key, text: n.Value, dir: f.dir, sourceLine: f.sourceLines[key]})
	case n.Kind == yaml.SequenceNode && key == issuers:
		for i, item := range n.Content {
			child := issuer(i)
			f.sourceLines[child] = sourceLine{file: f.name, line: item.Line}
			f.node(child, item)
		}
	case n.Kind == yaml.SequenceNode && isKey:
		f.sequence(key, n)
	case isSection:
		f.wrong = append(f.wrong, key)
		f.fault(n.Line, key, keysNeeded(pattern))
	default:
		f.wrong = append(f.wrong, key)
		f.fault(n.Line, key, fmt.Sprintf("has keys of its own, but one %s is needed: write it on this line", k.Kind()))
	}
}

// keysNeeded says that a section was given a value, and how its keys are written.
func keysNeeded(section string) string {
	names := below(section)
	if section == "streams" {
		return "keys are needed here, a stream's name and below it its keys: write streams: {orders: {topic: order-topic, user: key}}"
	}
	if section == "deliveries" {
		return "keys are needed here, a delivery's name and below it its keys: write deliveries: {order-mail: {stream: orders, http: {url: …}}}"
	}
	return fmt.Sprintf("keys are needed here, such as %s: write %s: {%s: …}", strings.Join(names, ", "), section[strings.LastIndexByte(section, '.')+1:], names[0])
}

func (f *yamlFile) sequence(key string, n *yaml.Node) {
	list := []string{}
	pattern, _ := split(key)
	for _, item := range n.Content {
		if item.Kind != yaml.ScalarNode {
			f.wrong = append(f.wrong, key)
			f.fault(item.Line, key, "each item of this list must be a plain text: write it without keys or brackets")
			return
		}
		if advice := valueSlip(item, byPath[pattern]); advice != "" {
			f.unreadable(item.Line, "", advice)
			return
		}
		list = append(list, item.Value)
	}
	f.values = append(f.values, value{key: key, list: list, dir: f.dir, sourceLine: f.sourceLines[key]})
}

// mapping takes up a section.
func (f *yamlFile) mapping(key string, n *yaml.Node) {
	pattern, _ := split(key)
	lines := map[string]int{} // where each name was first seen
	for _, p := range f.pairs(key, n, map[*yaml.Node]bool{}) {
		name, line := p.name.Value, p.name.Line
		child := join(key, name)
		childPattern, _ := split(child)
		first, seen := lines[name]
		if before, _, tight := strings.Cut(name, ":"); tight && isNull(p.content) && plainKey.MatchString(before) {
			f.unreadable(line, "", noSpace(before))
			return
		}
		if pattern == "" && strings.HasPrefix(name, "x-") {
			continue // a place for anchors
		}
		if pattern == "streams" && f.keysBesideTheirStream(n, name, p.content) {
			return
		}
		switch {
		case seen && p.merged: // the section itself has the word
		case seen:
			f.fault(line, child, fmt.Sprintf("is given twice: keep one, the first is on line %d", first))
		case slices.Contains(namedSections, pattern) && !cursor.ValidName(name):
			f.wrong = append(f.wrong, pattern)
			f.fault(line, child, errNames[pattern])
		case byPath[childPattern] == nil && !sections[childPattern]:
			if child == "auth.none" {
				f.wrong = append(f.wrong, pattern)
			}
			f.fault(line, child, unknownKey(pattern, name))
		case isNull(p.content) && !slices.Contains(namedSections, pattern):
			// "kafka:" with nothing after it is as good as not written
		default:
			f.sourceLines[child] = sourceLine{file: f.name, line: line}
			f.node(child, p.content)
		}
		if !seen {
			lines[name] = line
		}
	}
}

// keysBesideTheirStream reports, as the file's only fault, keys of a stream that stand
// under streams itself.
func (f *yamlFile) keysBesideTheirStream(streams *yaml.Node, name string, content *yaml.Node) bool {
	if byPath[streamSection+"."+name] == nil || content.Kind == yaml.MappingNode {
		return false
	}
	above := ""
	var lines []string
	for i := 0; i+1 < len(streams.Content); i += 2 {
		key, value := streams.Content[i], streams.Content[i+1]
		switch {
		case byPath[streamSection+"."+key.Value] != nil && value.Kind != yaml.MappingNode:
			lines = append(lines, strconv.Itoa(key.Line))
		case len(lines) == 0:
			above = key.Value
		}
	}
	line, _ := strconv.Atoi(lines[0])
	text := "is a key of a stream: write the stream's name above it and indent it below the name"
	switch {
	case above != "" && len(lines) == 1:
		text = fmt.Sprintf("is a key of the stream %s: indent this line below it", above)
	case above != "":
		text = fmt.Sprintf("is a key of the stream %s: indent the lines %s below it", above, strings.Join(lines, ", "))
	}
	f.unreadable(line, "streams."+name, text)
	return true
}

// pair is one key of a mapping.
type pair struct {
	name, content *yaml.Node
	merged        bool // it came by "<<"
}

// pairs lists a mapping's own keys and then, as YAML's "<<" wants it, those of the
// mappings it merges in.
func (f *yamlFile) pairs(key string, n *yaml.Node, visited map[*yaml.Node]bool) []pair {
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
			source = resolveAlias(source)
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

// resolveAlias is what an alias stands for, or n itself.
func resolveAlias(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// unknownKey says that a section has no such key, and what was likely meant.
func unknownKey(section, name string) string {
	if section == "auth" && name == "none" {
		return "is no key but a value: write auth: none"
	}
	if near := typo.Closest(name, below(section)); near != "" {
		return fmt.Sprintf("there is no such key; did you mean %s?", near)
	}
	for _, k := range table {
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
