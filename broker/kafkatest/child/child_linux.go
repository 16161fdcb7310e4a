package child

import "syscall"

// diesWithUs lets the kernel kill the child when this process ends in any way. So a
// killed test leaves nothing behind. The child has a separate process group. Otherwise
// Ctrl-C would reach it before the test has ended it.
func diesWithUs() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
