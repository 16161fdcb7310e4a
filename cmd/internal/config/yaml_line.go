package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// lineScan is what the characters of one line say, wherever in it a value begins.
type lineScan struct {
	quote byte // one that is opened and never closed; 0: none
	start byte // a character that a value begins with, and can't; 0: none
}

// scanLine reads a line as YAML does, so that a quote or a bracket inside a quoted text
// isn't taken for one.
func scanLine(text string) (s lineScan) {
	begins, flow := true, 0 // a value may begin here; brackets open
	for i := 0; i < len(text); i++ {
		c := text[i]
		next := byte(' ')
		if i+1 < len(text) {
			next = text[i+1]
		}
		switch {
		case s.quote != 0 && (c == '\\' && s.quote == '"' || c == '\'' && s.quote == c && next == c):
			i++ // an escape
		case s.quote != 0 && c == s.quote:
			s.quote = 0
		case s.quote != 0, c == ' ':
		case c == '#' && (i == 0 || text[i-1] == ' '):
			return s
		case begins && (c == '"' || c == '\''):
			s.quote, begins = c, false
		case begins && (strings.IndexByte("@`%", c) >= 0 || c == '*' && strings.IndexByte(" ,]}", next) >= 0):
			s.start = c
			return s
		default:
			begins = c == '[' || c == '{' || c == ',' && flow > 0 || (c == ':' || begins && c == '-') && next == ' '
			flow += strings.Count("[{", string(c)) - strings.Count("]}", string(c))
		}
	}
	return s
}

// inFlow reports whether a value is a list or keys between brackets.
func inFlow(value string) bool { return value != "" && strings.ContainsAny(value[:1], "[{") }

var (
	tightBlock = regexp.MustCompile(`^(?:- )?([A-Za-z_]\w*):[^\s/]`)
	tightFlow  = regexp.MustCompile(`[{,]\s*([A-Za-z_]\w*):["'\[{]`)
)

// withoutSpace finds the line that has a colon and no space behind it: the given one, or
// the one above it, whose text runs on into it. 0: there is none.
func withoutSpace(lines []string, line int) (n int, advice string) {
	for n := line; n > 0 && n >= line-1; n-- {
		text := strings.TrimSpace(lines[n-1])
		for _, tight := range []*regexp.Regexp{tightBlock, tightFlow} {
			if m := tight.FindStringSubmatch(text); m != nil {
				return n, noSpace(m[1])
			}
		}
	}
	return 0, ""
}

func noSpace(key string) string { return fmt.Sprintf(`a space is missing after "%s:"`, key) }

var (
	plainKey  = regexp.MustCompile(`^[a-z_]\w*$`)
	equalSign = regexp.MustCompile(`^([a-z_]\w*) ?= ?`)
)

// valueSlip says what is wrong with a value that is YAML, but not what was meant by it;
// "" is nothing.
func valueSlip(n *yaml.Node, of *Key) string {
	if n.Kind != yaml.ScalarNode || n.Style != 0 { // in quotes, or over several lines
		return ""
	}
	first, _ := utf8.DecodeRuneInString(n.Value)
	kind := of.Kind()
	switch {
	case kind != "secret" && strings.ContainsRune("“”„‘’‚«»", first):
		return `has typographic quotes: write " or '`
	case strings.HasSuffix(kind, "list") && len(n.Value) > 1 && first == '-':
		return "a space is missing after the dash"
	}
	return ""
}

// sectionSlip says what is wrong with a text in the place of a section that has keys of
// these names; "" is nothing.
func sectionSlip(n *yaml.Node, names []string) string {
	if n.Kind != yaml.ScalarNode || n.Style != 0 {
		return ""
	}
	if m := tightBlock.FindStringSubmatch(n.Value); m != nil && slices.Contains(names, m[1]) {
		return noSpace(m[1])
	}
	if m := equalSign.FindStringSubmatch(n.Value); m != nil {
		return fmt.Sprintf("an equals sign: write %s: and the value", m[1])
	}
	return ""
}
