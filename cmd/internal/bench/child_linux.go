package bench

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
// Each is a process of its own so that its CPU and memory are its own.
type child struct {
	name  string
	log   string // file with its stderr
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *json.Decoder // what it says on stdout
	ended chan struct{} // closed when the process has ended
}

// start runs a command whose stderr goes to a file in dir. It dies with this
// process. The caller stops it.
func start(dir, name string, env []string, argv ...string) (*child, error) {
	c := &child{name: name, log: filepath.Join(dir, name+".log"), ended: make(chan struct{})}
	log, err := os.OpenFile(c.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	c.cmd = exec.Command(argv[0], argv[1:]...)
	c.cmd.Dir = dir
	c.cmd.Env = append(os.Environ(), env...)
	c.cmd.Stderr = log
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true} // Ctrl-C is for us to hand on
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.out = json.NewDecoder(out)
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		_, _ = c.cmd.Process.Wait() // not cmd.Wait, which would close the pipes under a reader
		close(c.ended)
	}()
	return c, nil
}

// startSelf runs another of this program's bench commands.
func startSelf(dir, name string, args ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return start(dir, name, nil, append([]string{self, "bench"}, args...)...)
}

// tell sends one JSON line and reads the answer into v.
func (c *child) tell(ctx context.Context, order, v any) error {
	if err := json.NewEncoder(c.in).Encode(order); err != nil {
		return c.explain(err)
	}
	return c.hear(ctx, v)
}

// hear reads the next JSON line into v.
func (c *child) hear(ctx context.Context, v any) error {
	heard := make(chan error, 1)
	go func() { heard <- c.out.Decode(v) }()
	select {
	case err := <-heard:
		return c.explain(err)
	case <-ctx.Done():
		_ = c.cmd.Process.Kill() // it can't be asked anything any more
		<-heard                  //nolint:errcheck // only that it has ended: ctx says why
		return ctx.Err()
	}
}

// explain adds what the process last wrote to its log.
func (c *child) explain(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w%s", c.name, err, c.lastWords())
}

func (c *child) lastWords() string {
	b, err := os.ReadFile(c.log)
	if err != nil || len(b) == 0 {
		return ""
	}
	b = b[max(0, len(b)-1000):]
	return "\n  its log ends: " + strings.ReplaceAll(strings.TrimSpace(string(b)), "\n", "\n  ")
}

// stop ends the process: its orders end, then SIGTERM, then SIGKILL.
func (c *child) stop() {
	_ = c.in.Close()
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.ended:
	case <-time.After(stopGrace):
		_ = c.cmd.Process.Kill()
		<-c.ended
	}
}

// alive returns an error once the process has ended.
func (c *child) alive() error {
	select {
	case <-c.ended:
		return c.explain(errors.New("it ended"))
	default:
		return nil
	}
}
