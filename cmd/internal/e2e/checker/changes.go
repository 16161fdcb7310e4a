package checker

import (
	"context"
	"fmt"
	"sync"
)

// Changes wakes those who wait for something to become true. The zero value is ready.
type Changes struct {
	mu   sync.Mutex // guards next; a leaf lock
	next chan struct{}
}

// Changed says that something that may be waited for has changed.
func (c *Changes) Changed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next != nil {
		close(c.next)
		c.next = nil
	}
}

// Await returns once the condition is true, which it looks at after each change. The
// error, when ctx ends before that, says what was waited for.
func (c *Changes) Await(ctx context.Context, what string, condition func() bool) error {
	for {
		next := c.wait() // before looking: a change while looking is not missed
		if condition() {
			return nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, context.Cause(ctx))
		}
	}
}

func (c *Changes) wait() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next == nil {
		c.next = make(chan struct{})
	}
	return c.next
}
