//go:build linux

package measure

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
)

// skmem is ss's account of a socket's memory: w is what is queued to be sent,
// bookkeeping included.
var skmem = regexp.MustCompile(`skmem:\([^)]*,w(\d+),`)

// SendQueue is what the kernel holds on the server's side for the client at an
// address; open is false when the server has closed that connection.
func SendQueue(ctx context.Context, client string) (held int, open bool, err error) {
	cmd := exec.CommandContext(ctx, "ss", "-tmnH", "dst", client)
	out, err := cmd.Output()
	if err != nil {
		return 0, false, fmt.Errorf("ss (of iproute2) is needed to see a socket's memory: %w", err)
	}
	m := skmem.FindSubmatch(out)
	if m == nil {
		return 0, false, nil
	}
	held, err = strconv.Atoi(string(m[1]))
	return held, true, err
}
