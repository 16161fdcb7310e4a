//go:build linux

package bench

import (
	"context"
	"os"
	"testing"
)

// TestMain lets the test binary be the program whose parts a benchmark starts.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "bench" {
		os.Exit(Run(context.Background(), os.Args[2:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}
