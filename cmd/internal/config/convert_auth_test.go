package config

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwe"
	"github.com/lestrrat-go/jwx/v3/jws"

	"sluice/server/auth"
)

// aSecond is how long a new file takes to be used.
const aSecond = time.Second

// rotation is a credential in a file: what the file holds, and a request that it lets in.
type rotation struct {
	config string // of auth
	file   string
	key    string // as the log names it
	bad    string // a content that can't be used
	// era makes the file's content and a request that it lets in; what eras 1 and 2 let in
	// differs.
	era func(t *testing.T, n int) (content string, r *http.Request)
}

const claims = `{"sub":"alice","exp":4102444800}`

func signed(t *testing.T, algorithm jwa.SignatureAlgorithm, key any) *http.Request {
	t.Helper()
	token, err := jws.Sign([]byte(claims), jws.WithKey(algorithm, key))
	if err != nil {
		t.Fatal(err)
	}
	return bearing(string(token))
}

func bearing(token string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/events", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

func secretOf(n int) string { return strings.Repeat(string(rune('a'+n)), 40) }

func edKey(n int) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(n)}, ed25519.SeedSize))
}

var rotations = map[string]rotation{
	"jwt secret": {"jwt: {secret_file: f}", "f", "auth.jwt.secret_file", "?", func(t *testing.T, n int) (string, *http.Request) {
		return secretOf(n) + "\n", signed(t, jwa.HS256(), []byte(secretOf(n)))
	}},
	"public key": {"jwt: {public_key_file: f}", "f", "auth.jwt.public_key_file", "?", func(t *testing.T, n int) (string, *http.Request) {
		der, err := x509.MarshalPKIXPublicKey(edKey(n).Public())
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), signed(t, jwa.EdDSA(), edKey(n))
	}},
	"key set": {"jwt: {jwks_file: f}", "f", "auth.jwt.jwks_file", "?", func(t *testing.T, n int) (string, *http.Request) {
		x := base64.RawURLEncoding.EncodeToString(edKey(n).Public().(ed25519.PublicKey))
		return `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"` + x + `"}]}`, signed(t, jwa.EdDSA(), edKey(n))
	}},
	"one issuer of a list": {`jwt: [{secret: "` + strings.Repeat("z", 40) + `", user_prefix: "z:"}, {secret_file: f, user_prefix: "y:"}]`, "f", "auth.jwt.2.secret_file", "?", func(t *testing.T, n int) (string, *http.Request) {
		return secretOf(n), signed(t, jwa.HS256(), []byte(secretOf(n)))
	}},
	"Auth.js secret": {"authjs: {secret_file: f}", "f", "auth.authjs.secret_file", "", func(t *testing.T, n int) (string, *http.Request) {
		key, err := hkdf.Key(sha256.New, []byte(secretOf(n)), nil, "NextAuth.js Generated Encryption Key", 32)
		if err != nil {
			t.Fatal(err)
		}
		session, err := jwe.Encrypt([]byte(claims), jwe.WithKey(jwa.DIRECT(), key), jwe.WithContentEncryption(jwa.A256GCM()))
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodGet, "/events", nil)
		r.AddCookie(&http.Cookie{Name: "next-auth.session-token", Value: string(session)})
		return secretOf(n), r
	}},
	"ticket secret": {"{tickets: {secret_file: f}, api_keys_file: keys}", "f", "auth.tickets.secret_file", "?", func(t *testing.T, n int) (string, *http.Request) {
		other, err := auth.NewTickets([]byte(secretOf(n)), 0) // of another gateway
		if err != nil {
			t.Fatal(err)
		}
		ticket, err := other.Issue(auth.Grant{User: "alice"})
		if err != nil {
			t.Fatal(err)
		}
		return secretOf(n) + "\n", httptest.NewRequest(http.MethodGet, "/events?ticket="+ticket.Text, nil)
	}},
}

// Each file that says who callers are is read again within a second. What it held before
// no longer lets anyone in, unless the new content can't be used.
func TestCredentialsInFilesAreReadAgain(t *testing.T) {
	for name, rot := range rotations {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				t.Chdir(t.TempDir())
				_, hash := auth.NewAPIKey()
				first, old := rot.era(t, 1)
				second, recent := rot.era(t, 2)
				put(t, "keys", "shop: "+hash)
				put(t, rot.file, first)
				c := mustLoad(t, "kafka: {brokers: [\"a:1\"]}\nstreams: {orders: {topic: o, user: key}}\nauth:\n  "+rot.config+"\n")
				var log bytes.Buffer
				sources, err := c.Auth.Sources(slog.New(slog.NewTextHandler(&log, nil)))
				if err != nil {
					t.Fatal(err)
				}
				ask := func(what string, old, recent *http.Request, oldIn, recentIn bool) {
					t.Helper()
					for _, tt := range []struct {
						of string
						r  *http.Request
						in bool
					}{{"the old", old, oldIn}, {"the new", recent, recentIn}} {
						if p, err := sources.Authenticator.Authenticate(tt.r); (err == nil) != tt.in {
							t.Errorf("%s: with %s credential Authenticate = %v, %v", what, tt.of, p.User, err)
						}
					}
				}
				ask("at first", old, recent, true, false)

				put(t, rot.file, rot.bad)
				<-time.After(aSecond)
				ask("with a file that can't be used", old, recent, true, false)
				if said := log.String(); strings.Count(said, rot.key) != 1 || strings.Contains(said, secretOf(1)) {
					t.Errorf("the log says:\n%s", said)
				}

				put(t, rot.file, second)
				<-time.After(aSecond)
				ask("with a new file", old, recent, false, true)
			})
		})
	}
}

// A key of a back end that is taken out of the file ends, and one that is added begins.
func TestAPIKeysAreReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		t.Chdir(t.TempDir())
		one, hashOne := auth.NewAPIKey()
		two, hashTwo := auth.NewAPIKey()
		put(t, "keys", "shop: "+hashOne+"\n")
		c := mustLoad(t, "kafka: {brokers: [\"a:1\"]}\nstreams: {orders: {topic: o, user: key}}\nauth: {jwt: {secret: \""+secretOf(1)+"\"}, api_keys_file: keys}\n")
		var log bytes.Buffer
		keys, err := c.Auth.BackEnds(slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			content          string
			wantOne, wantTwo bool
			faults           int // in the log by then
		}{
			{"shop: " + hashOne + "\nback: " + hashTwo + "\n", true, true, 0},
			{"back: " + hashTwo + "\n", false, true, 0},
			{"", false, true, 1},
			{"back: sha256:nonsense\n", false, true, 2},
			{"[no mapping]", false, true, 3},
			{"{}\n", false, false, 3}, // nobody, as it is written
			{"shop: " + hashOne + "\n", true, false, 3},
		} {
			put(t, "keys", step.content)
			<-time.After(aSecond)
			_, errOne := keys.Check(bearing(one), auth.ActionTickets)
			_, errTwo := keys.Check(bearing(two), auth.ActionTickets)
			if (errOne == nil) != step.wantOne || (errTwo == nil) != step.wantTwo {
				t.Errorf("with %q: one: %v, two: %v", step.content, errOne, errTwo)
			}
			if n := strings.Count(log.String(), "level=ERROR"); n != step.faults {
				t.Errorf("with %q the log has %d faults, want %d:\n%s", step.content, n, step.faults, &log)
			}
		}
	})
}

func put(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
