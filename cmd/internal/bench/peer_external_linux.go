package bench

import (
	"context"
	"errors"
	"strings"
)

// externalPeer is the server that --url names.
func externalPeer(e *external) peer {
	return peer{
		name: "server", about: "the server of --url", kafka: false, resume: true,
		start: func(ctx context.Context, s *session, _ shape) (*target, error) { return startExternal(ctx, s, e) },
	}
}

func startExternal(ctx context.Context, s *session, e *external) (*target, error) {
	addr, path, err := splitURL(e.url)
	if err != nil {
		return nil, err
	}
	t := &target{
		addr: addr, path: func(audience) string { return path },
		header: e.header, tokenFile: e.tokenFile, stop: func() {},
		feed: func(audience) (feeder, error) {
			switch {
			case e.topic != "":
				return newKafkaFeeder(s.kafka, e.topic)
			case e.publish != "":
				return newHTTPFeeder(e.method, e.publish, e.body), nil
			}
			return nil, errors.New("give --publish, or --kafka and --topic: how events get into the server")
		},
	}
	if e.topic != "" {
		t.topic = func(audience) string { return e.topic }
	}
	if e.cmd == "" {
		t.root = e.pid
		return t, nil
	}
	c, err := start(s.dir, "server", nil, strings.Fields(e.cmd)...)
	if err != nil {
		return nil, err
	}
	return started(ctx, c, t)
}
