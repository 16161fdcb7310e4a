package sluice_test

import (
	"os"
	"os/exec"
	"path"
	"regexp"
	"strings"
	"testing"
)

var (
	markdownLink = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading      = regexp.MustCompile(`(?m)^#{1,6} +(.+?) *#*$`)
	fenced       = regexp.MustCompile("(?ms)^```.*?^```")
	noSlug       = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// A link to a file leads to one, and a link to a heading to a heading, which GitHub names
// so.
func TestLinksLeadSomewhere(t *testing.T) {
	pages := markdown(t)
	if len(pages) < 10 {
		t.Fatalf("there are only %d pages", len(pages))
	}
	anchors := make(map[string]map[string]bool)
	for name, text := range pages {
		anchors[name] = slugs(text)
	}
	for name, text := range pages {
		for _, m := range markdownLink.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
			target, fragment, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			file := name
			if target != "" {
				file = path.Join(path.Dir(name), target)
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s: %s leads nowhere", name, m[1])
			} else if fragment != "" && strings.HasSuffix(file, ".md") && !anchors[file][fragment] {
				t.Errorf("%s: %s: %s has no such heading", name, m[1], file)
			}
		}
	}
}

func TestEveryPageOfTheDocsIsInItsMenu(t *testing.T) {
	pages := markdown(t)
	for name := range pages {
		if file, ok := strings.CutPrefix(name, "docs/"); ok && file != "README.md" && !strings.Contains(file, "/") {
			for _, menu := range []string{"docs/README.md", "docs/llms.txt"} {
				text, err := os.ReadFile(menu)
				if err != nil {
					t.Fatal(err)
				}
				if !strings.Contains(string(text), "("+file+")") {
					t.Errorf("%s isn't in %s", name, menu)
				}
			}
		}
	}
}

// markdown is the text of each Markdown file of the project.
func markdown(t *testing.T) map[string]string {
	t.Helper()
	out, err := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md").Output()
	if err != nil {
		t.Skip("needs git and a checkout: ", err)
	}
	pages := make(map[string]string)
	for _, name := range strings.Fields(string(out)) {
		text, err := os.ReadFile(name)
		if os.IsNotExist(err) {
			continue // removed, and not committed yet
		}
		if err != nil {
			t.Fatal(err)
		}
		pages[name] = string(text)
	}
	return pages
}

// slugs are the anchors of a page's headings.
func slugs(text string) map[string]bool {
	all := make(map[string]bool)
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		title := strings.ToLower(markdownLink.ReplaceAllString(m[1], "]"))
		all[strings.ReplaceAll(noSlug.ReplaceAllString(title, ""), " ", "-")] = true
	}
	return all
}
