package doctor

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sluice/cmd/internal/e2e/proxy"
)

// TestNextRewrites: a stream through Next's rewrites() isn't compressed as long as
// no-transform arrives there, but hides its clients' addresses. Where something has taken
// no-transform away, Next compresses it and holds it back in its compressor.
func TestNextRewrites(t *testing.T) {
	ctx := bounded(t)
	g := serving(ctx, t, "auth: none")
	changed := nginx(ctx, t, g, good+"proxy_hide_header Cache-Control; add_header Cache-Control no-cache;", "")
	site := next(ctx, t, "SLUICE_URL="+g.URL(), "PROXY_URL="+changed)

	x := examined(ctx, t, nil, "--user", "alice", site+"/next-events")
	x.wantFault(t, checkRequest, "client's address", "", "")
	x.wantOnly(t, checkRequest)

	x = examined(ctx, t, nil, "--user", "alice", site+"/transformed")
	x.wantFault(t, checkBytes, "by compression: without it they come at once", "next", "compress: false")
	x.wantFault(t, checkCompression, "compressed (gzip)", "next", "rewrites()")
	x.wantFault(t, checkResponse, "no-transform", "nginx", "Cache-Control")
	if !strings.Contains(x.find(checkBytes).Seen, "in blocks of") {
		t.Errorf("how much is held back isn't said: %s", x.find(checkBytes).Seen)
	}

	g.Kill() // what illAway says of Next
	examined(ctx, t, nil, "--user", "alice", site+"/next-events").wantFault(t, checkReach, "500 Internal Server Error", "", "")
}

// next builds and starts the site in testdata/next, and returns its URL.
func next(ctx context.Context, t *testing.T, env ...string) string {
	t.Helper()
	proxy.Need(t, "node", "nodejs")
	dir, err := filepath.Abs("testdata/next")
	if err != nil {
		t.Fatal(err)
	}
	command := filepath.Join(dir, "node_modules/next/dist/bin/next")
	if _, err := os.Stat(command); err != nil {
		proxy.Lacks(t, "needs `npm ci` in cmd/internal/doctor/testdata/next")
	}
	run := func(args ...string) *exec.Cmd {
		c := exec.Command("node", append([]string{command}, args...)...)
		c.Dir, c.Env = dir, append(append(os.Environ(), "NEXT_TELEMETRY_DISABLED=1"), env...)
		return c
	}
	if said, err := run("build").CombinedOutput(); err != nil {
		t.Fatalf("next build: %v\n%s", err, said)
	}
	s := proxy.NewSetup(t, "", "")
	host, port, _ := strings.Cut(s.Listen, ":")
	s.Start(ctx, t, run("start", "-H", host, "-p", port), http.DefaultClient, "http://"+s.Listen)
	return "http://" + s.Listen
}
