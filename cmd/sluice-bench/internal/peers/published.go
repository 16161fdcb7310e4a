//go:build linux

package peers

import (
	"context"

	"sluice/cmd/sluice-bench/internal/load"
	"sluice/cmd/sluice-bench/internal/process"
)

// startPublished runs one of this program's own small servers, which all have
// GET /events?user= and POST /publish?user=, an event's data as body.
func startPublished(ctx context.Context, env Env, name string, args ...string) (*Target, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	c, err := process.StartSelf(env.Dir, name, append(args, "--listen", addr)...)
	if err != nil {
		return nil, err
	}
	return started(ctx, c, published(addr))
}

func published(addr string) *Target {
	return &Target{
		Addr: addr,
		Path: func(a Audience) string {
			if a == Public {
				return "/events?user=" + load.Everyone
			}
			return "/events?user={user}"
		},
		Feed: func(Audience) (load.Feeder, error) {
			return load.NewHTTPFeeder("POST", "http://"+addr+"/publish?user={user}", ""), nil
		},
	}
}
