package auth

import (
	"context"
	"net/netip"
)

type callerKey struct{}

// WithCaller returns a context that knows the address a request came from. [Forward]
// shares the app's time out among addresses; the zero Addr stands for all callers without
// a limit per address.
func WithCaller(ctx context.Context, address netip.Addr) context.Context {
	return context.WithValue(ctx, callerKey{}, address)
}

// callerOf returns the address of WithCaller, the zero Addr without one.
func callerOf(ctx context.Context) netip.Addr {
	address, _ := ctx.Value(callerKey{}).(netip.Addr)
	return address
}
