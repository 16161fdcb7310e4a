package shape

import (
	"context"
	"errors"
	"time"
)

const (
	maxSteps = 200_000 // of a program, for one record: some ten milliseconds
	maxTime  = 20 * time.Millisecond

	// lookAt is how many steps there are between two looks at the clock. Once so many took
	// slow, there is a look at each: a program may double what it holds in three steps.
	lookAt = 16
	slow   = time.Millisecond
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
	look     int // the step at which to look at the clock
	start    time.Time
	took     time.Duration // up to the last look
	exceeded error
}

func newBudget() *budget {
	return &budget{Context: context.Background(), look: lookAt, start: time.Now()}
}

var closed = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// Done implements [context.Context]. A nil channel is never ready.
func (b *budget) Done() <-chan struct{} {
	switch b.steps++; {
	case b.steps >= maxSteps:
		b.exceeded = errSteps
	case b.steps < b.look || b.inTime():
		return nil
	default:
		b.exceeded = errTime
	}
	return closed
}

// inTime looks at the clock, and says when to look again.
func (b *budget) inTime() bool {
	before := b.took
	b.took = time.Since(b.start)
	b.look = b.steps + lookAt
	if b.took-before > slow {
		b.look = b.steps + 1
	}
	return b.took <= maxTime
}

// Err implements [context.Context].
func (b *budget) Err() error { return b.exceeded }
