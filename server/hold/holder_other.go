//go:build !linux

package hold

import (
	"net/http"

	"sluice/stream"
)

// Holder is only for Linux.
type Holder[T any] struct{}

// New fails with [ErrUnsupported].
func New[T any](Config, Craft[T]) (*Holder[T], error) { return nil, ErrUnsupported }

// Wakers returns none.
func (*Holder[T]) Wakers() []stream.Waker { return nil }

// Reserve returns no slot.
func (*Holder[T]) Reserve() Place { return Place{} }

// Release does nothing.
func (*Holder[T]) Release(Place) {}

// Can is false.
func (*Holder[T]) Can(http.ResponseWriter, *http.Request) bool { return false }

// Adopt fails with [ErrUnsupported].
func (*Holder[T]) Adopt(Place, http.ResponseWriter, *http.Request, http.Header, []byte, T) error {
	return ErrUnsupported
}

// Places is 0.
func (*Holder[T]) Places() int { return 0 }

// Wakes is 0.
func (*Holder[T]) Wakes() uint64 { return 0 }

// Each does nothing.
func (*Holder[T]) Each(func(int64, *T)) {}

// Close does nothing.
func (*Holder[T]) Close() {}
