package doctor

import (
	"context"
	"strings"
	"testing"

	"sluice/cmd/internal/e2e/gateway"
	"sluice/cmd/internal/e2e/proxy"
)

// operator does what the doctor asks for, as somebody next to it would.
func operator(ctx context.Context, t *testing.T, g *gateway.Gateway) func(string) {
	return func(said string) {
		switch {
		case strings.Contains(said, "stop the gateway now"):
			g.Kill()
		case strings.Contains(said, "start the gateway again"):
			g.Start()
			if err := g.AwaitReady(ctx); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestTheGatewayIsAway: with each recipe pages are told to wait and resume, of every
// origin that may. With another nginx some or all are ended permanently.
func TestTheGatewayIsAway(t *testing.T) {
	t.Parallel()
	type test struct {
		name  string
		proxy func(context.Context, *testing.T, *gateway.Gateway) (url string)
		want  func(*testing.T, examination)
	}
	var tests []test
	for _, p := range proxy.Recipes {
		tests = append(tests, test{p.Name, func(ctx context.Context, t *testing.T, g *gateway.Gateway) string {
			proxy.Need(t, p.Command, p.DebianPackage)
			return p.Run(ctx, t, g.URL(), page)
		}, func(t *testing.T, x examination) {
			x.wantFine(t, append(all, checkAtDowntime)...)
			if !strings.Contains(x.text, "with retry:") || !strings.Contains(x.text, "resumes where the stream was before") || strings.Contains(x.text, "come back together") {
				t.Error(x.text)
			}
		}})
	}
	tests = append(tests, []test{
		{"plain nginx", func(ctx context.Context, t *testing.T, g *gateway.Gateway) string { return nginx(ctx, t, g, good, "") },
			func(t *testing.T, x examination) {
				x.wantFault(t, checkAtDowntime, "502 Bad Gateway, which ends every page's EventSource", "nginx", "error_page 502 503 504")
				x.wantOnly(t, checkAtDowntime)
			}},
		{"for one origin", func(ctx context.Context, t *testing.T, g *gateway.Gateway) string {
			return nginx(ctx, t, g, good+"error_page 502 503 504 = @wait;", `location @wait { default_type text/event-stream; return 200 "retry: 2000\n\n"; }`)
		}, func(t *testing.T, x examination) {
			x.wantFault(t, checkAtDowntime, "CORS for "+page, "", "")
			x.wantOnly(t, checkAtDowntime)
		}},
		{"no proxy", func(_ context.Context, _ *testing.T, g *gateway.Gateway) string { return g.URL() },
			func(t *testing.T, x examination) {
				x.wantFine(t, checkAtDowntime)
				if !strings.Contains(x.text, "no answer at all") {
					t.Error(x.text)
				}
			}},
	}...)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx := bounded(t)
			g := serving(ctx, t, "auth: none")
			tt.want(t, examined(ctx, t, operator(ctx, t, g), "--user", "alice", "--down", "--patience", "1s", "--origin", page, tt.proxy(ctx, t, g)))
		})
	}
}
