package doctor

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strings"
)

// workerNames are where apps usually have their service worker. One of another name isn't
// found from outside: only the page says how it is called.
var workerNames = []string{"/sw.js", "/service-worker.js", "/serviceworker.js", ngswName}

const (
	ngswName   = "/ngsw-worker.js" // Angular's
	ngswBypass = "ngsw-bypass"     // in a URL: Angular's worker leaves the request alone

	maxWorker = 4 << 20 // bytes of a script that are looked at
)

var (
	answersRequests = regexp.MustCompile("addEventListener\\(\\s*[\"'`]fetch[\"'`]|\\bonfetch\\s*=")
	hasMoreScripts  = regexp.MustCompile(`\bimportScripts\s*\(|\bimport\s*[("'{*]`)
)

// checkServiceWorker looks for a service worker of the page. Chromium drops
// Last-Event-ID from an EventSource's reconnect that a worker answers by
// fetch(event.request), which no request of ours can show. So this is never a fault, and
// at best a worker that answers no requests.
func (d *doctor) checkServiceWorker(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, quick)
	defer cancel()
	for _, name := range workerNames {
		script, found, err := d.script(ctx, name)
		if err != nil {
			d.found(checkWorker, unknown, "not looked at: %s: %v", d.pageOrigin()+name, plainError(err))
			return
		}
		if found {
			d.judgeWorker(name, script)
			return
		}
	}
	d.found(checkWorker, unknown, "no service worker at %s of %s; if the page has one of another name that answers requests (fetch), %s",
		strings.Join(workerNames, ", "), d.pageOrigin(), dropsHeader)
}

const dropsHeader = "Chromium drops Last-Event-ID from an EventSource's own reconnect: a page that relies on it loses events, or gets them twice"

// judgeWorker says what the worker of this name makes of a stream, as far as its script
// shows.
func (d *doctor) judgeWorker(name, script string) {
	at := d.pageOrigin() + name
	switch {
	case name == ngswName && d.URL.Query().Has(ngswBypass):
		d.found(checkWorker, ok, "a service worker at %s, Angular's, which leaves a URL with %s alone", at, ngswBypass)
	case name == ngswName:
		d.suspect("a service worker at %s, Angular's, answers requests: %s", at, dropsHeader)
	case !answersRequests.MatchString(script) && !hasMoreScripts.MatchString(script):
		d.found(checkWorker, ok, "a service worker at %s, which answers no requests", at)
	case strings.Contains(script, "text/event-stream"):
		d.found(checkWorker, unknown, "a service worker at %s, which knows event streams: make sure that it returns without respondWith for them", at)
	default:
		d.suspect("a service worker at %s, which may answer the stream's requests: %s", at, dropsHeader)
	}
}

// suspect adds what can't be proved from here, with its cures.
func (d *doctor) suspect(format string, args ...any) {
	d.found(checkWorker, unknown, format, args...)
	d.findings[len(d.findings)-1].Cure = []cure{
		{Proxy: "page", Lines: []string{
			"close the EventSource in onerror, and open a new one with the newest id in ?lastEventId=",
			"# a gateway serves a file that does so, to copy: /docs/follow.js",
		}},
		{Proxy: "worker", Lines: []string{
			`if (event.request.headers.get("Accept")?.includes("text/event-stream")) return;    // first in its fetch listener`,
			"# Angular's: " + ngswBypass + " in the query of the stream's URL",
		}},
	}
}

// script returns the page's script of this name, if there is one that a browser would
// take for a worker.
func (d *doctor) script(ctx context.Context, name string) (text string, found bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answer, err := d.open(ctx, request{origin: d.pageOrigin(), path: name, bare: true, header: map[string]string{
		"Accept": "*/*", "Accept-Encoding": "gzip", "Service-Worker": "script",
	}})
	if err != nil || answer.StatusCode != http.StatusOK {
		return "", false, err
	}
	media, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if !strings.HasSuffix(media, "javascript") && !strings.HasSuffix(media, "ecmascript") {
		return "", false, nil // browsers refuse it, and many apps answer anything with their page
	}
	if answer.opaque {
		return "", false, errors.New("its encoding can't be read here")
	}
	body, _ := io.ReadAll(io.LimitReader(answer.text, maxWorker)) // what there is of it is enough
	return string(body), true, nil
}
