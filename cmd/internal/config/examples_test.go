package config

import (
	"os"
	"path/filepath"
	"reflect"
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
		"mail.secret": goodWebhookSecret, "jwt.key": goodSecret, "auth_secret": goodSecret, "tickets.key": goodSecret, "kafka-password": "hunter22", "registry-password": "hunter22",
		"order.avsc":  `{"type":"record","name":"order","fields":[{"name":"orderId","type":"string"}]}`,
		"order.proto": "syntax = \"proto3\"; package shop; message Order { string order_id = 1; }",
		"keys.yaml":   "shop: sha256:" + strings.Repeat("ab", 32) + "\n", "ids.keys": "k1:" + goodKey + "\n", "ca.pem": certificatePEM,
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
		whole := ""
		for _, m := range yamlBlock.FindAllStringSubmatch(string(text), -1) {
			examples++
			example := m[1]
			if !strings.Contains(example, "kafka:") {
				example = completed(whole, example)
			} else {
				whole = example
			}
			if _, findings := Parse("sluice.yaml", []byte(example), nil); len(findings.Faults()) > 0 {
				t.Errorf("%s:\n%s\n%v", filepath.Base(page), example, findings.Faults())
			}
		}
	}
	if examples < 8 {
		t.Errorf("there are only %d examples", examples)
	}
}

// completed makes a configuration of an example that is a part of one: lines for the
// configuration before it on the page, streams, or keys of a stream.
func completed(whole, part string) string {
	key, _, _ := strings.Cut(part, ":")
	if _, top := reflect.TypeFor[Config]().FieldByNameFunc(func(name string) bool { return strings.EqualFold(name, key) }); top {
		section := regexp.MustCompile(`(?m)^` + key + `:.*\n(?:[ \t].*\n)*`)
		return section.ReplaceAllString(whole, "") + part
	}
	if !strings.Contains(part, "topic:") {
		part = "orders:\n  topic: order-topic\n" + indented(part)
		if !strings.Contains(part, "  user:") {
			part += "  user: key\n"
		}
	}
	return "kafka: {brokers: [\"localhost:9092\"]}\nauth: {authjs: {secret_file: auth_secret}}\nstreams:\n" + indented(part)
}

func indented(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n  ") + "\n"
}
