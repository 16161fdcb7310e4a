package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sluice/broker/kafkatest/child"
	"sluice/cmd/internal/e2e/gateway"
)

// proxy is one of deploy/proxies' recipes, and how a site that includes it is started.
type proxy struct {
	name, command, debianPackage string

	// start writes the site's configuration to the setup's directory. The site compresses whatever it can, which
	// the recipe has to keep from a stream.
	start func(t *testing.T, s setup) *exec.Cmd
}

// setup is what a proxy is started with.
type setup struct {
	dir     string // to keep its files in
	listen  string // host:port for browsers
	gateway string // host:port of the gateway
	origin  string // of the pages that may read the streams
}

var proxies = []proxy{
	{"nginx", "nginx", "nginx-light", startNginx},
	{"Caddy", "caddy", "caddy", startCaddy},
	{"HAProxy", "haproxy", "haproxy", startHAProxy},
	{"Apache", "apache2", "apache2", startApache},
}

// run starts the proxy, waits until it answers, and returns its URL. It ends with the test.
func (p proxy) run(ctx context.Context, t *testing.T, gatewayURL, origin string) (url string) {
	t.Helper()
	listen, err := gateway.Address()
	if err != nil {
		t.Fatal(err)
	}
	s := setup{t.TempDir(), listen, strings.TrimPrefix(gatewayURL, "http://"), origin}
	log := filepath.Join(s.dir, "log")
	process, err := child.Start(p.start(t, s), log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := process.Kill(); err != nil {
			t.Error(err)
		}
		if said, err := os.ReadFile(log); t.Failed() && err == nil {
			t.Logf("the end of what %s said:\n%s", p.name, said[max(0, len(said)-4000):])
		}
	})
	url = "http://" + listen
	awaitAnswer(ctx, t, url, process.Ended())
	return url
}

// awaitAnswer asks again and again until something answers, because nothing tells when a proxy has come so far.
func awaitAnswer(ctx context.Context, t *testing.T, url string, ended <-chan struct{}) {
	t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		if response, err := get(ctx, url, nil); err == nil {
			_ = response.Body.Close() // that it answers is enough
			return
		}
		select {
		case <-again.C:
		case <-ended:
			t.Fatal("the proxy ended while starting")
		case <-ctx.Done():
			t.Fatal("the proxy doesn't answer")
		}
	}
}

// recipe copies a file of deploy/proxies to the setup's directory, for this setup's addresses and origin, and returns
// its new name. More replacements are pairs of old and new, of which each old has to be there.
func (s setup) recipe(t *testing.T, name string, more ...string) string {
	t.Helper()
	text := readRecipe(t, name)
	for i := 0; i < len(more); i += 2 {
		if !strings.Contains(text, more[i]) {
			t.Fatalf("deploy/proxies/%s doesn't contain %q", name, more[i])
		}
		text = strings.ReplaceAll(text, more[i], more[i+1])
	}
	return s.write(t, "recipe-"+filepath.Base(name), text)
}

// What the recipes have where this gateway and this origin are to stand.
const (
	recipeGateway = "127.0.0.1:8080"
	recipeOrigin  = "https://shop.example"
)

func readRecipe(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../../deploy/proxies", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// write writes a file to the setup's directory, readable also by a proxy that gives up being root.
func (s setup) write(t *testing.T, name, text string) string {
	t.Helper()
	name = filepath.Join(s.dir, name)
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

func startNginx(t *testing.T, s setup) *exec.Cmd {
	recipe := s.recipe(t, "nginx.conf", recipeGateway, s.gateway, recipeOrigin, s.origin, "listen 80;", "listen "+s.listen+";")
	return exec.Command("nginx", "-c", s.write(t, "nginx.conf", fmt.Sprintf(`
daemon off; master_process off; pid %[1]s/pid; error_log stderr;
events {}
http {
    access_log off;
    gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any;
    client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi;
    uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
    include %[2]s;
}
`, s.dir, recipe)), "-e", "stderr")
}

func startCaddy(t *testing.T, s setup) *exec.Cmd {
	recipe := s.recipe(t, "Caddyfile", recipeGateway, s.gateway, recipeOrigin, s.origin)
	caddy := exec.Command("caddy", "run", "--adapter", "caddyfile", "--config", s.write(t, "Caddyfile", fmt.Sprintf(`
{
	admin off
	auto_https off
}
http://%s {
	encode {
		gzip
		minimum_length 1
		match header Content-Type text/*
	}
	import %s
}
`, s.listen, recipe)))
	caddy.Env = append(os.Environ(), "HOME="+s.dir, "XDG_DATA_HOME="+s.dir, "XDG_CONFIG_HOME="+s.dir)
	return caddy
}

func startHAProxy(t *testing.T, s setup) *exec.Cmd {
	recipe := s.recipe(t, "haproxy.cfg", recipeGateway, s.gateway, recipeOrigin, s.origin)
	return exec.Command("haproxy", "-db", "-f", s.write(t, "haproxy.cfg", fmt.Sprintf(`
defaults
    mode http
    timeout connect 5s
    timeout client 50s
    timeout server 50s
    compression algo gzip
    compression type text/event-stream
frontend shop
    bind %s
    use_backend sluice if { path /events /state }
`, s.listen)), "-f", recipe)
}

func startApache(t *testing.T, s setup) *exec.Cmd {
	if err := os.Chmod(filepath.Dir(s.dir), 0o755); err != nil { // else only root can read what is in it
		t.Fatal(err)
	}
	s.write(t, "wait.asis", readRecipe(t, "apache/wait.asis"))
	s.write(t, "wait.txt", readRecipe(t, "apache/wait.txt"))
	recipe := s.recipe(t, "apache/sluice.conf", recipeGateway, s.gateway, "/etc/apache2/sluice/", s.dir+"/",
		regexp.QuoteMeta(recipeOrigin), regexp.QuoteMeta(s.origin))
	var modules strings.Builder
	for _, name := range []string{"mpm_event", "authz_core", "mime", "alias", "env", "setenvif", "headers", "rewrite", "asis", "include", "filter", "deflate", "proxy", "proxy_http"} {
		fmt.Fprintf(&modules, "LoadModule %[1]s_module /usr/lib/apache2/modules/mod_%[1]s.so\n", name)
	}
	// -X: one process.
	return exec.Command("apache2", "-X", "-f", s.write(t, "apache.conf", fmt.Sprintf(`
ServerRoot %[1]s
DefaultRuntimeDir %[1]s
PidFile %[1]s/pid
Mutex posixsem
ServerName localhost
ErrorLog /dev/stderr
TypesConfig /dev/null
User nobody
Group nogroup
%[2]s
SetOutputFilter DEFLATE
Listen %[3]s
<VirtualHost *>
    Include %[4]s
</VirtualHost>
`, s.dir, modules.String(), s.listen, recipe)))
}
