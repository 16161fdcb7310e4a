package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"sluice/broker/kafkatest"
	"sluice/cmd/internal/e2e/gateway"
	"sluice/cmd/internal/e2e/proxy"
)

// page is the origin whose pages may read.
const page = "https://shop.example"

func TestMain(m *testing.M) {
	kafkatest.AtOnce("6", "2") // with all there are proxies and a browser, too
	gateway.Exit(m.Run())
}

// bounded is the test's context with an end that only a failure reaches.
func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// serving starts a gateway with a Kafka for itself, as a process, and waits until it is
// ready. The settings are YAML.
func serving(ctx context.Context, t *testing.T, settings string) *gateway.Gateway {
	t.Helper()
	kafka, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	binary, err := gateway.Binary()
	if err != nil {
		t.Fatal(err)
	}
	g := gateway.New(t, binary, fmt.Sprintf(`
kafka: {brokers: [%q]}
cors: {origins: [%q], credentials: true}
streams:
  orders: {topic: orders, user: key}
%s
`, kafka.ListenAddrs()[0], page, settings))
	g.Start()
	if err := g.AwaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	return g
}

// nginx starts one with these lines in its location of /events, and returns its URL. more
// stands next to the location.
func nginx(ctx context.Context, t *testing.T, g *gateway.Gateway, lines, more string) string {
	t.Helper()
	proxy.Need(t, "nginx", "nginx-light")
	s := proxy.NewSetup(t, g.URL(), page)
	config := s.Write(t, "nginx.conf", fmt.Sprintf(`
daemon off; master_process off; pid %[1]s/pid; error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi;
    uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
    server {
        listen %[2]s;
        location = /events {
            proxy_pass http://%[3]s;
            %[4]s
        }
        %[5]s
    }
}
`, s.Dir, s.Listen, s.Gateway, lines, more))
	s.Start(ctx, t, exec.Command("nginx", "-c", config, "-e", "stderr"), http.DefaultClient, "http://"+s.Listen)
	return "http://" + s.Listen
}

// good is what an nginx needs besides proxy_pass.
const good = `proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr; proxy_buffering off; `

// examination is what a doctor said.
type examination struct {
	report
	status int
	text   string
}

// at is how many doctors are at work: a gateway answers four probes at a time, and a
// doctor waits for its turn only so long.
var at = make(chan struct{}, 3)

// examined runs the doctor. notices is told what it says while it waits; nil: nobody is.
func examined(ctx context.Context, t *testing.T, notices func(string), args ...string) examination {
	t.Helper()
	at <- struct{}{}
	defer func() { <-at }()
	var out bytes.Buffer
	notes := &listener{hear: notices}
	x := examination{status: Run(ctx, append([]string{"--json"}, args...), &out, notes)}
	x.text = out.String() + notes.said()
	if err := json.Unmarshal(out.Bytes(), &x.report); err != nil {
		t.Fatalf("%v: %s", err, x.text)
	}
	return x
}

// listener hands on what is written to it.
type listener struct {
	hear func(string)
	mu   sync.Mutex // guards text
	text strings.Builder
}

func (l *listener) Write(p []byte) (int, error) {
	l.mu.Lock()
	l.text.Write(p)
	l.mu.Unlock()
	if l.hear != nil {
		l.hear(string(p))
	}
	return len(p), nil
}

func (l *listener) said() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// wantFine fails unless nothing is wrong, and all these checks were made.
func (x examination) wantFine(t *testing.T, checks ...string) {
	t.Helper()
	if x.status != 0 || x.Faults != 0 {
		t.Errorf("status %d:\n%s", x.status, x.text)
	}
	for _, check := range checks {
		if f := x.find(check); f.Verdict != ok {
			t.Errorf("%s is %s: %s", check, f.Verdict, f.Seen)
		}
	}
}

// wantFault fails unless a fault of this check says the text and names lines to change;
// proxy "": none need to be.
func (x examination) wantFault(t *testing.T, check, text, proxy, line string) {
	t.Helper()
	if x.status != 1 {
		t.Errorf("status %d, want 1", x.status)
	}
	for _, f := range x.Findings {
		if f.Check != check || f.Verdict != fault || !strings.Contains(f.Seen, text) {
			continue
		}
		if proxy == "" {
			return
		}
		for _, c := range f.Cure {
			if c.Proxy == proxy && strings.Contains(strings.Join(c.Lines, "\n"), line) {
				return
			}
		}
	}
	t.Errorf("no fault %s with %q, cured by %q in %s:\n%s", check, text, line, proxy, x.text)
}

// wantOnly fails if another check than this one is at fault.
func (x examination) wantOnly(t *testing.T, checks ...string) {
	t.Helper()
	for _, f := range x.Findings {
		if f.Verdict == fault && !strings.Contains(strings.Join(checks, " "), f.Check) {
			t.Errorf("%s is said to be at fault too: %s", f.Check, f.Seen)
		}
	}
}

func (x examination) find(check string) finding {
	for _, f := range x.Findings {
		if f.Check == check {
			return f
		}
	}
	return finding{}
}
