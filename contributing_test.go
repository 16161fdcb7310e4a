package sluice_test

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

// TestContributingIsTrue: tests, files, make targets and scripts that CONTRIBUTING.md
// names exist. A recipe that names a file of yesterday costs a newcomer an hour.
func TestContributingIsTrue(t *testing.T) {
	text := read(t, "CONTRIBUTING.md")
	files, tests := filesAndTests(t)
	for _, word := range regexp.MustCompile("`([^`\n]+)`").FindAllStringSubmatch(text, -1) {
		switch name := word[1]; {
		case strings.HasPrefix(name, "Test") && !tests[name]:
			t.Errorf("there is no test %s", name)
		case strings.HasSuffix(name, ".go") && !strings.Contains(name, "…") && !files[name]:
			t.Errorf("there is no file %s: mend the recipe that names it", name)
		case strings.HasPrefix(name, ".ci/"):
			if _, err := os.Stat(name); err != nil {
				t.Error(err)
			}
		case strings.HasPrefix(name, "make ") && !strings.Contains(read(t, "Makefile"), "\n"+name[len("make "):]+":"):
			t.Errorf("there is no target: %s", name)
		case strings.HasPrefix(name, "SLUICE_TEST_"):
			variable, _, _ := strings.Cut(name, "=")
			if !files[variable] {
				t.Errorf("no test reads %s", variable)
			}
		}
	}
}

// filesAndTests returns all Go files, by their path and by their last name, with the
// variables SLUICE_TEST_… that tests read; and the names of all tests.
func filesAndTests(t *testing.T) (files, tests map[string]bool) {
	t.Helper()
	files, tests = map[string]bool{}, map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	variable := regexp.MustCompile(`"(SLUICE_TEST_[A-Z]+)"`)
	for _, f := range sources(t) {
		files[f.name], files[path.Base(f.name)] = true, true
		text, err := fs.ReadFile(os.DirFS("."), f.name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range variable.FindAllStringSubmatch(string(text), -1) {
			files[m[1]] = true
		}
		if f.isTest() {
			for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
				tests[m[1]] = true
			}
		}
	}
	return files, tests
}
