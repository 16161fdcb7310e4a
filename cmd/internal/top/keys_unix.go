//go:build unix

package top

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// keys hands on what is typed until ctx ends. It asks the terminal before it reads, since
// a read could not be called off.
func keys(ctx context.Context, in *os.File, pressed func(byte)) {
	for ctx.Err() == nil {
		ready := []unix.PollFd{{Fd: int32(in.Fd()), Events: unix.POLLIN}}
		n, err := unix.Poll(ready, 100)
		if errors.Is(err, unix.EINTR) || err == nil && n == 0 {
			continue
		}
		if err != nil || ready[0].Revents&unix.POLLIN == 0 {
			return // the terminal has gone
		}
		var key [1]byte
		if _, err := in.Read(key[:]); err != nil {
			return
		}
		pressed(key[0])
	}
}
