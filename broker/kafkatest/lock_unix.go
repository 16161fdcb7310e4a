//go:build unix

package kafkatest

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// errLocked says that another process, or another caller in this one, holds the lock.
var errLocked = errors.New("locked")

// lock waits for the exclusive lock on the named file, which is created if
// missing. Closing the file, or the end of the process, releases it.
func lock(name string) (*os.File, error) { return flock(name, syscall.LOCK_EX) }

// tryLock is lock that doesn't wait: it fails with errLocked.
func tryLock(name string) (*os.File, error) { return flock(name, syscall.LOCK_EX|syscall.LOCK_NB) }

func flock(name string, how int) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err == nil {
		return f, nil
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = errLocked
	}
	return nil, errors.Join(fmt.Errorf("locking %s: %w", name, err), f.Close())
}
