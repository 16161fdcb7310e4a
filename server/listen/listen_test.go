package listen

import (
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/server/limit"
)

func socketPath(t *testing.T) string { return filepath.Join(t.TempDir(), "s.sock") }

func TestAUnixSocketHasItsModeAndGoesWithItsListener(t *testing.T) {
	path := socketPath(t)
	for _, mode := range []fs.FileMode{SocketMode, 0o600, 0o666} {
		l, err := WithMode(t.Context(), UnixPrefix+path, mode)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("the socket has mode %v, want %v (%v)", info.Mode(), mode, err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Lstat(path); err == nil {
			t.Error("the socket is there after its listener was closed")
		}
	}
}

// What is left by a process that was killed is removed, and nothing else is.
func TestOnlyAStaleSocketIsRemoved(t *testing.T) {
	path := socketPath(t)
	killed, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	killed.(*net.UnixListener).SetUnlinkOnClose(false)

	if _, err := Listen(t.Context(), UnixPrefix+path); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("on a socket in use Listen = %v", err)
	}
	if conn, err := net.Dial("unix", path); err != nil {
		t.Errorf("the socket in use no longer answers: %v", err)
	} else {
		conn.Close()
	}
	killed.Close()
	l, err := Listen(t.Context(), UnixPrefix+path)
	if err != nil {
		t.Fatalf("on a stale socket Listen = %v", err)
	}
	l.Close()

	if err := os.WriteFile(path, []byte("a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := path + "2"
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, link, filepath.Dir(path)} {
		if _, err := Listen(t.Context(), UnixPrefix+name); err == nil || !strings.Contains(err.Error(), "not a socket") {
			t.Errorf("on %s, which is no socket, Listen = %v", name, err)
		}
	}
	if text, err := os.ReadFile(link); string(text) != "a file" {
		t.Errorf("the file holds %q, %v", text, err)
	}
}

func TestASocketThatSystemdDoesNotHandOverIsNamed(t *testing.T) {
	if _, err := Listen(t.Context(), SystemdPrefix+"public"); err == nil || !strings.Contains(err.Error(), "FileDescriptorName=public") {
		t.Errorf("Listen = %v", err)
	}
}

// The other end of a Unix socket is believed about the client's address if it is named as
// a proxy, and nobody else is by that.
func TestAProxyAtAUnixSocketIsBelievedWhenTrusted(t *testing.T) {
	for _, tt := range []struct {
		p      limit.Proxies
		remote string
		want   string
	}{
		{limit.Proxies{Unix: true}, "@", "192.0.2.7"},
		{limit.Proxies{Unix: true}, "", "192.0.2.7"},
		{limit.Proxies{}, "@", ""},
		{limit.Proxies{Unix: true}, "198.51.100.1:80", "198.51.100.1"},
		{limit.Proxies{Unix: true, Trusted: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}, "@", "203.0.113.9"},
	} {
		r := &http.Request{RemoteAddr: tt.remote, Header: http.Header{"X-Forwarded-For": {"203.0.113.9, 192.0.2.7"}}}
		var want netip.Addr
		if tt.want != "" {
			want = netip.MustParseAddr(tt.want)
		}
		if got := tt.p.Client(r); got != want {
			t.Errorf("%+v, from %q: client = %v, want %v", tt.p, tt.remote, got, want)
		}
	}
}
