package shape

import (
	"context"
	"errors"
	"time"
)

const (
	maxSteps = 200_000 // of a program, for one record: some ten milliseconds
	maxTime  = 20 * time.Millisecond
	// lookAt is how many steps there are between two looks at the clock. A program may
	// double what it holds in three steps or so: at 64 it took gigabytes before a look.
	lookAt = 8
)

var (
	errSteps = errors.New("the program takes more than 200,000 steps")
	errTime  = errors.New("the program takes more than 20 ms")
)

// budget bounds a program. The interpreter asks for Done before each step, so it is
// here that steps are counted: unlike time, they are the same on each gateway. Time is
// for the steps that take long.
type budget struct {
	context.Context
	steps    int
	start    time.Time
	exceeded error
}

func newBudget() *budget { return &budget{Context: context.Background(), start: time.Now()} }

var closed = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// Done implements [context.Context]. A nil channel is never ready.
func (b *budget) Done() <-chan struct{} {
	if b.steps++; b.steps%lookAt != 0 {
		return nil
	}
	switch {
	case b.steps >= maxSteps:
		b.exceeded = errSteps
	case time.Since(b.start) > maxTime:
		b.exceeded = errTime
	default:
		return nil
	}
	return closed
}

// Err implements [context.Context].
func (b *budget) Err() error { return b.exceeded }
