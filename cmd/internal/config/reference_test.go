package config

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables of keys into docs/config.md")

const referenceFile = "../../../docs/config.md"

// The reference is the table that the program itself goes by: every key in it, and
// nothing else.
func TestTheReferenceIsTheTable(t *testing.T) {
	const begin, end = "<!-- keys: written by go test ./cmd/internal/config -update -->\n", "<!-- end of keys -->"
	text, err := os.ReadFile(filepath.FromSlash(referenceFile))
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	written, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has lost the marks around its table", referenceFile)
	}
	if written == Reference() {
		return
	}
	if !*update {
		t.Fatalf("%s is not what the table of keys says: go test ./cmd/internal/config -update", referenceFile)
	}
	if err := os.WriteFile(filepath.FromSlash(referenceFile), []byte(before+begin+Reference()+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A key in no chapter would be in no table, one in two would be told twice.
func TestEveryKeyIsInOneChapter(t *testing.T) {
	for _, k := range Keys() {
		if n := strings.Count(Reference(), "\n| `"+k.Path+"` |"); n != 1 {
			t.Errorf("%s is there %d times", k.Path, n)
		}
	}
}

// The examples of the reference are configurations.
func TestTheReferencesExamplesLoad(t *testing.T) {
	text, err := os.ReadFile(filepath.FromSlash(referenceFile))
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "```yaml\n")[1:]
	if len(blocks) == 0 {
		t.Fatal("the reference has no example")
	}
	for _, block := range blocks {
		example, _, _ := strings.Cut(block, "```")
		path := inDir(t, example, map[string]string{"jwt.key": goodSecret, "kafka-password": "p"})
		if _, findings := Load(path, nil); len(findings) > 0 {
			t.Errorf("%s\n%v", example, findings)
		}
	}
}

func TestEveryKeyIsSoundAndHasItsVariable(t *testing.T) {
	seen := map[string]string{}
	for _, k := range Keys() {
		if k.Doc == "" || !strings.HasSuffix(k.Doc, ".") && !strings.HasSuffix(k.Doc, "`") {
			t.Errorf("%s: its text is no sentence: %q", k.Path, k.Doc)
		}
		if other, twice := seen[k.Env()]; twice {
			t.Errorf("%s and %s share the variable %s", k.Path, other, k.Env())
		}
		seen[k.Env()] = k.Path
		variable := strings.TrimPrefix(strings.ReplaceAll(k.Env(), namePart, "MY_STREAM"), "SLUICE_")
		if got, want := byVariable(variable), strings.ReplaceAll(k.Path, namePart, "my-stream"); got != want {
			t.Errorf("SLUICE_%s stands for %q, want %q", variable, got, want)
		}
		if k.Default != "" && len(k.OneOf) > 1 && !slices.Contains(k.OneOf, k.Default) {
			t.Errorf("%s: its default %q is none of %v", k.Path, k.Default, k.OneOf)
		}
		if _, secret := k.field(&Config{}, &Stream{}).(*Secret); secret && byPath[k.Path+"_file"] == nil {
			t.Errorf("%s is a secret without a twin %s_file", k.Path, k.Path)
		}
	}
}
