package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"sluice/broker/kafkatest/child"
	"sluice/cmd/internal/e2e/gateway"
)

// Sockets that systemd opened are served by their names, in whatever order they are
// handed over. Here the test opens them: it hands them over as sd_listen_fds(3) says.
func TestSocketsOfSystemdAreServedByName(t *testing.T) {
	if testing.Short() {
		t.Skip("no gateway is built with -short")
	}
	binary, err := gateway.Binary()
	if err != nil {
		t.Fatal(err)
	}
	ctx := bounded(t)
	addresses := map[string]string{}
	config := filepath.Join(t.TempDir(), "sluice.yaml")
	text := "listen: systemd:public\nadmin: systemd:admin\nadmin_auth: {token: 0123456789abcdef}\nkafka: {brokers: [\"127.0.0.1:1\"]}\nauth: none\nstreams: {orders: {topic: orders, user: key}}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	// Only the process itself knows its id before it becomes the gateway.
	command := exec.CommandContext(ctx, "sh", "-c", `LISTEN_PID=$$ exec "$0" serve -c "$1"`, binary, config)
	for _, name := range []string{"admin", "public"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		file, err := l.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { file.Close() })
		addresses[name], command.ExtraFiles = l.Addr().String(), append(command.ExtraFiles, file)
	}
	command.Env = append(os.Environ(), "LISTEN_FDS=2", "LISTEN_FDNAMES=admin:public")
	log := filepath.Join(t.TempDir(), "log")
	process, err := child.Start(command, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := process.Kill(); err != nil {
			t.Error(err)
		}
		if said, err := os.ReadFile(log); t.Failed() {
			t.Logf("%s%v", said, err)
		}
	})
	// They take connections from the start, which wait until the gateway is there.
	for name, path := range map[string]string{"admin": "/livez", "public": "/.well-known/sluice"} {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s%s", addresses[name], path), nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Errorf("%s answers %d: %s", name, response.StatusCode, body)
		}
	}
}
