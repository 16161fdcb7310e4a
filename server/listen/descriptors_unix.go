//go:build unix

package listen

import (
	"math"

	"golang.org/x/sys/unix"
)

// ProcessDescriptors raises the process's soft limit to its hard one, and shares out what
// there is.
func ProcessDescriptors() Descriptors {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &l) != nil {
		return ShareDescriptors(0)
	}
	if l.Cur < l.Max {
		raised := unix.Rlimit{Cur: l.Max, Max: l.Max}
		if unix.Setrlimit(unix.RLIMIT_NOFILE, &raised) == nil {
			l = raised
		}
	}
	return ShareDescriptors(int(min(uint64(l.Cur), math.MaxInt32))) //nolint:unconvert // it is signed on some systems
}
