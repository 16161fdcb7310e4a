package doctor

import (
	"compress/gzip"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"sluice/cmd/internal/reach"
)

// site is a page's origin that has these scripts, and answers everything else with its
// page.
func site(t *testing.T, scripts map[string]string) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		script, found := scripts[r.URL.Path]
		if !found {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, `<script>addEventListener("fetch", …)</script>`)
			return
		}
		w.Header().Set("Content-Type", "application/javascript; charset=utf-8")
		if len(script) > 1000 && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			w.Header().Set("Content-Encoding", "gzip")
			packed := gzip.NewWriter(w)
			io.WriteString(packed, script)
			packed.Close()
			return
		}
		io.WriteString(w, script)
	}))
	t.Cleanup(server.Close)
	return server
}

// TestServiceWorkerIsNamed: what a script shows of itself is said, with both cures where
// it may answer the stream's requests, and never as a fault.
func TestServiceWorkerIsNamed(t *testing.T) {
	const all = `self.addEventListener("fetch", e => e.respondWith(fetch(e.request)));`
	for _, tt := range []struct {
		name    string
		scripts map[string]string
		query   string
		verdict verdict
		seen    string
		cures   bool
	}{
		{"none", nil, "", unknown, "no service worker at /sw.js", false},
		{"answers", map[string]string{"/sw.js": all}, "", unknown, "/sw.js, which may answer", true},
		{"answers, packed", map[string]string{"/service-worker.js": all + strings.Repeat(" ", 1000)}, "", unknown, "/service-worker.js, which may answer", true},
		{"by onfetch", map[string]string{"/serviceworker.js": "self.onfetch = answer"}, "", unknown, "which may answer", true},
		{"in another script", map[string]string{"/sw.js": `importScripts("workbox-sw.js")`}, "", unknown, "which may answer", true},
		{"push only", map[string]string{"/sw.js": `self.addEventListener("push", show)`}, "", ok, "answers no requests", false},
		{"leaves streams alone", map[string]string{"/sw.js": `if (accept.includes("text/event-stream")) return;` + all}, "", unknown, "knows event streams", false},
		{"Angular's", map[string]string{"/ngsw-worker.js": "x"}, "", unknown, "Angular's, answers requests", true},
		{"Angular's, bypassed", map[string]string{"/ngsw-worker.js": "x"}, "?ngsw-bypass", ok, "leaves a URL with ngsw-bypass alone", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			shop := site(t, tt.scripts)
			at, err := url.Parse("https://events.example/events" + tt.query)
			if err != nil {
				t.Fatal(err)
			}
			d := &doctor{options: &options{Options: reach.Options{URL: at}, origin: shop.URL}, client: shop.Client()}
			d.checkServiceWorker(bounded(t))
			if len(d.findings) != 1 {
				t.Fatalf("%+v", d.findings)
			}
			f := d.findings[0]
			if f.Check != checkWorker || f.Verdict != tt.verdict || !strings.Contains(f.Seen, tt.seen) || (len(f.Cure) == 2) != tt.cures {
				t.Errorf("%+v", f)
			}
		})
	}
}

// TestAnOriginThatGivesNoAnswerIsSaidToHaveNotBeenLookedAt: that no worker was found
// there says nothing.
func TestAnOriginThatGivesNoAnswerIsSaidToHaveNotBeenLookedAt(t *testing.T) {
	shop := site(t, nil)
	at, err := url.Parse(shop.URL + "/events")
	if err != nil {
		t.Fatal(err)
	}
	shop.Close()
	d := &doctor{options: &options{Options: reach.Options{URL: at}}, client: shop.Client()}
	d.checkServiceWorker(bounded(t))
	if len(d.findings) != 1 || d.findings[0].Verdict != unknown || !strings.HasPrefix(d.findings[0].Seen, "not looked at: ") {
		t.Errorf("%+v", d.findings)
	}
}

// TestAnIDInTheHeaderGoesBeforeAnOlderOneInTheURL: a proxy that makes the header of the
// query's id, so that a browser's own reconnect begins where its page was opened, is
// found out.
func TestAnIDInTheHeaderGoesBeforeAnOlderOneInTheURL(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	g := serving(ctx, t, "auth: none")
	gatewayURL, err := url.Parse(g.URL())
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{FlushInterval: -1, ErrorLog: log.New(io.Discard, "", 0), Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(gatewayURL)
		r.SetXForwarded()
		if id := r.In.URL.Query().Get("lastEventId"); id != "" {
			r.Out.Header.Set("Last-Event-ID", id)
		}
	}})
	t.Cleanup(proxy.Close)
	x := examined(ctx, t, nil, "--user", "alice", proxy.URL)
	x.wantFault(t, checkResume, "beside an old ?lastEventId=, is answered by sluice.reset (invalid)", "", "")
	x.wantOnly(t, checkResume)
}
