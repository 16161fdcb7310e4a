//go:build linux

package measure

import (
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"sluice/cmd/sluice-bench/internal/process"
)

// used is this process's CPU time as getrusage(2) has it, in microseconds' resolution.
func used(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestCPUTimeIsTheWholeProcess(t *testing.T) {
	sum := 0
	for begun := used(t); used(t) < begun+20*time.Millisecond; { // something to see
		sum++
	}
	before := used(t)
	got, err := CPUTime([]int{os.Getpid()})
	after := used(t)
	if err != nil {
		t.Fatal(err)
	}
	const rounding = 2 * time.Microsecond
	if got < before-rounding || got > after+rounding {
		t.Errorf("%v, while getrusage went from %v to %v (%d rounds)", got, before, after, sum)
	}
}

func TestATreeHasItsChildren(t *testing.T) {
	c, err := process.Start(t.TempDir(), "cat", nil, "cat")
	if err != nil {
		t.Fatal(err)
	}
	pids, err := Tree(os.Getpid())
	if err != nil || !slices.Contains(pids, c.PID()) || pids[0] != os.Getpid() {
		t.Errorf("%v, %v: process %d is missing", pids, err, c.PID())
	}
	if n, err := PSS(pids); err != nil || n < 1<<20 {
		t.Errorf("PSS %d, %v", n, err)
	}
	if n, err := Switches(pids); err != nil || n == 0 {
		t.Errorf("%d switches, %v", n, err)
	}
	c.Stop()
	if c.Alive() == nil {
		t.Error("it is alive after its end")
	}
}
