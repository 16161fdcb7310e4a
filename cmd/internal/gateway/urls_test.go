package gateway

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kfake"

	"sluice/cmd/internal/check"
	"sluice/cmd/internal/config"
)

// A key that stands in the query of an address, and one in front of a host.
const (
	queryKey = "query-key-5d17c2"
	userKey  = "user-key-88ab01"
)

// failing are the ways in which an address that is asked fails. Each repeats what it was
// asked.
var failing = map[string]http.HandlerFunc{
	"cut off": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	"a fault": func(w http.ResponseWriter, r *http.Request) {
		raw(w, "HTTP/1.1 500 no "+r.URL.String()+"\r\nContent-Length: 0\r\n\r\n")
	},
	"no HTTP":               func(w http.ResponseWriter, r *http.Request) { raw(w, "what is "+r.URL.String()+"\r\n\r\n") },
	"another host":          leads("http://u:" + userKey + "@elsewhere.example/"),
	"no address":            leads("http://u:" + userKey + "@x:bad/"),
	"no path":               leads("/%zz"),
	"a loop":                func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.String(), http.StatusFound) },
	"no key set, no answer": func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "%q", r.URL.String()) },
}

func raw(w http.ResponseWriter, text string) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	io.WriteString(conn, text) // the client has what it gets
}

func leads(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", to+"?"+r.URL.RawQuery)
		w.WriteHeader(http.StatusTemporaryRedirect)
	}
}

// TestNothingWritesWhatAnAddressHasInIt: addresses that the gateway asks may have keys in
// their query, and the addresses that they lead on to in front of their host, too. All of
// them fail, in every way.
func TestNothingWritesWhatAnAddressHasInIt(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "order-topic"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	const unknown = "eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.eyJzdWIiOiJhIn0.AAAA"
	for way, answer := range failing {
		t.Run(way, func(t *testing.T) {
			app := httptest.NewServer(answer)
			t.Cleanup(app.Close)
			for name, auth := range map[string]string{
				"an issuer": "auth: {jwt: {jwks_url: '%s'}}",
				"the app":   "auth: {forward: {url: '%s', user: id}}",
			} {
				t.Run(name, func(t *testing.T) {
					text := "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nlog: {level: debug}\nstreams: {orders: {topic: order-topic, user: key}}\n" +
						fmt.Sprintf(auth, app.URL+"/keys?key="+queryKey+"#"+queryKey)
					brokers := "SLUICE_KAFKA_BROKERS=" + c.ListenAddrs()[0]
					file := filepath.Join(t.TempDir(), "sluice.yaml")
					if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
						t.Fatal(err)
					}
					conf, findings := config.Load(file, []string{brokers})
					if len(findings.Faults()) > 0 {
						t.Fatal(findings)
					}
					var written syncBuffer
					g, err := New(Options{Config: conf, Log: zerolog.New(&written)})
					if err != nil {
						t.Fatal(err)
					}
					defer g.Stop(context.Background())
					if err := g.Start(t.Context()); err != nil {
						t.Fatal(err)
					}
					ask := func(url string) {
						r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
						if err != nil {
							t.Fatal(err)
						}
						r.Header.Set("Authorization", "Bearer "+unknown)
						r.Header.Set("Cookie", "session=x")
						res, err := http.DefaultClient.Do(r)
						if err != nil {
							t.Fatal(err)
						}
						defer res.Body.Close()
						fmt.Fprintln(&written, res.Status, res.Header)
						io.Copy(&written, res.Body)
					}
					public, admin := "http://"+g.Addr().String(), "http://"+g.AdminAddr().String()
					said := map[string]string{"an issuer": "keys can't be fetched", "the app": "the app "}[name]
					if name == "the app" && (way == "a loop" || way == "another host" || way == "no key set, no answer") {
						said = "401 Unauthorized" // it has said no
					}
					tick := time.NewTicker(10 * time.Millisecond)
					defer tick.Stop()
					for try := 0; try < 12 || !strings.Contains(written.String(), said); try++ {
						ask(public + "/state?stream=orders")
						ask(admin + "/readyz")
						<-tick.C
					}
					for _, path := range []string{"/live", "/metrics", "/openapi.json", "/asyncapi.json", "/console/", "/console/discovery", "/debug/pprof/goroutine?debug=2"} {
						ask(admin + path)
					}
					for _, path := range []string{"/.well-known/sluice", "/openapi.json", "/asyncapi.json", "/docs/", "/console/"} {
						ask(public + path)
					}
					t.Setenv("SLUICE_KAFKA_BROKERS", c.ListenAddrs()[0])
					check.Run(t.Context(), []string{"-c", file}, &written, &written)
					check.Run(t.Context(), []string{"-c", file, "--json"}, &written, &written)
					all := written.String()
					for _, key := range []string{queryKey, userKey} {
						if i := strings.Index(all, key); i >= 0 {
							t.Errorf("a key was written: …%s…", all[max(0, i-160):i+20])
						}
					}
				})
			}
		})
	}
}
