package child

import "syscall"

// diesWithUs has the kernel kill the child when this process ends in any way, so that a test
// that is killed leaves nothing behind. The group of its own keeps Ctrl-C from reaching
// the child before the test has ended it.
func diesWithUs() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
