package sluice_test

import (
	"go/ast"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// mapped are the packages whose files are all on the map: each is named in the package's
// own comment, or in the package's section of ARCHITECTURE.md.
var mapped = []string{
	"stream", "stream/cursor", "stream/sse", "stream/ssetest",
	"server", "server/cors", "server/describe", "server/jsonxml", "server/limit", "server/listen", "server/logins", "server/metrics", "server/operators",
	"server/pages", "server/response", "server/status",
	"cmd/internal/build", "cmd/internal/check", "cmd/internal/config", "cmd/internal/demo",
	"cmd/internal/doctor", "cmd/internal/e2e/checker", "cmd/internal/e2e/client",
	"cmd/internal/e2e/gateway", "cmd/internal/e2e/proxy", "cmd/internal/gateway",
	"cmd/internal/reach", "cmd/internal/setup", "cmd/internal/tail", "cmd/internal/top",
	"cmd/sluice",
}

// A file that nobody has named is found by chance only.
func TestEveryFileIsOnTheMap(t *testing.T) {
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	docs, files := make(map[string]string), make(map[string][]string)
	for _, f := range sources(t) {
		dir := path.Dir(f.name)
		if f.isTest() || !slices.Contains(mapped, dir) {
			continue
		}
		files[dir] = append(files[dir], path.Base(f.name))
		docs[dir] += doc(f.tree)
	}
	for _, dir := range mapped {
		if len(files[dir]) == 0 {
			t.Errorf("%s is no package: take it from the list", dir)
		}
		named := docs[dir] + section(string(text), dir)
		for _, name := range files[dir] {
			if !names(named, name) {
				t.Errorf("%s/%s: name it in the package's comment, or under %s/ in ARCHITECTURE.md", dir, name, dir)
			}
		}
		for _, name := range goFile.FindAllString(named, -1) {
			if !slices.Contains(files[dir], name) {
				t.Errorf("%s/%s is on the map, and is no file", dir, name)
			}
		}
	}
}

var goFile = regexp.MustCompile(`\b[a-z0-9_]+\.go\b`)

func names(text, file string) bool { return slices.Contains(goFile.FindAllString(text, -1), file) }

func doc(f *ast.File) string {
	if f.Doc == nil {
		return ""
	}
	return f.Doc.Text()
}

// section is what ARCHITECTURE.md's file map has under the heading of a directory; "" if
// it has none.
func section(text, dir string) string {
	_, after, _ := strings.Cut(text, "### `"+dir+"/`")
	section, _, _ := strings.Cut(after, "\n#")
	return section
}

func TestNamesOfFiles(t *testing.T) {
	const text = "See `log.go`, and log_entries.go.\n"
	for file, want := range map[string]bool{"log.go": true, "log_entries.go": true, "entries.go": false, "og.go": false} {
		if names(text, file) != want {
			t.Errorf("%s: named %v", file, !want)
		}
	}
	if got := section("### `a/`: x\none\n### `b/`\ntwo\n", "a"); got != ": x\none" {
		t.Errorf("section: %q", got)
	}
}
