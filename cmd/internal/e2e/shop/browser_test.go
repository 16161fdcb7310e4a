package shop

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"
)

// browser is a Chromium of a test's own.
type browser struct {
	t     *testing.T
	ctx   context.Context
	group int // the process group of all of it
}

func startBrowser(t *testing.T) *browser {
	t.Helper()
	b := &browser{t: t}
	ctx, stop := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("chromium"), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.IgnoreCertErrors, chromedp.WindowSize(1280, 900),
		chromedp.ModifyCmdFunc(func(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))...)
	t.Cleanup(stop)
	b.ctx, _ = chromedp.NewContext(ctx) // ended by Cancel
	t.Cleanup(func() {
		if err := chromedp.Cancel(b.ctx); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("the browser didn't end: %v", err)
		}
	})
	if err := chromedp.Do(b.ctx); err != nil {
		t.Fatal(err)
	}
	b.group = chromedp.FromContext(b.ctx).Browser.Process().Pid
	t.Cleanup(b.wake) // asleep it wouldn't end
	return b
}

// sleep stops all of the browser's processes, as a laptop does whose lid is closed: its
// sockets stay, and nothing reads them.
func (b *browser) sleep() { b.signal(syscall.SIGSTOP) }

// wake lets them go on.
func (b *browser) wake() { b.signal(syscall.SIGCONT) }

func (b *browser) signal(s syscall.Signal) {
	b.t.Helper()
	if err := syscall.Kill(-b.group, s); err != nil {
		b.t.Fatal(os.NewSyscallError("kill", err))
	}
}

// visitor is somebody with cookies of his own. Its tabs are its own goroutine's to use.
type visitor struct {
	t   *testing.T
	ctx context.Context
}

// visitor lets somebody use the browser, until the test ends.
func (b *browser) visitor(t *testing.T) *visitor {
	t.Helper()
	ctx, stop := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(stop)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return &visitor{t, ctx}
}
