package sluice_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

const (
	markdownWidth = 100
	commentWidth  = 90
)

// comment matches a line of Go that is a comment, and no directive.
var comment = regexp.MustCompile(`^\s*//([^a-z]|$)`)

// TestLinesAreNarrow holds all Markdown and all Go comments. Code, tables and a word that
// is too long by itself (a URL) may be wider.
func TestLinesAreNarrow(t *testing.T) {
	for _, name := range prose(t) {
		text, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed, and not committed yet
		}
		if err != nil {
			t.Fatal(err)
		}
		wide := wideComments
		if path.Ext(name) == ".md" {
			wide = wideMarkdown
		}
		for _, line := range wide(string(text)) {
			t.Errorf("%s:%d: the line is too long: wrap Markdown at %d columns, comments at %d", name, line, markdownWidth, commentWidth)
		}
	}
}

func TestWideLines(t *testing.T) {
	long := strings.Repeat("word ", 20) + "end"
	for text, want := range map[string]int{
		long:                                  1,
		"- " + long:                           1,
		"| " + long + " |":                    0,
		"```\n" + long + "\n```":              0,
		"```\ncode\n```\n" + long:             1,
		"- " + strings.Repeat("x", 120):       0,
		strings.Repeat("ü", markdownWidth):    0,
		strings.Repeat("ü ", markdownWidth/2): 0,
	} {
		if got := len(wideMarkdown(text)); got != want {
			t.Errorf("Markdown %q: %d lines too long, want %d", text, got, want)
		}
	}
	for text, want := range map[string]int{
		"\t// " + long:          1,
		"//nolint:x // " + long: 0,
		"x := 1 // " + long:     0,
	} {
		if got := len(wideComments(text)); got != want {
			t.Errorf("Go %q: %d lines too long, want %d", text, got, want)
		}
	}
}

// wideMarkdown are the numbers of the lines that are too long.
func wideMarkdown(text string) (wide []int) {
	code := false
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			code = !code
		}
		table := strings.HasPrefix(line, "|")
		if !code && !table && tooWide(line, markdownWidth) {
			wide = append(wide, i+1)
		}
	}
	return wide
}

// wideComments are the same of Go. It looks at whole lines: a comment behind code is
// bound by gofmt.
func wideComments(text string) (wide []int) {
	for i, line := range strings.Split(text, "\n") {
		if comment.MatchString(line) && tooWide(line, commentWidth) {
			wide = append(wide, i+1)
		}
	}
	return wide
}

// tooWide reports whether a line has more columns, of which a tab takes one, and could be
// wrapped.
func tooWide(line string, columns int) bool {
	words := strings.Fields(strings.TrimLeft(line, " \t/-*0123456789."))
	return utf8.RuneCountInString(line) > columns && len(words) > 1
}

// prose are the Go and Markdown files of the project.
func prose(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("git", "ls-files", "*.go", "*.md").Output()
	if err != nil {
		t.Skipf("no git repository: %v", err)
	}
	return strings.Fields(string(out))
}
