package proxy

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Recipes are those of deploy/proxies that are tested.
var Recipes = []Proxy{
	{"nginx", "nginx", "nginx-light", startNginx},
	{"Caddy", "caddy", "caddy", startCaddy},
	{"HAProxy", "haproxy", "haproxy", startHAProxy},
	{"Apache", "apache2", "apache2", startApache},
}

// ShortNginx is nginx as docs/proxies.md has it in short.
var ShortNginx = Proxy{"nginx in short", "nginx", "nginx-light", startShortNginx}

// recipe copies a file of deploy/proxies to the setup's directory, for this Setup's
// addresses and origin, and returns its new name. More replacements are pairs of old and
// new, of which each old has to be there.
func (s Setup) recipe(t *testing.T, name string, more ...string) string {
	t.Helper()
	text := readRecipe(t, name)
	for i := 0; i < len(more); i += 2 {
		if !strings.Contains(text, more[i]) {
			t.Fatalf("deploy/proxies/%s doesn't contain %q", name, more[i])
		}
		text = strings.ReplaceAll(text, more[i], more[i+1])
	}
	return s.Write(t, "recipe-"+filepath.Base(name), text)
}

// folder of the recipes, seen from the package of the test: all of them stand as deep as
// cmd/internal/e2e.
const folder = "../../../deploy/proxies"

// What the recipes have where this gateway and this origin are to stand.
const (
	recipeGateway = "127.0.0.1:8080"
	recipeOrigin  = "https://shop.example"
)

func readRecipe(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func startNginx(t *testing.T, s Setup) *exec.Cmd { return nginx(t, s, "listen "+s.Listen+";") }

// nginx is a site that includes the recipe, listening as these lines say.
func nginx(t *testing.T, s Setup, listen string) *exec.Cmd {
	return nginxOf(t, s, s.recipe(t, "nginx.conf", recipeGateway, s.Gateway, recipeOrigin, s.Origin, "listen 80;", listen))
}

func startShortNginx(t *testing.T, s Setup) *exec.Cmd {
	block := regexp.MustCompile("(?ms)^```nginx\n(.*?)^```").FindStringSubmatch(readRecipe(t, "../../docs/proxies.md"))
	if block == nil {
		t.Fatal("docs/proxies.md has no lines for nginx")
	}
	return nginxOf(t, s, s.Write(t, "recipe-short.conf", fmt.Sprintf("upstream sluice { server %s; }\nserver {\nlisten %s;\n%s}\n", s.Gateway, s.Listen, block[1])))
}

// nginxOf is a site that includes a file.
func nginxOf(t *testing.T, s Setup, file string) *exec.Cmd {
	return exec.Command("nginx", "-c", s.Write(t, "nginx.conf", fmt.Sprintf(`
daemon off; master_process off; pid %[1]s/pid; error_log stderr;
events {}
http {
    access_log off;
    gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any;
    client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi;
    uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
    include %[2]s;
}
`, s.Dir, file)), "-e", "stderr")
}

func startCaddy(t *testing.T, s Setup) *exec.Cmd {
	recipe := s.recipe(t, "Caddyfile", recipeGateway, s.Gateway, recipeOrigin, s.Origin)
	caddy := exec.Command("caddy", "run", "--adapter", "caddyfile", "--config", s.Write(t, "Caddyfile", fmt.Sprintf(`
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
`, s.Listen, recipe)))
	caddy.Env = append(os.Environ(), "HOME="+s.Dir, "XDG_DATA_HOME="+s.Dir, "XDG_CONFIG_HOME="+s.Dir)
	return caddy
}

func startHAProxy(t *testing.T, s Setup) *exec.Cmd {
	recipe := s.recipe(t, "haproxy.cfg", recipeGateway, s.Gateway, recipeOrigin, s.Origin)
	return exec.Command("haproxy", "-db", "-f", s.Write(t, "haproxy.cfg", fmt.Sprintf(`
defaults
    mode http
    timeout connect 5s
    timeout client 50s
    timeout server 50s
    compression algo gzip
    compression type text/event-stream
frontend shop
    bind %s
    use_backend sluice if { path /events /state /ws }
`, s.Listen)), "-f", recipe)
}

func startApache(t *testing.T, s Setup) *exec.Cmd {
	if err := os.Chmod(filepath.Dir(s.Dir), 0o755); err != nil { // else only root can read what is in it
		t.Fatal(err)
	}
	s.Write(t, "wait.asis", readRecipe(t, "apache/wait.asis"))
	s.Write(t, "wait.txt", readRecipe(t, "apache/wait.txt"))
	recipe := s.recipe(t, "apache/sluice.conf", recipeGateway, s.Gateway, "/etc/apache2/sluice/", s.Dir+"/",
		regexp.QuoteMeta(recipeOrigin), regexp.QuoteMeta(s.Origin))
	var modules strings.Builder
	for _, name := range []string{"mpm_event", "authz_core", "mime", "alias", "env", "setenvif", "headers", "rewrite", "asis", "include", "filter", "deflate", "proxy", "proxy_http", "proxy_wstunnel"} {
		fmt.Fprintf(&modules, "LoadModule %[1]s_module /usr/lib/apache2/modules/mod_%[1]s.so\n", name)
	}
	// -X: one process.
	return exec.Command("apache2", "-X", "-f", s.Write(t, "apache.conf", fmt.Sprintf(`
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
`, s.Dir, modules.String(), s.Listen, recipe)))
}
