package server

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/server/auth"
	"sluice/server/response"
	"sluice/stream"
)

// schemathesis installs what testdata/schemathesis/requirements.txt pins, once per
// machine, and returns the Python that has it.
var schemathesis = sync.OnceValues(func() (python string, err error) {
	python, err = exec.LookPath("python3")
	if err != nil {
		return "", err
	}
	requirements, err := os.ReadFile(filepath.Join("testdata", "schemathesis", "requirements.txt"))
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	cache = filepath.Join(cache, "sluice")
	have := filepath.Join(cache, "schemathesis-"+response.Tag(requirements))
	if _, err := os.Stat(have); err == nil {
		return filepath.Join(have, "bin", "python"), nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	making, err := os.MkdirTemp(cache, "making-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(making)
	for _, args := range [][]string{
		{python, "-m", "venv", making},
		{filepath.Join(making, "bin", "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", filepath.Join("testdata", "schemathesis", "requirements.txt")},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w\n%s", strings.Join(args[:3], " "), err, out)
		}
	}
	// Whole or not at all; another run may have been faster.
	if err := os.Rename(making, have); err != nil && !os.IsExist(err) {
		return "", err
	}
	return filepath.Join(have, "bin", "python"), nil
})

// fuzz asks for everything that a description has, in every way that it allows and in
// some that it doesn't, and holds the answers against it. seconds is about how long.
func fuzz(t *testing.T, url string, about response.Document, config string, more ...string) {
	t.Helper()
	if everythingOnGoroutines {
		t.Skip("once is enough: how a stream is carried isn't described")
	}
	if testing.Short() || os.Getenv("SLUICE_TEST_ALL") != "1" && os.Getenv("SLUICE_TEST_FULL") != "1" {
		t.Skip("schemathesis takes a minute: SLUICE_TEST_ALL=1 runs it")
	}
	python, err := schemathesis()
	switch {
	case err != nil && os.Getenv("SLUICE_TEST_ALL") == "1":
		t.Fatalf("needs python3 with venv and pip (Debian: python3-venv), and PyPI: %v", err)
	case err != nil:
		t.Skipf("needs python3 with venv and pip (Debian: python3-venv), and PyPI: %v", err)
	}
	hooks, err := filepath.Abs(filepath.Join("testdata", "schemathesis", "hooks.py"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "schemathesis.toml")
	// Credentials that don't get in would show nothing, nor a file that isn't there.
	config = "[warnings]\nfail-on = [\"missing_auth\"]\n[parameters]\n\"path.file\" = \"style.css\"\n" + config
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	description := filepath.Join(dir, "openapi.json")
	if err := os.WriteFile(description, about.Text, 0o600); err != nil {
		t.Fatal(err)
	}
	examples := "8"
	if os.Getenv("SLUICE_TEST_FULL") == "1" {
		examples = "100"
	}
	// It can't open a WebSocket.
	args := append([]string{"-m", "schemathesis.cli", "--config-file", file, "run", description, "--url", url,
		"--phases", "examples,coverage,fuzzing", "--max-examples", examples, "--seed", "1", "--request-timeout", "20", "--continue-on-failure", "--no-color",
		"--exclude-path", "/ws"}, more...)
	cmd := exec.CommandContext(t.Context(), python, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "SCHEMATHESIS_HOOKS="+hooks, "PYTHONDONTWRITEBYTECODE=1")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Errorf("schemathesis: %v\n%s", err, &out)
	} else {
		t.Logf("%s", &out)
	}
}

// streamsEnd has streams end by themselves, so that answers have an end.
func streamsEnd(c *Config) { c.MaxAge = 100 * time.Millisecond }

// TestPublicRoutesAnswerAsDescribed, for a user who says so. What is answered to an
// idempotency key depends on what came with it before, so which messages are refused
// isn't looked at there. The portal is left out: it lets a developer change so little in
// a minute that nearly all would be refused. Its answers have tests in portal_test.go.
func TestPublicRoutesAnswerAsDescribed(t *testing.T) {
	f := begin(t, func(c *Config) { withEverything(c); streamsEnd(c) })
	f.about(orders, 1, "o-1", "placed", `{"n":1}`, "fuzzer")
	fuzz(t, f.url, f.openapi.public, `
[auth.openapi.user]
api_key = "fuzzer"
[auth.openapi.apiKey]
bearer = "sluice_k"
[[operations]]
include-path = "/publish/{stream}"
checks.negative_data_rejection.enabled = false
checks.positive_data_acceptance.enabled = false
`, "--exclude-checks", "ignored_auth", "--exclude-path-regex", "^/portal/") // a claim is believed
}

// withTokens takes tokens, and returns one.
func withTokens(t *testing.T, c *Config) (token string) {
	t.Helper()
	secret := []byte("0123456789abcdef0123456789abcdef")
	key, err := auth.SecretKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	if c.Auth, err = auth.NewJWT(auth.JWTConfig{Keys: key}); err != nil {
		t.Fatal(err)
	}
	return sign(t, secret, map[string]any{"sub": "fuzzer", "exp": time.Now().Add(time.Hour)})
}

// TestPublicRoutesWithATokenAnswerAsDescribed, where a login is asked for.
func TestPublicRoutesWithATokenAnswerAsDescribed(t *testing.T) {
	var token string
	f := begin(t, func(c *Config) { streamsEnd(c); token = withTokens(t, c) })
	fuzz(t, f.url, f.openapi.public, fmt.Sprintf(`
[auth.openapi.jwt]
bearer = %q
`, token))
}

// TestAdminRoutesAnswerAsDescribed. Profiles over a time are left out: they take as long
// as they are asked to. What a question to /decisions needs depends on what else it asks,
// so that which is refused isn't looked at there.
func TestAdminRoutesAnswerAsDescribed(t *testing.T) {
	hub := stream.NewHub(stream.Config{Decisions: 100, Streams: []stream.Spec{
		{Name: "orders", ReplayBytes: logBytes, State: stateBounds}, {Name: "news", ReplayBytes: logBytes, Audience: stream.AudienceEveryone, State: stateBounds},
	}})
	t.Cleanup(hub.Close)
	var token string
	f := newFixture(t, func(c *Config) {
		withEverything(c)
		streamsEnd(c)
		c.Hub, token = hub, withTokens(t, c)
	})
	f.hub = hub
	f.warm()
	for range 3 {
		f.about(orders, 1, "o-1", "placed", `{"n":1}`, "fuzzer")
	}
	s := httptest.NewServer(f.Admin())
	t.Cleanup(s.Close)
	fuzz(t, s.URL, f.openapi.admin, fmt.Sprintf(`
[auth.openapi.admin]
bearer = "a token for operators"
[auth.openapi.jwt]
bearer = %q
[[operations]]
include-path = "/decisions"
checks.negative_data_rejection.enabled = false
checks.positive_data_acceptance.enabled = false
`, token), "--exclude-path", "/debug/pprof/profile", "--exclude-path", "/debug/pprof/trace")
}
