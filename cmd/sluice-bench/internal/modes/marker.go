//go:build linux

package modes

import (
	"context"
	"errors"
	"time"

	"sluice/cmd/sluice-bench/internal/clients"
	"sluice/cmd/sluice-bench/internal/load"
	"sluice/cmd/sluice-bench/internal/peers"
)

// A marker knows when a server has read a topic to its end.
type marker struct {
	crowd *clients.Crowd
	user  string
}

// startMarker connects a client whose user no other client has. Events for it
// tell how far the server has read.
func (s *session) startMarker(ctx context.Context, t *peers.Target) (*marker, error) {
	p := s.plan(t, peers.Private)
	p.Stamps = true
	n := max(s.clients, s.users)
	token := ""
	if t.Token != nil {
		token = t.Token(n)
	}
	p.Path, p.Header, p.TokenFile = load.Expand(p.Path, n, token), nil, ""
	for _, h := range t.Header {
		p.Header = append(p.Header, load.Expand(h, n, token))
	}
	c, err := clients.StartCrowd(ctx, s.dir, t.Name+"-marker", p, 1)
	if err != nil {
		return nil, err
	}
	s.cleanup = append(s.cleanup, c.Stop)
	_, err = c.Open(ctx, 1, s.timeout)
	return &marker{crowd: c, user: load.UserOf(n)}, err
}

// caughtUp returns when the server has read all that is in the topic now.
func (m *marker) caughtUp(ctx context.Context, s *session, t *peers.Target) error {
	if err := m.crowd.Mark(ctx); err != nil {
		return err
	}
	data := func(n int) []byte { return load.Payload(time.Now(), n, m.user, 0) }
	if err := load.SendMarkers(ctx, s.brokersNow(), t.Topic(peers.Private), m.user, s.partitions, data); err != nil {
		return err
	}
	a, err := m.crowd.AwaitEach(ctx, 0, s.partitions, s.timeout)
	if err == nil && a.Twice > 0 {
		err = errors.New("the server repeated an event")
	}
	return allRead(a, err)
}
