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

// A file that nobody has named is found by chance only. Each is named in its package's
// comment, or in the package's section of ARCHITECTURE.md. A package of one file needs
// its comment only.
func TestEveryFileIsOnTheMap(t *testing.T) {
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	docs, files := make(map[string]string), make(map[string][]string)
	for _, f := range sources(t) {
		if f.isTest() {
			continue
		}
		dir := path.Dir(f.name)
		files[dir] = append(files[dir], path.Base(f.name))
		docs[dir] += doc(f.tree)
	}
	for dir, all := range files {
		if docs[dir] == "" {
			t.Errorf("%s has no package comment", dir)
		}
		named := docs[dir] + section(string(text), dir)
		for _, name := range all {
			if len(all) > 1 && name != "doc.go" && !names(named, name) {
				t.Errorf("%s/%s: name it in the package's comment, or under %s/ in ARCHITECTURE.md", dir, name, dir)
			}
		}
		for _, m := range family.FindAllStringSubmatch(section(string(text), dir), -1) {
			if len(all) > 1 && !slices.ContainsFunc(all, func(file string) bool { return names(m[0], file) }) {
				t.Errorf("%s: no file is named as %s on the map", dir, m[0])
			}
		}
		for _, name := range goFile.FindAllString(named, -1) {
			if !slices.Contains(all, name) {
				t.Errorf("%s/%s is on the map, and is no file", dir, name)
			}
		}
	}
}

// A folder and a file are read from end to end. Beyond this size nobody does.
func TestFoldersAndFilesAreSmall(t *testing.T) {
	const maxFiles, maxLines = 40, 400
	files := make(map[string]int)
	for _, f := range sources(t) {
		if f.isTest() {
			continue
		}
		files[path.Dir(f.name)]++
		if n := f.files.File(f.tree.Package).LineCount(); n > maxLines {
			t.Errorf("%s has %d lines: split it, so that none has more than %d", f.name, n, maxLines)
		}
	}
	for dir, n := range files {
		if n > maxFiles {
			t.Errorf("%s has %d files without tests: join small ones, or make a package, so that it has at most %d", dir, n, maxFiles)
		}
	}
}

var goFile = regexp.MustCompile(`\b[a-z0-9_]+\.go\b`)

// family is how a map names a file without its ending: *log_entries*. *log…* names those
// that begin alike.
var family = regexp.MustCompile(`\*([a-z0-9_]+)(…?)\*`)

// names reports whether a map names a file.
func names(text, file string) bool {
	if slices.Contains(goFile.FindAllString(text, -1), file) {
		return true
	}
	return slices.ContainsFunc(family.FindAllStringSubmatch(text, -1), func(m []string) bool {
		return file == m[1]+".go" || m[2] != "" && strings.HasPrefix(file, m[1])
	})
}

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
	const text = "See `log.go`, and log_entries.go. *seal*: ids. *ask…*: questions.\n"
	for file, want := range map[string]bool{
		"log.go": true, "log_entries.go": true, "entries.go": false, "og.go": false,
		"seal.go": true, "seal_key.go": false, "ask_leader.go": true, "task.go": false,
	} {
		if names(text, file) != want {
			t.Errorf("%s: named %v", file, !want)
		}
	}
	if got := section("### `a/`: x\none\n### `b/`\ntwo\n", "a"); got != ": x\none" {
		t.Errorf("section: %q", got)
	}
}
