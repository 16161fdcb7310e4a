//go:build !linux

package kafkatest

import "syscall"

// diesWithUs: only Linux can do that. Elsewhere Ctrl-C reaches the broker too.
func diesWithUs() *syscall.SysProcAttr { return nil }
