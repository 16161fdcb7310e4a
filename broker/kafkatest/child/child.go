// Package child runs a test's server processes: brokers, gateways. A child has a
// goroutine that waits for its end from the start, and (on Linux) it dies with the test
// however that ends.
//
// child.go has the processes. child_linux.go and child_other.go say what ends them with
// us.
package child

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// patience bounds the wait for a child that was told to end. It is far beyond what a
// loaded machine needs, so running into it is a failure and never a measure.
const patience = 2 * time.Minute

// Process is a running child. Its methods may be called from anywhere.
type Process struct {
	process *os.Process
	done    chan struct{}
	state   *os.ProcessState // set before ended is closed
}

// Start starts the command, its output appended to the named file.
func Start(command *exec.Cmd, log string) (*Process, error) {
	output, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	command.Stdout, command.Stderr = output, output
	command.SysProcAttr = diesWithUs()

	p := &Process{done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel ties the child's life to the thread that started it, not to
		// the process. This goroutine keeps that thread until the child has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := command.Start()
		_ = output.Close() // the child has its own
		p.process = command.Process
		started <- err
		if err != nil {
			return
		}
		_ = command.Wait() // what it tells stands in the state
		p.state = command.ProcessState
		close(p.done)
	}()
	return p, <-started
}

// Ended is closed when the child has ended.
func (p *Process) Ended() <-chan struct{} { return p.done }

// Kill ends the child at once (SIGKILL) and waits for that.
func (p *Process) Kill() error {
	_, err := p.end(syscall.SIGKILL)
	return err
}

// Terminate asks the child to end (SIGTERM), waits until it has, and returns its exit
// status: -1 when a signal ended it.
func (p *Process) Terminate() (status int, err error) { return p.end(syscall.SIGTERM) }

func (p *Process) end(s syscall.Signal) (int, error) {
	if err := p.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	select {
	case <-p.done:
		return p.state.ExitCode(), nil
	case <-ctx.Done():
		return 0, fmt.Errorf("process %d lives on after %v", p.process.Pid, s)
	}
}

// Signal sends the child a signal. It fails with [os.ErrProcessDone] when the child has
// ended.
func (p *Process) Signal(s os.Signal) error { return p.process.Signal(s) }
