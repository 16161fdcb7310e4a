package keys

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"sluice/cmd/internal/config"
	"sluice/server/auth"
)

func keys(args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = Run(context.Background(), args, &out, &errs)
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
			if got, err := c.Auth.APIKeys.Check(r, auth.ActionRevoke); got.Name != name || err != nil {
				t.Errorf("%s: the key of %s is that of %q, %v", file, name, got.Name, err)
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
	if err := os.WriteFile("good", []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]struct {
		status int
		stderr string
	}{
		"":                      {2, "it needs a word: new"},
		"make shop":             {2, `there is no "make": there is new, rotate, revoke, list`},
		"new":                   {2, "it needs a name"},
		"new a b":               {2, `"b" is one word too many`},
		"new a:b":               {2, "a name has letters"},
		"new -x":                {2, "flag provided but not defined"},
		"new --for all a":       {2, "write some of tickets,revoke,publish,admin"},
		"new --expires never a": {2, "write a time such as 90d"},
		"new --expires 0d a":    {2, "write a time such as 90d"},
		"new --streams a;b a":   {2, "write names of streams"},
		"rotate shop":           {2, "it needs -f"},
		"list":                  {2, "it needs -f"},
		"revoke -f keys.yaml":   {2, "it needs a name"},
		"list -f other extra":   {2, "one word too many"},
		"list -f a -c b":        {2, "write one of them"},
		"new -c b shop":         {2, "developers make and rotate their own keys"},
		"revoke -c b":           {2, "it needs the id of a key"},
		"revoke -c b A --owner": {2, "flag needs an argument"},
		"list -f a --owner b":   {2, "--owner goes with -c"},
		"list -c nowhere.yaml":  {2, "no such file"},
		"revoke -f good a":      {1, "has no key of a"},
		"rotate -f keys.yaml a": {1, "its hash is not"},
		"list -f nowhere":       {1, "no such file"},
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

// checks shows a key to a gateway with this file, for an action.
func checks(t *testing.T, file, key, action string) error {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	all, faults := config.ParseAPIKeys(file, text)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	_, err = all.Check(&http.Request{Header: http.Header{"Authorization": {"Bearer " + strings.TrimSpace(key)}}}, action)
	return err
}

// A key is for what its line says, until it ends. Rotated, both are good for a while.
func TestAKeyIsMadeRotatedAndRevoked(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("keys.yaml", []byte("# of the shop\nold: sha256:"+strings.Repeat("ab", 32)+" # since 2025\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	_, first, said := keys("new", "-f", "keys.yaml", "--for", "tickets,publish", "--streams", "orders", "--expires", "90d", "shop")
	if err := checks(t, "keys.yaml", first, auth.ActionTickets); err != nil || said != "" {
		t.Fatal(err, said)
	}
	if err := checks(t, "keys.yaml", first, auth.ActionRevoke); !errors.Is(err, auth.ErrScope) {
		t.Errorf("to revoke: %v", err)
	}
	status, second, said := keys("rotate", "-f", "keys.yaml", "--overlap", "1h", "shop")
	if status != 0 || said != "" || first == second {
		t.Fatalf("%d %q %q", status, second, said)
	}
	for _, key := range []string{first, second} {
		if err := checks(t, "keys.yaml", key, auth.ActionPublish); err != nil {
			t.Error(err)
		}
	}
	status, listed, _ := keys("list", "-f", "keys.yaml")
	if status != 0 || !regexp.MustCompile(`(?m)^shop +tickets,publish +orders +20\S+Z +20\S+Z$`).MatchString(listed) || !strings.Contains(listed, "old   all") {
		t.Errorf("%d\n%s", status, listed)
	}
	_, third, _ := keys("rotate", "-f", "keys.yaml", "--overlap", "0s", "shop")
	var refused *auth.Error
	if err := checks(t, "keys.yaml", second, auth.ActionTickets); !errors.As(err, &refused) || refused.Reason != auth.ReasonExpired {
		t.Errorf("the replaced key, without an overlap: %v", err)
	}
	if err := checks(t, "keys.yaml", third, auth.ActionTickets); err != nil {
		t.Error(err)
	}
	if status, _, said := keys("revoke", "-f", "keys.yaml", "shop"); status != 0 || said != "" {
		t.Errorf("%d %s", status, said)
	}
	if err := checks(t, "keys.yaml", third, auth.ActionTickets); !errors.As(err, &refused) || refused.Reason != auth.ReasonKey {
		t.Errorf("revoked: %v", err)
	}
	text, err := os.ReadFile("keys.yaml")
	info, statErr := os.Stat("keys.yaml")
	if err != nil || statErr != nil || info.Mode() != 0o640 || !strings.Contains(string(text), "# of the shop") || !strings.Contains(string(text), "# since 2025") {
		t.Errorf("%v %v\n%s", err, info.Mode(), text)
	}
}

// A line that says more than this release knows is no key: it may be narrower.
func TestAnEntryThatIsNotUnderstoodIsNoKey(t *testing.T) {
	hash := "sha256:" + strings.Repeat("ab", 32)
	for entry, want := range map[string]string{
		"{hash: " + hash + ", only: x}":             "not YAML of names and hashes",
		"{hash: " + hash + ", actions: []}":         "good for nothing",
		"{hash: " + hash + ", streams: []}":         "good for nothing",
		"{hash: " + hash + ", actions: [all]}":      "its actions",
		"{hash: " + hash + ", expires: soon}":       "not YAML of names and hashes",
		"{hash: x}":                                 "its hash",
		"{hash: " + hash + ", previous: {hash: x}}": "previous: its hash",
		"[" + hash + "]":                            "not YAML of names and hashes",
	} {
		if all, faults := config.ParseAPIKeys("f", []byte("shop: "+entry+"\n")); len(faults) != 1 || !strings.Contains(faults[0], want) || strings.Contains(faults[0], hash) || len(all) > 0 {
			t.Errorf("%s: %v %v", entry, all, faults)
		}
	}
}
