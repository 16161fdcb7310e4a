package bench

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
)

// audience is whom the events of a benchmark are for.
type audience string

const (
	private audience = "private" // each event is one user's
	public  audience = "public"  // each event is everyone's
	both    audience = "both"    // a connection that has the two

	// everyone is the user, channel or topic that stands for all where a server
	// knows no audience.
	everyone = "everyone"
)

// A target is a running server under test.
type target struct {
	name      string
	addr      string // 127.0.0.1:port
	path      func(audience) string
	header    []string // templates
	tokenFile string
	token     func(n int) string // line n of it; nil without tokens
	root      int                // its process; its descendants belong to it
	window    int                // clients it can take at the same time; 0: any number
	slack     time.Duration      // from the head of its answer until a client gets events
	feed      func(audience) (feeder, error)
	topic     func(audience) string // the topic it reads; nil if it doesn't read Kafka
	admin     string                // host:port of sluice's admin address; "" for others
	log       string                // file with its stderr; "" if it isn't ours
	stop      func()
}

// started completes a target that runs in a child process, once it listens.
func started(ctx context.Context, c *child, t *target) (*target, error) {
	t.log = c.log
	t.stop = c.stop
	if err := listening(ctx, c, t.addr); err != nil {
		c.stop()
		return nil, err
	}
	t.root = c.cmd.Process.Pid
	return t, nil
}

// startTimeout is how long a server may take until it listens and is ready.
const startTimeout = 60 * time.Second

func listening(ctx context.Context, c *child, addr string) error {
	return retry(ctx, c, "it doesn't listen on "+addr, func() error {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			err = conn.Close()
		}
		return err
	})
}

// ready waits for a URL to answer 200.
func ready(ctx context.Context, c *child, url string) error {
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

// metric reads a number without labels off sluice's admin address.
func (t *target) metric(ctx context.Context, name string) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+t.admin+"/metrics", nil)
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
	return 0, errors.Join(fmt.Errorf("%s: %s has no metric %s", res.Status, t.admin, name), lines.Err())
}

func retry(ctx context.Context, c *child, what string, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return nil
		}
		if c != nil {
			if err := c.alive(); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			err = fmt.Errorf("%s: %w", what, err)
			if c != nil {
				err = c.explain(err)
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
