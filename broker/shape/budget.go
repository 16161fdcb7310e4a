package shape

import (
	"context"
	"errors"
	"time"
)

const (
	maxSteps = 200_000 // of a program, for one record: some ten milliseconds
	maxTime  = 20 * time.Millisecond
	lookAt   = 8   // steps between two looks at the clock
	perStep  = 256 // bytes that are copied in the time of one step
)

var (
	errSteps = errors.New("the program takes more than 200,000 steps")
	errTime  = errors.New("the program takes more than 20 ms")
)

// budget bounds a program. The interpreter asks for Done before each step, so it is
// here that steps are counted. A step that works on something large costs more, which
// its [cost] charges. Unlike time, all that is the same on each gateway. The clock is
// for what is left: steps that go through a large record, but make nothing large of it.
type budget struct {
	context.Context
	limit    int // bytes of a text
	steps    int
	bytes    int // charged, and not yet a step
	look     int // at the clock, after so many steps
	start    time.Time
	exceeded error
	patterns *patterns       // of the interpreter
	used     map[string]bool // the regular expressions that this run has used
}

func newBudget(limit int, known *patterns) *budget {
	return &budget{Context: context.Background(), limit: limit, look: lookAt, start: time.Now(), patterns: known}
}

var closed = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// Done implements [context.Context]. A nil channel is never ready.
func (b *budget) Done() <-chan struct{} {
	if b.steps++; b.steps < b.look {
		return nil
	}
	b.look = b.steps + lookAt
	switch {
	case b.exceeded != nil:
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

// charge counts n bytes that the next step works on. A program can't catch its error:
// the interpreter asks again.
func (b *budget) charge(n int) error {
	b.bytes += n
	b.steps += b.bytes / perStep
	b.bytes %= perStep
	if b.steps >= maxSteps {
		b.exceeded, b.look = errSteps, 0
		return errSteps
	}
	return nil
}
