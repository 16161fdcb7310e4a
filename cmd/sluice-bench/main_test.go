//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestMain lets the test binary be the program whose parts a benchmark starts.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(withGatewayDir(m.Run))
}

// gatewayDir is where the gateway is built; see [gateway].
var gatewayDir string

func withGatewayDir(tests func() int) (status int) {
	dir, err := makeGatewayDir()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	gatewayDir = dir
	return tests()
}

// makeGatewayDir makes the directory in the user's cache, next to the gateway that the
// end-to-end tests have kept. Where that one is up to date, Go doesn't build another.
func makeGatewayDir() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	cache = filepath.Join(cache, "sluice")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(cache, "bench-")
	if err == nil {
		_ = os.Link(filepath.Join(cache, "gateway"), filepath.Join(dir, "sluice")) // else it is built
	}
	return dir, err
}
