//go:build !linux

package child

import "syscall"

// diesWithUs: only Linux can do that. Elsewhere Ctrl-C reaches the child too.
func diesWithUs() *syscall.SysProcAttr { return nil }
