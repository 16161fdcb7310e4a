package doctor

import (
	"context"
	"net/http"
	"slices"
	"strings"
)

// checkOrigin looks as a page of another origin does.
func (d *doctor) checkOrigin(ctx context.Context) {
	if d.origin == "" {
		d.found(checkCORS, unknown, "not looked at: --origin https://shop.example looks as a page from there")
		return
	}
	if d.origin == originOf(d.URL) {
		d.found(checkCORS, ok, "not needed: %s is the stream's own origin", d.origin)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, quick)
	defer cancel()
	before := len(d.findings)
	d.checkSimpleRequest(ctx)
	d.checkPreflight(ctx)
	if len(d.findings) == before {
		d.found(checkCORS, ok, "a page of %s may read the stream, with cookies, and may send Authorization", d.origin)
	}
}

// checkSimpleRequest is what an EventSource sends.
func (d *doctor) checkSimpleRequest(ctx context.Context) {
	answer := d.headerOf(ctx, request{header: map[string]string{"Origin": d.origin}})
	if answer == nil {
		d.found(checkCORS, unknown, "not looked at: no answer")
		return
	}
	allow, credentials := answer.Header.Values("Access-Control-Allow-Origin"), answer.Header.Get("Access-Control-Allow-Credentials")
	by := ""
	if d.firstProbe != nil && d.firstProbe.report.CORS.Origin {
		by = ": it is lost on the way back, for the gateway has allowed it"
	}
	switch {
	case len(allow) == 0:
		d.fail(checkCORS, problemCORS, d.origin, "the answer has no Access-Control-Allow-Origin, so a page of %s can't read it%s", d.origin, by)
	case len(allow) > 1:
		d.fail(checkCORS, problemCORS, d.origin, "the answer has Access-Control-Allow-Origin %d times, which browsers refuse: the gateway and the proxy both write it", len(allow))
	case allow[0] == "*":
		d.fail(checkCORS, problemCORS, d.origin, "the answer allows any origin (*), which browsers refuse with cookies: name %s", d.origin)
	case allow[0] != d.origin:
		d.fail(checkCORS, problemCORS, d.origin, "the answer allows %q and not %s", allow[0], d.origin)
	case credentials != "true":
		d.fail(checkCORS, problemCORS, d.origin, "the answer has no Access-Control-Allow-Credentials: true, so with cookies (withCredentials) a page of %s can't read it", d.origin)
	}
}

// headerOf asks for a probe's header where there is one: it takes nothing and ends by
// itself.
func (d *doctor) headerOf(ctx context.Context, a request) *response {
	if d.firstProbe != nil {
		a.query = map[string]string{"probe": plan{count: 1, every: smallPlan.every}.String()}
	}
	v, err := d.open(ctx, a)
	if err != nil {
		return nil
	}
	return v
}

// checkPreflight is what a browser asks before a page may send Authorization.
func (d *doctor) checkPreflight(ctx context.Context) {
	answer, err := d.open(ctx, request{method: http.MethodOptions, bare: true, header: map[string]string{
		"Origin": d.origin, "Accept": "*/*", "Access-Control-Request-Method": http.MethodGet, "Access-Control-Request-Headers": "authorization",
	}})
	if err != nil {
		d.found(checkCORS, unknown, "the preflight has no answer: %v", plainError(err))
		return
	}
	headers := strings.Split(strings.ToLower(strings.ReplaceAll(answer.Header.Get("Access-Control-Allow-Headers"), " ", "")), ",")
	switch {
	case answer.StatusCode < 200 || answer.StatusCode > 299:
		d.fail(checkCORS, problemCORS, d.origin, "the preflight (OPTIONS) is answered with %s: a page of %s can't send Authorization", answer.Status, d.origin)
	case answer.Header.Get("Access-Control-Allow-Origin") != d.origin || !slices.Contains(headers, "authorization"):
		d.fail(checkCORS, problemCORS, d.origin, "the preflight doesn't allow Authorization to pages of %s", d.origin)
	}
}
