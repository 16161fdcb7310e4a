//go:build linux

package peers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sluice/cmd/sluice-bench/internal/load"
	"sluice/cmd/sluice-bench/internal/measure"
	"sluice/cmd/sluice-bench/internal/process"
)

// Audience is whom the events of a benchmark are for.
type Audience string

const (
	Private Audience = "private" // each event is one user's
	Public  Audience = "public"  // each event is everyone's
	Both    Audience = "both"    // a connection that has the two
)

// A target is a running server under test.
type Target struct {
	Name      string
	Addr      string // 127.0.0.1:port
	Path      func(Audience) string
	Header    []string // templates
	TokenFile string
	Token     func(n int) string // line n of it; nil without tokens
	Root      int                // its process; its descendants belong to it
	Window    int                // clients it can take at the same time; 0: any number
	Slack     time.Duration      // from the head of its answer until a client gets events
	Feed      func(Audience) (load.Feeder, error)
	Topic     func(Audience) string // the topic it reads; nil if it doesn't read Kafka
	Admin     string                // host:port of sluice's admin address; "" for others
	Log       string                // file with its stderr; "" if it isn't ours
	Stop      func()
}

// started completes a target that runs in a child process, once it listens.
func started(ctx context.Context, c *process.Child, t *Target) (*Target, error) {
	t.Log = c.Log
	t.Stop = c.Stop
	if err := listening(ctx, c, t.Addr); err != nil {
		c.Stop()
		return nil, err
	}
	t.Root = c.PID()
	return t, nil
}

// Burn measures the CPU time that a target uses while f runs.
func (t *Target) Burn(f func() error) (time.Duration, error) {
	pids, err := measure.Tree(t.Root)
	if err != nil {
		return 0, err
	}
	before, err := measure.CPUTime(pids)
	if err != nil {
		return 0, err
	}
	if err := f(); err != nil {
		return 0, err
	}
	after, err := measure.CPUTime(pids)
	return after - before, err
}

// startTimeout is how long a server may take until it listens and is ready.
const startTimeout = 60 * time.Second

func listening(ctx context.Context, c *process.Child, addr string) error {
	return retry(ctx, c, "it doesn't listen on "+addr, func() error {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			err = conn.Close()
		}
		return err
	})
}

// ready waits for a URL to answer 200.
func ready(ctx context.Context, c *process.Child, url string) error {
	return retry(ctx, c, "it isn't ready by "+url, func() error {
		res, err := http.Get(url)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("%s", res.Status)
		}
		return nil
	})
}

// Metric reads a number without labels off sluice's admin address.
func (t *Target) Metric(ctx context.Context, name string) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+t.Admin+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, fmt.Errorf("metric %s: %w", name, err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, errors.Join(fmt.Errorf("%s: %s has no metric %s", res.Status, t.Admin, name), lines.Err())
}

func retry(ctx context.Context, c *process.Child, what string, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return nil
		}
		if c != nil {
			if err := c.Alive(); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			err = fmt.Errorf("%s: %w", what, err)
			if c != nil {
				err = c.Explain(err)
			}
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// freeAddr is a loopback address that no one listens on now.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	addr := l.Addr().String()
	return addr, l.Close()
}
