package token

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"sluice/server/auth"
)

const secret = "0123456789abcdef0123456789abcdef"

// within puts a configuration with this auth into an empty directory, which becomes the
// current one.
func within(t *testing.T, authentication string) {
	t.Helper()
	t.Chdir(t.TempDir())
	text := "kafka: {brokers: [\"localhost:9092\"]}\nstreams: {orders: {topic: t, user: key}}\nauth: " + authentication + "\n"
	if err := os.WriteFile("sluice.yaml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("jwt.key", []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
}

func run(args ...string) (status int, stdout, stderr string) {
	var out, errs strings.Builder
	status = Run(args, &out, &errs)
	return status, out.String(), errs.String()
}

func TestTheGatewayBelievesTheToken(t *testing.T) {
	within(t, "{jwt: {secret_file: jwt.key, issuer: shop, audience: events, roles_claim: groups, from: [header, 'cookie:session']}}")
	status, stdout, stderr := run("--user", "alice", "--role", "staff", "--role", "admin")
	if status != 0 || !strings.Contains(stderr, "A token of alice, good for 1h0m0s.") ||
		!strings.Contains(stderr, `document.cookie = "session=TOKEN; path=/"`) || strings.Contains(stderr, secret) {
		t.Fatalf("status %d, %s", status, stderr)
	}
	key, err := auth.SecretKey([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	gateway, err := auth.NewJWT(auth.JWTConfig{Keys: key, Issuer: "shop", Audience: "events", Claims: auth.Claims{Roles: "groups"}})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "/events", nil)
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(stdout))
	p, err := gateway.Authenticate(r)
	if err != nil || p.User != "alice" || strings.Join(p.Roles, " ") != "staff admin" || p.Expires.IsZero() {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestWhatKeepsItFromATokenIsNamed(t *testing.T) {
	for _, tt := range []struct {
		auth, line string
		status     int
		want       string
	}{
		{"none", "--user alice", 1, "auth is none here, so no token is needed: add ?user=NAME"},
		{"{authjs: {secret_file: jwt.key}}", "--user alice", 1, "the configuration takes no tokens"},
		{"{jwt: {jwks_url: 'https://login.example/jwks'}}", "--user alice", 1, "its key only verifies, so ask your login"},
		{"{jwt: {secret_file: jwt.key}}", "", 2, "it needs --user NAME"},
		{"{jwt: {secret_file: jwt.key}}", "--user alice --ttl 1000h", 2, "--ttl 1000h0m0s: write from 1s to 720h0m0s"},
		{"{jwt: {secret_file: jwt.key}}", "--user alice bob", 2, `"bob" is one word too many`},
		{"{jwt: {secret_file: gone.key}}", "--user alice", 2, "sluice.yaml:3: auth.jwt.secret_file: can't be read"},
		{"{jwt: {secret_file: jwt.key, user_prefix: 'eu:'}}", "--user alice", 1, `users of this issuer begin with "eu:" (auth.jwt.user_prefix): write --user eu:alice`},
		{"{jwt: [{secret_file: jwt.key, issuer: a, user_prefix: 'a:'}, {secret_file: jwt.key, issuer: b, user_prefix: 'b:'}]}", "--user a:alice", 1, "write --issuer with one of a, b"},
	} {
		t.Run(tt.line+" "+tt.auth, func(t *testing.T) {
			within(t, tt.auth)
			if status, stdout, stderr := run(strings.Fields(tt.line)...); status != tt.status || stdout != "" || !strings.Contains(stderr, tt.want) {
				t.Errorf("status %d, %q, %q; want %d, %q", status, stdout, stderr, tt.status, tt.want)
			}
		})
	}
}

func TestOneOfSeveralIssuers(t *testing.T) {
	within(t, "{jwt: [{secret_file: jwt.key, issuer: a, user_prefix: 'a:'}, {secret_file: jwt.key, issuer: b, user_prefix: 'b:'}]}")
	if status, stdout, stderr := run("--issuer", "b", "--user", "b:alice"); status != 0 || strings.Count(stdout, ".") != 2 {
		t.Errorf("status %d, %q, %q", status, stdout, stderr)
	}
}
