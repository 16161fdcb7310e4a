//go:build linux

package peers

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"sluice/cmd/sluice-bench/internal/load"
	"sluice/cmd/sluice-bench/internal/process"
)

// External is a server under test that this program doesn't know.
type External struct {
	Cmd       string
	PID       int
	URL       string // template
	Header    []string
	TokenFile string
	Publish   string // URL template
	Method    string
	Body      string // template
	Topic     string
}

// Check returns the fault of what was given.
func (e *External) Check() error {
	if e.URL == "" {
		if e.PID != 0 || e.Cmd != "" || e.Publish != "" || e.Topic != "" {
			return errors.New("--pid, --server-cmd, --publish and --topic: need --url")
		}
		return nil
	}
	var errs []error
	if _, _, err := load.SplitURL(e.URL); err != nil {
		errs = append(errs, fmt.Errorf("--url: %w", err))
	}
	if e.Publish != "" {
		if _, _, err := load.SplitURL(e.Publish); err != nil {
			errs = append(errs, fmt.Errorf("--publish: %w", err))
		}
	}
	if (e.PID != 0) == (e.Cmd != "") {
		errs = append(errs, errors.New("--url: give --pid or --server-cmd, whose CPU and memory are measured"))
	}
	return errors.Join(errs...)
}

// ForURL is the server that --url names.
func ForURL(e *External) Peer {
	return Peer{
		Name: "server", About: "the server of --url", Kafka: false, Resume: true,
		Start: func(ctx context.Context, env Env, _ Shape) (*Target, error) { return startExternal(ctx, env, e) },
	}
}

func startExternal(ctx context.Context, env Env, e *External) (*Target, error) {
	addr, path, err := load.SplitURL(e.URL)
	if err != nil {
		return nil, err
	}
	t := &Target{
		Addr: addr, Path: func(Audience) string { return path },
		Header: e.Header, TokenFile: e.TokenFile, Stop: func() {},
		Feed: func(Audience) (load.Feeder, error) {
			switch {
			case e.Topic != "":
				return load.NewKafkaFeeder(env.Brokers, e.Topic)
			case e.Publish != "":
				return load.NewHTTPFeeder(e.Method, e.Publish, e.Body), nil
			}
			return nil, errors.New("give --publish, or --kafka and --topic: how events get into the server")
		},
	}
	if e.Topic != "" {
		t.Topic = func(Audience) string { return e.Topic }
	}
	if e.Cmd == "" {
		t.Root = e.PID
		return t, nil
	}
	c, err := process.Start(env.Dir, "server", nil, strings.Fields(e.Cmd)...)
	if err != nil {
		return nil, err
	}
	return started(ctx, c, t)
}
