//go:build !unix

package top

import (
	"context"
	"os"
)

// keys has no way to ask before it reads, so it reads nothing.
func keys(context.Context, *os.File, func(byte)) {}
