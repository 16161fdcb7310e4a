package connect

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

var discard = slog.New(slog.DiscardHandler)

// write puts text in a file.
func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestATokenURLsRedirectIsNotFollowed(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the other host was asked") }))
	defer elsewhere.Close()
	moved := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect)) // which would send the body on
	defer moved.Close()
	source, err := OAuth{TokenURL: moved.URL, ClientID: "c", ClientSecret: "s"}.source(discard)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := source(t.Context()); err == nil {
		t.Errorf("a token: %+v", got)
	}
}

func TestOAuthReadsItsFileEachTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	write(t, path, "one\n")
	source, err := OAuth{TokenFile: path}.source(discard)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"one", "two"} {
		write(t, path, want+"\n")
		if auth, err := source(context.Background()); err != nil || auth.Token != want {
			t.Errorf("token = %q, %v; want %q", auth.Token, err, want)
		}
	}
	write(t, path, " \n")
	if _, err := source(context.Background()); err == nil {
		t.Error("an empty token file gave a token")
	}
}

func TestOAuthAsksItsEndpoint(t *testing.T) {
	answer := `{"access_token":"tok","expires_in":60}`
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		if id != "gateway" || secret != "s%2Fcret" || r.FormValue("grant_type") != "client_credentials" || r.FormValue("scope") != "kafka" {
			http.Error(w, "no: "+secret, http.StatusUnauthorized)
			return
		}
		w.Write([]byte(answer))
	}))
	defer srv.Close()
	ask := func(secret string) (string, error) {
		source, err := OAuth{TokenURL: srv.URL, ClientID: "gateway", ClientSecret: secret, Scope: "kafka"}.source(discard)
		if err != nil {
			t.Fatal(err)
		}
		auth, err := source(context.Background())
		return auth.Token, err
	}
	if token, err := ask("s/cret"); err != nil || token != "tok" {
		t.Errorf("token = %q, %v; want tok", token, err)
	}
	if _, err := ask("wrong-one"); err == nil || !strings.Contains(err.Error(), "401") || strings.Contains(err.Error(), "wrong-one") {
		t.Errorf("a refusal reads %v; want the status and no secret", err)
	}
	answer = `{}`
	if _, err := ask("s/cret"); err == nil {
		t.Error("an answer without a token gave one")
	}
}

func TestAClientSecretIsReadForEachToken(t *testing.T) {
	var wanted atomic.Value
	wanted.Store("first")
	idp := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, secret, _ := r.BasicAuth(); secret != wanted.Load() {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(`{"access_token":"t"}`))
	}))
	t.Cleanup(idp.Close)
	file := filepath.Join(t.TempDir(), "secret")
	write(t, file, "first\n")
	source, err := OAuth{TokenURL: idp.URL, ClientID: "gateway", ClientSecretFile: file}.source(discard)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"first", "second"} {
		wanted.Store(secret)
		write(t, file, secret+"\n")
		if _, err := source(t.Context()); err != nil {
			t.Errorf("with %s in the file: %v", secret, err)
		}
	}
}
