//go:build !linux

// Command sluice-bench needs Linux.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "sluice-bench needs Linux: it measures by epoll and /proc")
	os.Exit(1)
}
