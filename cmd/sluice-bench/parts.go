//go:build linux

package main

import (
	"context"
	"io"

	"sluice/cmd/sluice-bench/internal/clients"
	"sluice/cmd/sluice-bench/internal/load"
	"sluice/cmd/sluice-bench/internal/peers"
)

// A part is a command that a benchmark starts as a separate process. It takes
// orders from its parent and is of no use by hand.
type part func(ctx context.Context, args []string, in io.Reader, out io.Writer) error

// findPart returns the part of that name; nil if there is none. Servers that this
// program has in it are parts too.
func findPart(name string) part {
	switch name {
	case clients.Part:
		return func(_ context.Context, _ []string, _ io.Reader, out io.Writer) error { return clients.Run(out) }
	case clients.ConsumerPart:
		return clients.RunConsumer
	case load.KafkaPart:
		return func(_ context.Context, _ []string, in io.Reader, out io.Writer) error { return load.RunKafka(in, out) }
	}
	if serve := peers.Servers[name]; serve != nil {
		return func(ctx context.Context, args []string, _ io.Reader, _ io.Writer) error { return serve(ctx, args) }
	}
	return nil
}
