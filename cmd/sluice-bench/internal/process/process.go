//go:build linux

// Package process starts the processes of a benchmark, talks to them by lines of JSON
// and ends them.
package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// stopGrace is how long a process has to end after SIGTERM.
const stopGrace = 10 * time.Second

// A child is a process of the benchmark: a server under test, clients, a floor.
// Each is a separate process, so that its CPU and memory are its own.
type Child struct {
	name  string
	Log   string // file with its stderr
	Cmd   *exec.Cmd
	in    io.WriteCloser
	out   *json.Decoder // what it says on stdout
	ended chan struct{} // closed when the process has ended
}

// Start runs a command whose stderr goes to a file in dir. It dies with this
// process. The caller stops it.
func Start(dir, name string, env []string, argv ...string) (*Child, error) {
	c := &Child{name: name, Log: filepath.Join(dir, name+".log"), ended: make(chan struct{})}
	log, err := os.OpenFile(c.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	c.Cmd = exec.Command(argv[0], argv[1:]...)
	c.Cmd.Dir = dir
	c.Cmd.Env = append(os.Environ(), env...)
	c.Cmd.Stderr = log
	c.Cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true} // Ctrl-C is for us to hand on
	if c.in, err = c.Cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.Cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.out = json.NewDecoder(out)
	if err := c.Cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		_, _ = c.Cmd.Process.Wait() // not cmd.Wait, which would close the pipes under a reader
		close(c.ended)
	}()
	return c, nil
}

// StartSelf runs another part of this program.
func StartSelf(dir, name string, args ...string) (*Child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return Start(dir, name, nil, append([]string{self}, args...)...)
}

// Tell sends one JSON line and reads the answer into v.
func (c *Child) Tell(ctx context.Context, order, v any) error {
	if err := json.NewEncoder(c.in).Encode(order); err != nil {
		return c.Explain(err)
	}
	return c.Await(ctx, v)
}

// Await reads the next JSON line into v.
func (c *Child) Await(ctx context.Context, v any) error {
	heard := make(chan error, 1)
	go func() { heard <- c.out.Decode(v) }()
	select {
	case err := <-heard:
		return c.Explain(err)
	case <-ctx.Done():
		_ = c.Cmd.Process.Kill() // it can't be asked anything any more
		<-heard                  //nolint:errcheck // only that it has ended: ctx says why
		return ctx.Err()
	}
}

// Explain adds what the process last wrote to its log.
func (c *Child) Explain(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w%s", c.name, err, c.lastWords())
}

func (c *Child) lastWords() string {
	b, err := os.ReadFile(c.Log)
	if err != nil || len(b) == 0 {
		return ""
	}
	b = b[max(0, len(b)-1000):]
	return "\n  its log ends: " + strings.ReplaceAll(strings.TrimSpace(string(b)), "\n", "\n  ")
}

// Stop ends the process: its orders end, then SIGTERM, then SIGKILL.
func (c *Child) Stop() {
	_ = c.in.Close()
	_ = c.Cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.ended:
	case <-time.After(stopGrace):
		_ = c.Cmd.Process.Kill()
		<-c.ended
	}
}

// PID is the process's number.
func (c *Child) PID() int { return c.Cmd.Process.Pid }

// Alive returns an error once the process has ended.
func (c *Child) Alive() error {
	select {
	case <-c.ended:
		return c.Explain(errors.New("it ended"))
	default:
		return nil
	}
}
