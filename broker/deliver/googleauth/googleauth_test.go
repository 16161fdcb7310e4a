package googleauth

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const audience = "https://mail.a.run.app"

// token is an unsigned one that ends at a time.
func token(n int, until time.Time) string {
	claims := fmt.Sprintf(`{"exp":%d,"n":%d}`, until.Unix(), n)
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
}

// tokenServer is Google's token endpoint. It gives tokens that last for some time.
type tokenServer struct {
	*httptest.Server
	mu     sync.Mutex
	lasts  time.Duration
	status int
	asked  []map[string]any // the claims of each assertion
}

func newTokenServer(t *testing.T) *tokenServer {
	g := &tokenServer{lasts: time.Hour, status: http.StatusOK}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		defer g.mu.Unlock()
		var claims map[string]any
		if parts := strings.Split(r.PostFormValue("assertion"), "."); len(parts) == 3 {
			content, _ := base64.RawURLEncoding.DecodeString(parts[1])
			_ = json.Unmarshal(content, &claims)
		}
		g.asked = append(g.asked, claims)
		w.WriteHeader(g.status)
		_ = json.NewEncoder(w).Encode(map[string]string{"id_token": token(len(g.asked), time.Now().Add(g.lasts)), "error": "hush"})
	}))
	t.Cleanup(g.Close)
	return g
}

// keyFile is a service account's key whose tokens come from a URL.
func keyFile(t *testing.T, url string) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "sluice@shop.iam.gserviceaccount.com", "private_key_id": "1", "token_uri": url,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})),
	})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "key.json")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func authorize(t *testing.T, tokens *Tokens) (string, error) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
	err := tokens.Authorize(r, nil)
	return r.Header.Get("Authorization"), err
}

// A token is for the audience, is used until it is nearly over, and then is a new one.
// Callers at one time share the request for it.
func TestATokenIsKeptAndRenewed(t *testing.T) {
	g := newTokenServer(t)
	tokens, err := New(Config{Audience: audience, CredentialsFile: keyFile(t, g.URL)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var calling sync.WaitGroup
	for range 10 {
		calling.Go(func() {
			if got, err := authorize(t, tokens); err != nil || !strings.HasPrefix(got, "Bearer e30.") {
				t.Errorf("%q %v", got, err)
			}
		})
	}
	calling.Wait()
	if len(g.asked) != 1 || g.asked[0]["target_audience"] != audience || g.asked[0]["iss"] != "sluice@shop.iam.gserviceaccount.com" {
		t.Fatalf("asked %v", g.asked)
	}
	g.lasts = 4 * time.Minute // less than renewBefore
	tokens.token = nil
	for n := 2; n <= 3; n++ {
		if _, err := authorize(t, tokens); err != nil || len(g.asked) != n {
			t.Errorf("asked %d times, want %d: %v", len(g.asked), n, err)
		}
	}
}

// What Google refuses is said without what it was sent or what it said.
func TestARefusalQuotesNothing(t *testing.T) {
	g := newTokenServer(t)
	g.status = http.StatusBadRequest
	tokens, err := New(Config{Audience: audience, CredentialsFile: keyFile(t, g.URL+"/?hush")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := authorize(t, tokens)
	if got != "" || err == nil || !strings.Contains(err.Error(), "no Google identity token: "+g.URL+"/ answered 400") || strings.Contains(err.Error(), "hush") {
		t.Errorf("%q %v", got, err)
	}
	g.Close()
	if _, err := authorize(t, tokens); err == nil || strings.Contains(err.Error(), "hush") {
		t.Error(err)
	}
}

// On Google Cloud the metadata server has the token.
func TestATokenOfTheMetadataServer(t *testing.T) {
	asked, answer := 0, token(1, time.Now().Add(time.Hour))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.URL.Path != "/computeMetadata/v1/instance/service-accounts/default/identity" || r.FormValue("audience") != audience || r.Header.Get("Metadata-Flavor") != "Google" {
			t.Errorf("asked %s %v", r.URL, r.Header)
		}
		_, _ = io.WriteString(w, answer)
	}))
	defer s.Close()
	t.Setenv("GCE_METADATA_HOST", strings.TrimPrefix(s.URL, "http://"))
	tokens, err := New(Config{Audience: audience}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got, err := authorize(t, tokens); err != nil || got != "Bearer "+answer || asked != 1 {
			t.Errorf("%q %v after %d requests", got, err, asked)
		}
	}
	tokens.token, answer = nil, "no token"
	if _, err := authorize(t, tokens); err == nil || !strings.Contains(err.Error(), "is no token") {
		t.Error(err)
	}
}

func TestKeysAreChecked(t *testing.T) {
	for text, want := range map[string]string{
		"hush":                        "is no service account's key",
		`{"type":"authorized_user"}`:  "is no service account's key",
		`{"type":"external_account"}`: "is no service account's key",
		`{"type":"service_account","private_key":"hush"}`: "is no whole service account's key",
	} {
		if err := CheckKey("key.json", []byte(text)); err == nil || !strings.Contains(err.Error(), "key.json "+want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
