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
func (*Holder[T]) Reserve() SlotRef { return SlotRef{} }

// Release does nothing.
func (*Holder[T]) Release(SlotRef) {}

// Can is false.
func (*Holder[T]) Can(http.ResponseWriter, *http.Request) bool { return false }

// Adopt fails with [ErrUnsupported].
func (*Holder[T]) Adopt(SlotRef, http.ResponseWriter, *http.Request, http.Header, []byte, T) error {
	return ErrUnsupported
}

// AdoptTalking fails with [ErrUnsupported].
func (*Holder[T]) AdoptTalking(SlotRef, http.ResponseWriter, []byte, []byte, T) error {
	return ErrUnsupported
}

// InUse is 0.
func (*Holder[T]) InUse() int { return 0 }

// Wakes is 0.
func (*Holder[T]) Wakes() uint64 { return 0 }

// Each does nothing.
func (*Holder[T]) Each(func(int64, *T)) {}

// Close does nothing.
func (*Holder[T]) Close() {}
