package web

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	imported = regexp.MustCompile(`(?m)^import (?:\{([^}]*)\}|\* as \w+) from "(\./[^"]+)"`)
	exported = regexp.MustCompile(`(?m)^export (?:async )?(?:class|const|function\*?|let) (\w+)`)
)

// A module that imports what another doesn't export is a page that does nothing.
func TestModulesExportWhatIsImported(t *testing.T) {
	names := 0
	for _, dir := range []string{"demo", "console", "docs"} {
		modules, err := fs.Glob(files, dir+"/*.js")
		if err != nil {
			t.Fatal(err)
		}
		for _, module := range modules {
			text, err := fs.ReadFile(files, module)
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range imported.FindAllStringSubmatch(string(text), -1) {
				from := path.Join(dir, line[2])
				if from == "demo/follow.js" {
					from = "docs/follow.js" // the demo serves the docs' file
				}
				other, err := fs.ReadFile(files, from)
				if err != nil {
					t.Errorf("%s: %v", module, err)
					continue
				}
				exports := make(map[string]bool)
				for _, export := range exported.FindAllStringSubmatch(string(other), -1) {
					exports[export[1]] = true
				}
				for _, name := range strings.FieldsFunc(line[1], func(r rune) bool { return r == ',' || r == ' ' || r == '\n' }) {
					if names++; !exports[name] {
						t.Errorf("%s imports %s, which %s doesn't export", module, name, from)
					}
				}
			}
		}
	}
	if names < 50 {
		t.Errorf("%d imports were found", names)
	}
}

// docs/client.js is made from the sources of the client as they are now. Its first line,
// by bundle.mjs of the client, says which those were.
func TestTheServedClientIsMadeFromItsSources(t *testing.T) {
	module := regexp.MustCompile(`"\./(\w+)\.js"`)
	sources := []string{"index"}
	hash := sha256.New()
	for i := 0; i < len(sources); i++ { // it grows
		text, err := os.ReadFile("client/src/" + sources[i] + ".ts")
		if err != nil {
			t.Fatal(err)
		}
		for _, other := range module.FindAllSubmatch(text, -1) {
			if !slices.Contains(sources, string(other[1])) {
				sources = append(sources, string(other[1]))
			}
		}
		hash.Write(text)
	}
	served, err := fs.ReadFile(files, "docs/client.js")
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(served), "\n")
	if !strings.Contains(first, fmt.Sprintf("%x", hash.Sum(nil))) || len(sources) < 5 {
		t.Errorf("%s is older than its sources, %v: run npm ci and npm run build in web/client", first, sources)
	}
}
