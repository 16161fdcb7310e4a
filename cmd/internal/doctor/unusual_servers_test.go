package doctor

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/cmd/internal/e2e/proxy"
)

// TestWithoutProbes: a gateway that isn't told of the probe, as an older one that doesn't
// know it, is looked at by its hello and heartbeats. That the query is lost shows where
// it is needed.
func TestWithoutProbes(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	g := serving(ctx, t, "auth: none\nheartbeat: 1s")
	url := nginx(ctx, t, g, strings.ReplaceAll(good, "proxy_buffering off;", "proxy_buffering off; rewrite ^ /events?user=alice? break;"), "")
	x := examined(ctx, t, nil, "--origin", page, "--patience", "2s", "--json", url)
	if f := x.find(checkBytes); f.Verdict != ok || !strings.Contains(f.Seen, "two heartbeats") || !strings.Contains(f.Seen, "knows no probes") {
		t.Errorf("%+v", f)
	}
	x.wantFault(t, checkResume, "?lastEventId= is lost: the stream begins live", "nginx", "$is_args$args")
	x.wantOnly(t, checkResume)
	for _, check := range []string{checkCompression, checkHTTP, checkResponse, checkCORS, checkIdle} {
		if f := x.find(check); f.Verdict != ok {
			t.Errorf("%+v", f)
		}
	}
}

// TestAnotherServer: any server of events is examined as far as that goes.
func TestAnotherServer(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Cache-Control", "no-cache")
		fmt.Fprint(w, "data: 1\n\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	x := examined(bounded(t), t, nil, "--patience", "1s", server.URL)
	x.wantFine(t, checkReach, checkBytes, checkIdle)
	if f := x.find(checkBytes); !strings.Contains(f.Seen, "knows no probes") {
		t.Error(f.Seen)
	}
}

// TestNotReached: what is no stream is said to be none, and why.
func TestNotReached(t *testing.T) {
	answer := func(status int, header, value, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(header, value)
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}
	}
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"a page", answer(200, "Content-Type", "text/html", "<p>"), "no event stream"},
		{"a redirect", answer(302, "Location", "/elsewhere", ""), "302 Found to another address"},
		{"a problem", answer(403, "Content-Type", "application/problem+json", `{"title":"You may not read this stream","detail":"It isn't."}`), "403 Forbidden: You may not read this stream: It isn't."},
		{"a proxy's words", answer(502, "Proxy-Status", "edge; error=connection_refused", ""), "502 Bad Gateway (Proxy-Status: edge; error=connection_refused)"},
		{"nothing in it", answer(200, "Content-Type", "text/event-stream", ""), "ends before its first event"},
		{"control characters", answer(403, "Content-Type", "application/problem+json", `{"title":"\u001b[2J"}`), "\ufffd[2J"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(tt.answer)
			t.Cleanup(server.Close)
			x := examined(bounded(t), t, nil, server.URL)
			x.wantFault(t, checkReach, tt.want, "", "")
		})
	}
	refuses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Proxy-Status", "edge; error=incremental_refused")
		w.WriteHeader(http.StatusNotImplemented)
	}))
	t.Cleanup(refuses.Close)
	examined(bounded(t), t, nil, "--proxy", "nginx", refuses.URL).wantFault(t, checkReach,
		"501 Not Implemented (Proxy-Status: edge; error=incremental_refused): a proxy refuses to pass the stream on as it comes", "nginx", "proxy_buffering off")
	server := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	examined(bounded(t), t, nil, server.URL).wantFault(t, checkReach, "--ca-file", "", "")
	examined(bounded(t), t, nil, "http://127.0.0.1:1").wantFault(t, checkReach, "connection refused", "", "")
}

// TestAuthorizationIsLost: the gateway says that nobody has come, and a token was sent.
// Neither it nor a hash of it stands in what the doctor says, nor in a URL.
func TestAuthorizationIsLost(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	dir := t.TempDir()
	key := filepath.Join(dir, "key")
	secret := strings.Repeat("k", 32)
	if err := os.WriteFile(key, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	g := serving(ctx, t, fmt.Sprintf("auth: {jwt: {secret_file: %q}}", key))
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte(signed(secret)), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"--token-file", token, "--origin", page}
	examined(ctx, t, nil, append(args, g.URL())...).wantFine(t, checkBytes, checkRequest, checkResume, checkCORS)

	x := examined(ctx, t, nil, append(args, nginx(ctx, t, g, good+`proxy_set_header Authorization "";`, ""))...)
	x.wantFault(t, checkRequest, "Authorization was sent, and has not arrived", "nginx", "proxy_set_header Authorization")

	x = examined(ctx, t, nil, g.URL())
	x.wantFault(t, checkReach, "say who you are", "", "")
}

// signed is alice's token.
func signed(secret string) string {
	part := func(v any) string {
		text, _ := json.Marshal(v) // of strings and numbers
		return base64.RawURLEncoding.EncodeToString(text)
	}
	text := part(map[string]string{"alg": "HS256"}) + "." + part(map[string]any{"sub": "alice", "exp": time.Now().Add(time.Hour).Unix()})
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// TestSecretsStayOutOfURLs: what a proxy may log is about no credential of the caller's.
func TestSecretsStayOutOfURLs(t *testing.T) {
	asked := make(chan string, 16)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("sent") {
			asked <- r.URL.Query().Get("sent")
		}
	}))
	t.Cleanup(server.Close)
	examined(bounded(t), t, nil, "--header", "Authorization: Bearer s3cret", "--header", "Cookie: session=s3cret", server.URL)
	for _, item := range strings.Split(<-asked, ",") {
		if name, hash, hashed := strings.Cut(item, ":"); hashed && (name == "authorization" || name == "cookie") {
			t.Errorf("a hash of %s is sent: %s", name, hash)
		}
	}
}

// TestLate: HAProxy waits for more to send unless it is told not to.
func TestLate(t *testing.T) {
	proxy.Need(t, "haproxy", "haproxy")
	ctx := bounded(t)
	g := serving(ctx, t, "auth: none")
	s := proxy.NewSetup(t, g.URL(), page)
	config := s.Write(t, "haproxy.cfg", fmt.Sprintf(`
defaults
    mode http
    timeout connect 5s
    timeout client 1h
    timeout server 1h
listen shop
    bind %s
    option forwardfor
    server gateway %s
`, s.Listen, s.Gateway))
	s.Start(ctx, t, exec.Command("haproxy", "-db", "-f", config), http.DefaultClient, "http://"+s.Listen)
	x := examined(ctx, t, nil, "--user", "alice", "http://"+s.Listen)
	x.wantFault(t, checkBytes, "", "haproxy", "option http-no-delay")
	x.wantFault(t, checkBytes, "", "nginx", "proxy_buffering off") // it doesn't show which proxy it is
	x.wantOnly(t, checkBytes)
	x = examined(ctx, t, nil, "--user", "alice", "--proxy", "haproxy", "http://"+s.Listen)
	if c := x.find(checkBytes).Cure; len(c) != 1 || c[0].Proxy != "haproxy" {
		t.Errorf("with --proxy haproxy: %+v", c)
	}
}

// TestCutOff: a stream that is ended at an age, whatever goes on in it, is told from one
// that is too silent.
func TestCutOff(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Cache-Control", "no-cache")
		ctx, cancel := context.WithTimeout(r.Context(), time.Second)
		defer cancel()
		beat := time.NewTicker(100 * time.Millisecond)
		defer beat.Stop()
		for {
			fmt.Fprint(w, "data: beat\n\n")
			w.(http.Flusher).Flush()
			select {
			case <-beat.C:
			case <-ctx.Done():
				return
			}
		}
	}))
	t.Cleanup(server.Close)
	examined(bounded(t), t, nil, "--patience", "5s", server.URL).wantFault(t, checkIdle, "the real stream was cut off after", "", "")
}

// TestInterrupted: Ctrl-C ends the wait, and what was found so far is said.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	g := serving(ctx, t, "auth: none")
	ctx, interrupt := context.WithCancel(ctx)
	x := examined(ctx, t, func(said string) {
		if strings.Contains(said, "leaving a silent stream") {
			interrupt()
		}
	}, "--user", "alice", "--patience", "5m", g.URL())
	if x.status != 1 || !x.Interrupted || x.find(checkBytes).Verdict != ok {
		t.Errorf("status %d: %s", x.status, x.text)
	}
}
