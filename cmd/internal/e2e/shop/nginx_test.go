package shop

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sluice/broker/kafkatest/child"
	"sluice/cmd/internal/e2e/gateway"
	"sluice/cmd/internal/e2e/proxy"
)

// nginx is a site with the recipe of deploy/proxies: the gateway's paths as the recipe
// says, everything else to the shop.
type nginx struct {
	t       *testing.T
	process *child.Process

	plain string // its URL, HTTP/1.1
	tls   string // its URL, HTTP/2 with TLS, of which browsers have to be told to believe the certificate
	other string // its URL of another origin
}

// newNginx chooses the addresses; see start.
func newNginx(t *testing.T) *nginx {
	return &nginx{t: t, plain: "http://" + address(t), tls: "https://" + address(t), other: "http://" + address(t)}
}

// address is a loopback address of which nobody else has been told.
func address(t *testing.T) string {
	t.Helper()
	a, err := gateway.Address()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// host is a URL's host and port.
func host(url string) string { return url[strings.Index(url, "//")+2:] }

// start starts nginx before a shop and a gateway, given by their URLs. It ends with the
// test.
func (n *nginx) start(shop, gateway string) {
	n.t.Helper()
	dir := n.t.TempDir()
	recipe, err := os.ReadFile("../../../../deploy/proxies/nginx.conf")
	if err != nil {
		n.t.Fatal(err)
	}
	certificate, key := proxy.Setup{Dir: dir}.Certificate(n.t)
	text := string(recipe)
	for _, r := range [][2]string{
		{"127.0.0.1:8080", host(gateway)},
		{"https://shop.example", n.plain},
		{"    listen 80;", fmt.Sprintf(`
    listen %s;
    listen %s ssl http2;
    listen %s;
    ssl_certificate %s;
    ssl_certificate_key %s;
    location / {
        proxy_pass http://%s;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-Host $http_host;
        proxy_set_header X-Forwarded-Proto $scheme;
    }
`, host(n.plain), host(n.tls), host(n.other), certificate, key, host(shop))},
	} {
		if strings.Count(text, r[0]) == 0 {
			n.t.Fatalf("deploy/proxies/nginx.conf doesn't contain %q", r[0])
		}
		text = strings.ReplaceAll(text, r[0], r[1])
	}
	write(n.t, filepath.Join(dir, "recipe.conf"), text)
	// Several workers, as nginx is run, and an end to those that a reload replaces.
	write(n.t, filepath.Join(dir, "nginx.conf"), fmt.Sprintf(`
daemon off; pid %[1]s/pid; error_log stderr; worker_processes 2; worker_shutdown_timeout 1s;
events {}
http {
    access_log off;
    types { text/html html; }
    gzip on; gzip_types *; gzip_proxied any;
    client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi;
    uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
    include %[1]s/recipe.conf;
}
`, dir))
	log := filepath.Join(dir, "log")
	n.process, err = child.Start(exec.Command("nginx", "-c", filepath.Join(dir, "nginx.conf"), "-e", "stderr"), log)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		// Killed, it would leave its workers behind.
		if _, err := n.process.Terminate(); err != nil {
			n.t.Error(err)
		}
		logOnFailure(n.t, "nginx", log)
	})
	awaitAnswer(n.t, n.plain, n.process)
}

// reload has nginx begin anew with other workers, as `nginx -s reload` does.
func (n *nginx) reload() {
	n.t.Helper()
	if err := n.process.Signal(syscall.SIGHUP); err != nil {
		n.t.Fatal(err)
	}
}

// awaitAnswer waits until something answers at the URL, whatever it says.
func awaitAnswer(t *testing.T, url string, by *child.Process) {
	t.Helper()
	await(t, func() string {
		select {
		case <-by.Ended():
			t.Fatalf("what was to answer at %s has ended", url)
		default:
		}
		response, err := http.Get(url)
		if err != nil {
			return err.Error()
		}
		_ = response.Body.Close() // that it answers is enough
		return ""
	})
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// logOnFailure shows the end of what a process said.
func logOnFailure(t *testing.T, who, log string) {
	if said, err := os.ReadFile(log); t.Failed() && err == nil {
		t.Logf("the end of what %s said:\n%s", who, said[max(0, len(said)-4000):])
	}
}

// port is a URL's port.
func port(t *testing.T, url string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(host(url))
	if err != nil {
		t.Fatal(err)
	}
	return port
}
