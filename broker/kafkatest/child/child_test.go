//go:build unix

package child_test

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sluice/broker/kafkatest/child"
)

func TestTerminateReturnsTheExitStatus(t *testing.T) {
	p, said := start(t, `trap 'exit 3' TERM; echo ready; while :; do read x; done`)
	if got := said(); got != "ready" {
		t.Fatalf("the child said %q", got)
	}
	if status, err := p.Terminate(); status != 3 || err != nil {
		t.Errorf("Terminate() = %d, %v; want 3, nil", status, err)
	}
	if err := p.Signal(syscall.SIGCONT); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("Signal after the end: %v, want %v", err, os.ErrProcessDone)
	}
	if err := p.Kill(); err != nil {
		t.Errorf("Kill after the end: %v", err)
	}
}

func TestKillNeedsNoConsent(t *testing.T) {
	p, said := start(t, `trap '' TERM; echo ready; while :; do read x; done`)
	said()
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.Ended()
}

func TestStartReportsAMissingCommand(t *testing.T) {
	if _, err := child.Start(exec.Command(filepath.Join(t.TempDir(), "none")), filepath.Join(t.TempDir(), "log")); err == nil {
		t.Error("a command that doesn't exist was started")
	}
}

// start runs a shell script that speaks through a named pipe, and whose input never ends.
func start(t *testing.T, script string) (p *child.Process, said func() string) {
	t.Helper()
	fifo := filepath.Join(t.TempDir(), "said")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command("sh", "-c", script)
	input, hold, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	command.Stdin = input
	out, err := os.OpenFile(fifo, os.O_RDWR, 0) // for both ends, so that opening waits for no one
	if err != nil {
		t.Fatal(err)
	}
	p, err = child.Start(command, fifo)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(p.Kill(), input.Close(), hold.Close(), out.Close()); err != nil {
			t.Error(err)
		}
	})
	lines := bufio.NewReader(out)
	return p, func() string {
		line, err := lines.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		return strings.TrimSpace(line)
	}
}
