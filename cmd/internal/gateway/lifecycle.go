package gateway

import (
	"context"
	"errors"
	"fmt"
)

// step ends one thing that was begun.
type step struct {
	name string
	stop func(context.Context) error
}

// onStop registers how something ends, right after it began. Start and Stop are called by
// one goroutine, so the list needs no lock.
func (g *Gateway) onStop(name string, stop func(context.Context) error) {
	g.stops = append(g.stops, step{name, stop})
}

// begin begins a goroutine, and registers how it is told to end; the step waits until it
// has. Its error ends the gateway.
func (g *Gateway) begin(name string, do func() error, stop func(context.Context) error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := do(); err != nil {
			g.fail(err)
		}
	}()
	g.onStop(name, func(ctx context.Context) error {
		err := stop(ctx)
		<-done
		return err
	})
}

// Stop takes down what New and Start set up, the last first, and waits for its end. When
// ctx is done, what would wait for others no longer does. It may be called more than
// once; there is nothing left to do then.
func (g *Gateway) Stop(ctx context.Context) error {
	var errs []error
	for i := len(g.stops) - 1; i >= 0; i-- {
		s := g.stops[i]
		if err := s.stop(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stopping %s: %w", s.name, err))
		}
	}
	g.stops = nil
	return errors.Join(errs...)
}
