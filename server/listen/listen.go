// Package listen makes the listeners and HTTP servers of both addresses, and bounds how
// many connections they take.
//
//   - listen.go: TCP, Unix sockets and those that systemd hands over.
//   - serve.go: the HTTP server on a listener, and its time limits.
//   - connlimit.go: connections beyond a limit are closed unread; the PROXY protocol.
//   - descriptors.go, descriptors_unix.go, descriptors_other.go: how many file
//     descriptors connections may take.
package listen

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
)

// Prefixes of addresses that are no host:port.
const (
	UnixPrefix    = "unix:"    // with the path of a Unix socket
	SystemdPrefix = "systemd:" // with the name of a socket that systemd hands over (FileDescriptorName=)
)

// SocketMode is the mode of a Unix socket, unless another is asked for: for its owner and
// group.
const SocketMode fs.FileMode = 0o660

// Listen is [ListenMode] with [SocketMode].
func Listen(ctx context.Context, address string) (net.Listener, error) {
	return WithMode(ctx, address, SocketMode)
}

// WithMode listens as streams need it, on host:port, unix:PATH or systemd:NAME. The
// mode is a new Unix socket's.
func WithMode(ctx context.Context, address string, mode fs.FileMode) (net.Listener, error) {
	if path, ok := strings.CutPrefix(address, UnixPrefix); ok {
		return listenUnix(ctx, path, mode)
	}
	if name, ok := strings.CutPrefix(address, SystemdPrefix); ok {
		return handedOver(name)
	}
	config := net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: keepAliveIdle, Interval: 15 * time.Second, Count: 9}}
	return config.Listen(ctx, "tcp", address)
}

// listenUnix listens on a Unix socket, which is removed when the listener is closed.
func listenUnix(ctx context.Context, path string, mode fs.FileMode) (net.Listener, error) {
	if err := removeStale(ctx, path); err != nil {
		return nil, err
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, mode); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// removeStale removes the socket of a process that was killed. It touches nothing else:
// no file that is not a socket, and no socket that somebody listens on, or may.
func removeStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is there and is not a socket: remove it, or listen elsewhere", path)
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err == nil {
		_ = conn.Close() // nothing was said
		return fmt.Errorf("%s is in use by another process", path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%s may be in use by another process: %w", path, err)
	}
	return os.Remove(path)
}

// handed are the sockets that systemd has handed over, by name. Each is taken once.
var handed struct {
	once   sync.Once
	mu     sync.Mutex // guards byName
	byName map[string][]net.Listener
	err    error
}

func handedOver(name string) (net.Listener, error) {
	handed.once.Do(func() { handed.byName, handed.err = activation.ListenersWithNames() })
	if handed.err != nil {
		return nil, fmt.Errorf("sockets of systemd: %w", handed.err)
	}
	handed.mu.Lock()
	defer handed.mu.Unlock()
	all := handed.byName[name]
	if len(all) == 0 {
		return nil, fmt.Errorf("systemd has handed over no socket %s: its .socket unit needs FileDescriptorName=%s", name, name)
	}
	if len(all) > 1 {
		return nil, fmt.Errorf("systemd has handed over %d sockets %s: write one ListenStream= in its .socket unit", len(all), name)
	}
	delete(handed.byName, name)
	return all[0], nil
}
