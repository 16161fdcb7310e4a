package cors

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestWithCredentialsAnOriginIsExactOrAboveTwoLabels(t *testing.T) {
	for text, want := range map[string]struct{ plain, cookies bool }{
		"*":                           {true, false},
		"https://shop.example":        {true, true},
		"https://Shop.Example:8443":   {true, true},
		"http://localhost:3000":       {true, true},
		"http://127.0.0.1:3000":       {true, true},
		"http://[::1]:3000":           {true, true},
		"https://*.shop.example":      {true, true},
		"https://*.shop.example:8443": {true, true},
		"https://*.a.shop.example":    {true, true},
		"capacitor://localhost":       {true, true},
		"tauri://localhost":           {true, true},
		"ionic://localhost":           {true, true},
		"chrome-extension://abcdefghijklmnopabcdefghijklmnop":         {true, true},
		"safari-web-extension://7D5B5B0C-7C1C-4D6A-9C9F-000000000000": {true, true},
		"moz-extension://*":           {true, false},
		"https://*":                   {true, false},
		"https://*:8443":              {true, false},
		"https://*.":                  {true, false},
		"https://*.example":           {true, false},
		"https://*.example.":          {true, false},
		"https://*shop.example":       {true, false},
		"https://shop*.co.example":    {true, false},
		"https://a.*.shop.example":    {true, false},
		"https://shop.*":              {true, false},
		"https://*.0.1":               {true, false},
		"shop.example":                {},
		"https://":                    {},
		"https://shop.example/":       {},
		"https://shop.example:0":      {},
		"https://shop.example:*":      {},
		"https://u@shop.example":      {},
		"https://shop.example?a":      {},
		"https://*.*.shop.example":    {},
		"*://shop.example":            {},
		"https://.shop.example":       {},
		"https://b\u00fccher.example": {},
		"http://[::1":                 {},
		"http://[*]":                  {},
		"file://x":                    {},
		"null":                        {},
		"":                            {},
	} {
		for _, cookies := range []bool{false, true} {
			ok := want.plain
			if cookies {
				ok = want.cookies
			}
			if err := CheckOrigin(text, cookies); (err == nil) != ok {
				t.Errorf("%q, credentials %t: %v", text, cookies, err)
			}
			if err := (Config{Origins: []string{text}, Credentials: cookies}).Validate(); (err == nil) != ok {
				t.Errorf("%q, credentials %t, of the server: %v", text, cookies, err)
			}
		}
	}
}

func TestAnOriginIsAllowedAsWritten(t *testing.T) {
	h := Config{Credentials: true, Origins: []string{
		"https://shop.example", "https://*.Shop.example:8443", "https://old.example:443", "capacitor://localhost", "http://[::1]:3000",
	}}.Middleware(nil)(http.NotFoundHandler())
	for from, want := range map[string]bool{
		"https://shop.example":             true,
		"https://a.shop.example:8443":      true,
		"https://a.b.shop.example:8443":    true,
		"https://old.example":              true,
		"capacitor://localhost":            true,
		"http://[::1]:3000":                true,
		"http://shop.example":              false,
		"https://shop.example:444":         false,
		"https://shop.example.evil":        false,
		"https://evilshop.example":         false,
		"https://a.shop.example":           false,
		"https://.shop.example:8443":       false,
		"https://evil/.shop.example:8443":  false,
		"https://evil:1.shop.example:8443": false,
		"https://evil@.shop.example:8443":  false,
		"tauri://localhost":                false,
		"null":                             false,
		"":                                 false,
	} {
		w := asFrom(h, http.MethodGet, from)
		allowed := w.Header().Get("Access-Control-Allow-Origin")
		if (allowed == from && from != "") != want || !want && allowed != "" || (w.Header().Get("Access-Control-Allow-Credentials") == "true") != want {
			t.Errorf("%q: %v", from, w.Header())
		}
	}
}

// asFrom asks as a page of an origin; headers are those that a preflight asks for.
func asFrom(h http.Handler, method, origin string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/events?user=alice", nil)
	r.Header.Set("Origin", origin)
	if method == http.MethodOptions {
		r.Header.Set("Access-Control-Request-Method", http.MethodGet)
		r.Header.Set("Access-Control-Request-Headers", strings.Join(headers, ","))
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestAPreflightAllowsWhatTracingAndLibrariesAdd(t *testing.T) {
	const shop = "https://shop.example"
	usual := Config{Origins: []string{shop}}.Middleware(nil)(http.NotFoundHandler())
	own := Config{Origins: []string{shop}, Headers: []string{"X-Own"}}.Middleware(nil)(http.NotFoundHandler())
	any := Config{Origins: []string{shop}, Headers: []string{"*"}}.Middleware(nil)(http.NotFoundHandler())
	for headers, by := range map[string][3]bool{ // usual, own, any
		"last-event-id": {true, true, true},
		"authorization,cache-control,last-event-id": {true, true, true},
		"traceparent":                          {true, false, true},
		"traceparent,tracestate":               {true, false, true},
		"baggage,sentry-trace":                 {true, false, true},
		"x-datadog-trace-id":                   {true, false, true},
		"x-datadog-origin,x-datadog-parent-id": {true, false, true},
		"b3":                                   {true, false, true},
		"x-requested-with":                     {true, false, true},
		"content-type":                         {true, false, true},
		"pragma":                               {true, false, true},
		"x-own":                                {false, true, true},
		"x-other":                              {false, false, true},
	} {
		for i, h := range []http.Handler{usual, own, any} {
			if w := asFrom(h, http.MethodOptions, shop, headers); (w.Header().Get("Access-Control-Allow-Headers") != "") != by[i] {
				t.Errorf("%s, by %d: %v", headers, i, w.Header())
			}
		}
	}
}
