package config

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var yamlBlock = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```")

// What the documents tell people to write can be served as it is. Files that an example
// names are made, with what such files hold.
func TestExamplesCanBeServed(t *testing.T) {
	root, err := filepath.Abs(filepath.Join("..", "..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	certificatePEM, _, _ := certificate(t)
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"jwt.key": goodSecret, "auth_secret": goodSecret, "tickets.key": goodSecret, "kafka-password": "hunter22", "registry-password": "hunter22",
		"keys.yaml": "shop: sha256:" + strings.Repeat("ab", 32) + "\n", "ids.keys": "k1:" + goodKey + "\n", "ca.pem": certificatePEM,
	} {
		if err := os.WriteFile(name, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	examples := 0
	for _, page := range append(pages, filepath.Join(root, "README.md"), filepath.Join(root, "SECURITY.md")) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range yamlBlock.FindAllStringSubmatch(string(text), -1) {
			examples++
			if _, findings := Parse("sluice.yaml", []byte(m[1]), nil); len(findings.Faults()) > 0 {
				t.Errorf("%s:\n%s\n%v", filepath.Base(page), m[1], findings.Faults())
			}
		}
	}
	if examples < 8 {
		t.Errorf("there are only %d examples", examples)
	}
}
