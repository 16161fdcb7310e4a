//go:build !linux

package bench

import (
	"context"
	"fmt"
	"io"
)

// Run says that `sluice bench` needs Linux, and returns the exit status.
func Run(_ context.Context, _ []string, _, stderr io.Writer) int {
	fmt.Fprintln(stderr, "sluice bench needs Linux: it measures by epoll and /proc")
	return 1
}
