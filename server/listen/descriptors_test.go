package listen

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestDescriptorsAreShared(t *testing.T) {
	for limit, want := range map[int]int{0: 0, 1: 1, 64: 32, 256: 152, 1024: 800, 1 << 20: 1<<20 - 1024 - 256} {
		if d := ShareDescriptors(limit); d.Public() != want || d.Admin < 1 {
			t.Errorf("of %d: %+v, %d for the public address; want %d", limit, d, d.Public(), want)
		}
	}
}

func TestAcceptFailuresAreLoggedOnceAMinute(t *testing.T) {
	out := new(bytes.Buffer)
	a, logger := new(acceptLog), slog.New(slog.NewTextHandler(out, nil))
	now, address := time.Unix(1000, 0), &net.TCPAddr{Port: 80}
	full := &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	for range 100 {
		a.failed(logger, full, address, now)
		a.failed(logger, errors.New("closed"), address, now)
		now = now.Add(time.Second)
	}
	if text := out.String(); strings.Count(text, "no descriptor is left") != 2 || !strings.Contains(text, "not_logged=59") {
		t.Error(text)
	}
}
