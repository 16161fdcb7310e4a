package config

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxBisected is the longest text, in lines, of which the faulty line is looked for: each
// guess parses what comes before it.
const maxBisected = 1000

// syntaxFault says where a text stops being YAML, and what to write instead. The parser
// names the line at which it gave up, which is often not the line to mend.
func syntaxFault(text []byte, cause error) (line int, advice string) {
	match := yamlLine.FindStringSubmatch(cause.Error())
	line, _ = strconv.Atoi(match[1])
	said := strings.TrimPrefix(cause.Error(), match[0])
	lines := strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")
	if n := firstBad(lines); n > 0 {
		line = n
	}
	if line < 1 || line > len(lines) {
		return line, "is not YAML: " + said
	}
	if n := slices.IndexFunc(lines[:line], tabIndented); n >= 0 {
		return n + 1, "a tab: indent with spaces"
	}
	if advice := explainSyntax(lines, line, said); advice != "" {
		return line, advice
	}
	if n, advice := withoutSpace(lines, line); n > 0 {
		return n, advice
	}
	if n := withoutColon(lines, line); n > 0 {
		return n, "has no colon: write the key, a colon, a space and the value"
	}
	return line, "is not YAML: " + said
}

// firstBad returns the number of the first line with which the text is no longer YAML,
// however it goes on: 0 if it can't be told.
func firstBad(lines []string) int {
	if len(lines) > maxBisected {
		return 0
	}
	for n := len(lines); n > 0; n-- {
		if parses(strings.Join(lines[:n-1], "\n")) {
			return n
		}
	}
	return 0
}

func parses(text string) bool {
	decoder := yaml.NewDecoder(strings.NewReader(text))
	for {
		var n yaml.Node
		if err := decoder.Decode(&n); err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}

func tabIndented(line string) bool {
	indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
	return strings.Contains(indent, "\t") && strings.TrimSpace(line) != ""
}

// explainSyntax says what is wrong with the line, 1 for the first; "" if it isn't one of
// the usual slips. said is the parser's complaint.
func explainSyntax(lines []string, line int, said string) string {
	text := strings.TrimSpace(lines[line-1])
	value, scan := afterColon(text), scanLine(text)
	switch {
	case strings.Contains(said, "unknown anchor"):
		return said[strings.Index(said, "unknown anchor"):] + ": define it before, with & in front of its name, or put the value in quotes"
	case strings.Contains(said, "escape character"):
		return `a backslash between double quotes begins an escape: use single quotes`
	case strings.Contains(said, "control characters"), strings.Contains(said, "UTF-8"):
		return "has a character that can't be in a text file: save the file as UTF-8"
	case scan.start != 0:
		return fmt.Sprintf("a value can't begin with %c: put it in quotes", scan.start)
	case scan.quote != 0:
		return "a quote is opened here and never closed: write it once more after the value"
	case strings.Count(text, "[") > strings.Count(text, "]"):
		return "[ is opened here and never closed: write ] after the last item"
	case strings.Count(text, "{") > strings.Count(text, "}"):
		return "{ is opened here and never closed: write } after the last key"
	case strings.Count(text, "]") > strings.Count(text, "["), strings.Count(text, "}") > strings.Count(text, "{"):
		return "a bracket is closed here that was never opened: remove it"
	case tightFlow.MatchString(text), strings.Contains(text, ":{"):
		return "" // withoutSpace knows
	case !inFlow(value) && (strings.Contains(value, ": ") || strings.HasSuffix(value, ":")):
		return `a second colon on this line: put the value in quotes, such as "` + example(value) + `"`
	case strings.Contains(said, "could not find expected ':'"):
		return "" // withoutColon knows
	}
	return indentation(lines, line)
}

// afterColon is what follows a line's key, or its dash.
func afterColon(text string) string {
	text = strings.TrimSpace(strings.TrimPrefix(text, "- "))
	if _, value, ok := strings.Cut(text, ": "); ok {
		return strings.TrimSpace(value)
	}
	return ""
}

// example is a value to show in a cure: one that may be a secret is not repeated.
func example(value string) string {
	if len(value) > 16 || !plainWord.MatchString(value) {
		return "a: b"
	}
	return value
}

// plainWord is what selectors look like, so that nothing but them is repeated.
var plainWord = regexp.MustCompile(`^(?:value|header|key|user|everyone):`)

// indentation says that a line's is none of those above it; "" if it is.
func indentation(lines []string, line int) string {
	own := indent(lines[line-1])
	var open []int // the indents of what the line could belong to, the innermost last
	last := -1
	for _, l := range lines[:line-1] {
		if t := strings.TrimSpace(l); t == "" || strings.HasPrefix(t, "#") {
			continue
		}
		last = indent(l)
		for len(open) > 0 && open[len(open)-1] > last {
			open = open[:len(open)-1]
		}
		if len(open) == 0 || open[len(open)-1] < last {
			open = append(open, last)
		}
	}
	switch {
	case len(open) == 0 || slices.Contains(open, own):
		return ""
	case own > last:
		return fmt.Sprintf("is indented by %s, but the line above has its value already: indent both by %s", spaces(own), spaces(last))
	}
	var fitting []string
	for _, n := range open {
		fitting = append(fitting, strconv.Itoa(n))
	}
	return fmt.Sprintf("is indented by %s, but the lines above by %s: indent it like the lines it belongs to", spaces(own), strings.Join(fitting, " or "))
}

func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

func spaces(n int) string {
	if n == 1 {
		return "1 space"
	}
	return strconv.Itoa(n) + " spaces"
}

// withoutColon finds the line that lacks a colon: the given one, or the one above it,
// whose text runs on into it. 0: both have one.
func withoutColon(lines []string, line int) int {
	for n := line; n > 0 && n >= line-1; n-- {
		t := strings.TrimSpace(lines[n-1])
		if t != "" && !strings.Contains(t, ":") && !strings.HasPrefix(t, "#") && !strings.HasPrefix(t, "- ") {
			return n
		}
	}
	return 0
}
