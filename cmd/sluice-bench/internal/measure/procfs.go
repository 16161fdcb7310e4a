//go:build linux

package measure

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Tree is pid and its descendants: a server may be several processes.
func Tree(pid int) ([]int, error) {
	parents := map[int][]int{}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	for _, name := range stats {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // it ended meanwhile
		}
		// pid (comm) state ppid …: the name may hold anything, so look after its end.
		f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		child, err1 := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		parent, err2 := strconv.Atoi(f[1])
		if err1 == nil && err2 == nil {
			parents[parent] = append(parents[parent], child)
		}
	}
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		all = append(all, parents[all[i]]...)
	}
	return all, nil
}

// CPUTime is the CPU time, user and system, that the processes have used since
// they started, threads that have ended included. It is utime+stime of
// /proc/PID/stat in nanoseconds instead of 10 ms ticks.
func CPUTime(pids []int) (time.Duration, error) {
	var sum time.Duration
	for _, pid := range pids {
		var ts unix.Timespec
		const sched = 2                 // CPUCLOCK_SCHED of the kernel's posix-timers: the whole thread group's
		clock := int32(^pid<<3) | sched // as clock_getcpuclockid(3) makes it
		if err := unix.ClockGettime(clock, &ts); err != nil {
			return 0, fmt.Errorf("CPU time of process %d: %w", pid, err)
		}
		sum += time.Duration(ts.Nano())
	}
	return sum, nil
}

// PSS is the processes' proportional set size in bytes: private memory and
// their share of what they share.
func PSS(pids []int) (int64, error) {
	var sum int64
	for _, pid := range pids {
		kb, err := procNumber(fmt.Sprintf("/proc/%d/smaps_rollup", pid), "Pss:")
		if err != nil {
			return 0, err
		}
		sum += kb << 10
	}
	return sum, nil
}

// Switches is how often the processes' threads have gone to sleep willingly, which is how
// often they were woken.
func Switches(pids []int) (int64, error) {
	var sum int64
	for _, pid := range pids {
		files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
		if err != nil {
			return 0, err
		}
		for _, name := range files {
			n, err := procNumber(name, "voluntary_ctxt_switches:")
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
				continue // the thread ended
			}
			if err != nil {
				return 0, err
			}
			sum += n
		}
	}
	return sum, nil
}

// KernelMemory is what this machine's kernel holds in slabs and in socket
// buffers, in bytes, everyone's together.
func KernelMemory() (slab, tcp int64, err error) {
	kb, err := procNumber("/proc/meminfo", "Slab:")
	if err != nil {
		return 0, 0, err
	}
	b, err := os.ReadFile("/proc/net/sockstat")
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) > 2 && f[0] == "TCP:" && f[len(f)-2] == "mem" {
			pages, err := strconv.ParseInt(f[len(f)-1], 10, 64)
			return kb << 10, pages * int64(os.Getpagesize()), err
		}
	}
	return 0, 0, errors.New("/proc/net/sockstat: no TCP line")
}

// procNumber is the number after name in a /proc file of names and numbers.
func procNumber(file, name string) (int64, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			return strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
		}
	}
	return 0, fmt.Errorf("%s: no %s", file, name)
}
