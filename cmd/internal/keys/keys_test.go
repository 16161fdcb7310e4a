package keys

import (
	"bytes"
	"net/http"
	"os"
	"strings"
	"testing"

	"sluice/cmd/internal/config"
)

func keys(args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = Run(args, &out, &errs)
	return status, out.String(), errs.String()
}

// A key that was made is one that a gateway takes.
func TestAKeyThatWasMadeIsTaken(t *testing.T) {
	t.Chdir(t.TempDir())
	shown, text, line := keys("new", "shop")
	if shown != 0 || !strings.Contains(line, "shop: sha256:") || strings.Contains(line, strings.TrimSpace(text)) {
		t.Fatalf("%d, %q, %q", shown, text, line)
	}
	if err := os.WriteFile("keys.yaml", []byte("# of the shop\nold: "+strings.TrimSpace(line[strings.Index(line, "sha256:"):strings.Index(line, "\n\n")])), 0o600); err != nil {
		t.Fatal(err)
	}
	status, second, said := keys("new", "billing", "-f", "keys.yaml")
	if status != 0 || said != "" {
		t.Fatalf("%d, %q", status, said)
	}
	status, third, _ := keys("new", "-f", "new.yaml", "back-end_2")
	if info, err := os.Stat("new.yaml"); status != 0 || err != nil || info.Mode() != 0o600 {
		t.Errorf("%d, %v, %v", status, info, err)
	}
	for file, owners := range map[string]map[string]string{
		"keys.yaml": {"old": text, "billing": second}, "new.yaml": {"back-end_2": third},
	} {
		c, findings := config.Parse("sluice.yaml", []byte("kafka: {brokers: ['a:1']}\nstreams: {o: {topic: t, user: key}}\nlisten: 127.0.0.1:0\nauth: {jwt: {secret: 0123456789abcdef0123456789abcdef}, api_keys_file: "+file+"}\n"), nil)
		if len(findings.Faults()) > 0 {
			t.Fatal(findings)
		}
		for name, key := range owners {
			r := &http.Request{Header: http.Header{"Authorization": {"Bearer " + strings.TrimSpace(key)}}}
			if got, err := c.Auth.APIKeys.Check(r); got != name || err != nil {
				t.Errorf("%s: the key of %s is that of %q, %v", file, name, got, err)
			}
		}
	}
}

func TestBadCommandLines(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("other", []byte("[]"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("keys.yaml", []byte("shop: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]struct {
		status int
		stderr string
	}{
		"":                      {2, "it needs a word: new"},
		"make shop":             {2, `there is no "make"`},
		"new":                   {2, "it needs a name"},
		"new a b":               {2, `"b" is one word too many`},
		"new a:b":               {2, "a name has letters"},
		"new -x":                {2, "flag provided but not defined"},
		"new -f keys.yaml shop": {1, "has a key of shop already"},
		"new -f other shop":     {1, "no file of keys"},
		"new -f no/where shop":  {1, "no such file"},
	} {
		status, stdout, stderr := keys(strings.Fields(line)...)
		if status != want.status || stdout != "" || !strings.Contains(stderr, want.stderr) {
			t.Errorf("keys %s: %d, %q, %q", line, status, stdout, stderr)
		}
	}
	for _, help := range []string{"-h", "new -h"} {
		if status, stdout, _ := keys(strings.Fields(help)...); status != 0 || !strings.Contains(stdout, "Usage: sluice keys new") {
			t.Errorf("keys %s: %d, %q", help, status, stdout)
		}
	}
}
