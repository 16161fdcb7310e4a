package doctor

import (
	"io"
	"strings"
	"testing"
)

func TestBadUsageIsStatus2(t *testing.T) {
	for _, args := range [][]string{
		{},
		{"http://a", "--origin", "shop.example"},
		{"http://a", "--origin", "https://shop.example/page"},
		{"http://a", "--patience", "6m"},
		{"http://a", "--patience", "-1s"},
		{"http://a", "--proxy", "squid"},
		{"http://a", "--ca-file", "/nowhere"},
	} {
		var stderr strings.Builder
		if status := Run(t.Context(), args, io.Discard, &stderr); status != 2 || stderr.Len() == 0 {
			t.Errorf("%q: status %d, stderr %q; want 2 and a reason", args, status, &stderr)
		}
	}
}

func TestHelp(t *testing.T) {
	var stdout, stderr strings.Builder
	if status := Run(t.Context(), []string{"-h"}, &stdout, &stderr); status != 0 || !strings.Contains(stdout.String(), "-patience") {
		t.Errorf("status %d, stdout %q, stderr %q", status, &stdout, &stderr)
	}
}

// What a person reads: a line a finding, and under a fault what to change, where.
func TestReadable(t *testing.T) {
	r := report{Faults: 1, Findings: []finding{
		{Check: checkReach, Verdict: ok, Seen: "200 OK"},
		{Check: checkHTTP, Verdict: fault, Seen: "HTTP/1.0\nand so on", Cure: curesFor(problemOldHTTP, []string{"nginx", "caddy"}, "")},
	}}
	var text strings.Builder
	if err := r.write(&text, false, false); err != nil {
		t.Fatal(err)
	}
	const want = `ok       reach         200 OK
fault    http          HTTP/1.0
                       and so on
                       nginx        proxy_http_version 1.1;
                                    proxy_set_header Connection "";    # both in location /events

1 fault. Whole configurations, tried: deploy/proxies of sluice.
`
	if text.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &text, want)
	}
}

// Where no proxy is at fault, no proxy's configuration is recommended.
func TestRecipesAreForProxies(t *testing.T) {
	for _, cured := range [][]cure{nil, curesFor(problemCORS, nil, page)} {
		r := report{Faults: 1, Findings: []finding{{Check: checkCORS, Verdict: fault, Seen: "lost", Cure: cured}}}
		var text strings.Builder
		if err := r.write(&text, false, false); err != nil || !strings.HasSuffix(text.String(), "\n1 fault.\n") {
			t.Errorf("%v: %s", err, &text)
		}
	}
}

// Every problem has something to change in every proxy that can have it, and what stands
// for a header is replaced.
func TestCures(t *testing.T) {
	for which, by := range cures {
		for name, lines := range by {
			if name != gatewayItself && !strings.Contains(strings.Join(proxyNames, " "), name) || lines == "" {
				t.Errorf("%s: %q, %q", which, name, lines)
			}
		}
		for _, c := range curesFor(which, proxyNames, "Origin") {
			if text := strings.Join(c.Lines, "\n"); strings.Contains(text, "HEADER") {
				t.Errorf("%s, %s: %s", which, c.Proxy, text)
			}
		}
	}
}
