package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// process is a broker that runs. A goroutine waits for its end from the start.
type process struct {
	id    *os.Process
	ended chan struct{} // closed when it has ended
}

// launch starts the command, its output appended to the named file.
func launch(command *exec.Cmd, log string) (*process, error) {
	output, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	command.Stdout, command.Stderr = output, output
	command.SysProcAttr = diesWithUs()

	p := &process{ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel ties the child's life to the thread that started it, not to
		// the process. This goroutine keeps that thread until the child has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := command.Start()
		_ = output.Close() // the child has its own
		p.id = command.Process
		started <- err
		if err != nil {
			return
		}
		_ = command.Wait() // how a broker ends says nothing: we kill it
		close(p.ended)
	}()
	return p, <-started
}

// kill ends the process at once and waits for it.
func (p *process) kill() error { return p.signal(syscall.SIGKILL) }

// terminate asks the process to end and waits for it.
func (p *process) terminate() error { return p.signal(syscall.SIGTERM) }

func (p *process) signal(s syscall.Signal) error {
	if err := p.id.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	select {
	case <-p.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("process %d lives on after %v", p.id.Pid, s)
	}
}
