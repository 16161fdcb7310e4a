package doctor

import (
	"slices"
	"strings"
	"testing"

	"sluice/cmd/internal/e2e/proxy"
)

// all are the checks that are made without the operator's help.
var all = []string{checkReach, checkBytes, checkCompression, checkHTTP, checkRequest, checkResponse, checkResume, checkCORS, checkIdle}

// TestNothingIsWrong: directly and through each recipe of deploy/proxies, in sites that
// compress all they can.
func TestNothingIsWrong(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	g := serving(ctx, t, "auth: none")
	args := []string{"--user", "alice", "--origin", page, "--patience", "2s"}
	t.Run("direct", func(t *testing.T) {
		t.Parallel()
		x := examined(ctx, t, nil, append(args, g.URL())...)
		x.wantFine(t, all...)
		if f := x.find(checkReach); !strings.Contains(f.Seen, "nothing in between") {
			t.Error(f.Seen)
		}
	})
	t.Run("direct, from an origin that may not", func(t *testing.T) {
		t.Parallel()
		x := examined(ctx, t, nil, "--user", "alice", "--origin", "https://elsewhere.example", g.URL())
		x.wantFault(t, checkCORS, "no Access-Control-Allow-Origin", gatewayItself, `origins: ["https://elsewhere.example"]`)
		x.wantFault(t, checkCORS, "the preflight doesn't allow Authorization", "", "")
		x.wantOnly(t, checkCORS)
	})
	t.Run("nginx with TLS and HTTP/2", func(t *testing.T) {
		proxy.Need(t, "nginx", "nginx-light")
		t.Parallel()
		url, ca := proxy.NginxWithTLS(ctx, t, g.URL(), page)
		x := examined(ctx, t, nil, append(args, "--ca-file", ca, url)...)
		x.wantFine(t, all...)
		if f := x.find(checkHTTP); !strings.Contains(f.Seen, "HTTP/2.0, agreed on by ALPN; behind it HTTP/1.1") {
			t.Error(f.Seen)
		}
	})
	for _, p := range proxy.Recipes {
		t.Run(p.Name, func(t *testing.T) {
			proxy.Need(t, p.Command, p.DebianPackage)
			t.Parallel()
			x := examined(ctx, t, nil, append(args, p.Run(ctx, t, g.URL(), page))...)
			x.wantFine(t, all...)
			if known := strings.ToLower(p.Name); known != "haproxy" && !slices.Contains(x.Proxies, known) { // which doesn't show itself
				t.Errorf("recognised %q", x.Proxies)
			}
		})
	}
}

// TestFaultsOfNginx: each fault is named, with the line that cures it, and no other with
// it.
func TestFaultsOfNginx(t *testing.T) {
	ctx := bounded(t)
	g := serving(ctx, t, "auth: none")
	for _, tt := range []struct {
		name, lines       string
		args              []string
		check, text, cure string
		also              string // another check that fails for the same reason
	}{
		// With HTTP/1.1 to the gateway nginx hands on whole chunks even where it buffers.
		{"buffering on", `proxy_set_header X-Forwarded-For $remote_addr; proxy_buffering on; proxy_ignore_headers X-Accel-Buffering;`, nil,
			checkBytes, "held back", "proxy_buffering off", checkHTTP}, // a busy machine blurs the blocks; TestBunches has them sharp
		{"buffering and gzip", strings.ReplaceAll(good, "proxy_buffering off;", "proxy_ignore_headers X-Accel-Buffering; gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any;"), nil,
			checkBytes, "by compression: without it they come at once", "gzip off", checkCompression},
		{"gzip on", good + "gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any;", nil,
			checkCompression, "compressed (gzip)", "gzip off", ""},
		{"read timeout of 5s", good + "proxy_read_timeout 5s;", []string{"--patience", "7s"},
			checkIdle, "of silence, before a heartbeat comes", "proxy_read_timeout 1h", ""}, // after 5 s, or a little more
		{"HTTP/1.0", "proxy_set_header X-Forwarded-For $remote_addr; proxy_buffering off;", nil,
			checkHTTP, "HTTP/1.0", "proxy_http_version 1.1", ""},
		{"no Last-Event-ID", good + `proxy_set_header Last-Event-ID "";`, nil,
			checkRequest, "Last-Event-ID is lost", "proxy_set_header Last-Event-ID", checkResume},
		{"no Authorization", good + `proxy_set_header Authorization "";`, nil,
			checkRequest, "Authorization is lost", "proxy_set_header Authorization", ""},
		{"no Accept", good + `proxy_set_header Accept "";`, nil,
			checkRequest, "Accept is lost on the way to the gateway: an EventSource can be told an error", "proxy_set_header Accept", ""},
		{"another Accept", good + `proxy_set_header Accept "*/*";`, nil,
			checkRequest, "Accept is changed on the way to the gateway: an EventSource can be told an error", "proxy_set_header Accept", ""},
		{"no client address", strings.ReplaceAll(good, "proxy_set_header X-Forwarded-For $remote_addr;", ""), nil,
			checkRequest, "client's address", "X-Forwarded-For $remote_addr", ""},
		{"no CORS", good + "proxy_hide_header Access-Control-Allow-Origin;", []string{"--origin", page},
			checkCORS, "lost on the way back", "proxy_hide_header", ""},
		{"another Cache-Control", good + "proxy_hide_header Cache-Control; add_header Cache-Control max-age=60;", nil,
			checkResponse, "Cache-Control is changed", "Cache-Control", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			x := examined(ctx, t, nil, append(tt.args, "--user", "alice", nginx(ctx, t, g, tt.lines, ""))...)
			x.wantFault(t, tt.check, tt.text, "nginx", tt.cure)
			x.wantOnly(t, tt.check, tt.also)
		})
	}
}
