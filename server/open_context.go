package server

import (
	"context"
	"sync"
	"time"
)

// openContext is a request's context for opening its stream. It also ends after
// OpenTimeout, and when no stream may begin. What that takes is made when somebody first
// waits. Most streams open from memory and wait for nobody. A context that has had a
// child stays larger for it as long as it lives, which for the request's is as long as
// the stream.
type openContext struct {
	request context.Context
	stop    context.Context // done: no stream may begin
	limit   time.Duration

	mu   sync.Mutex      // guards the rest; Kafka's readers look at it too
	real context.Context // nil: nobody has waited yet
	end  func()
}

func (p *openContext) wait() context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.real == nil {
		ctx, cancel := context.WithTimeoutCause(p.request, p.limit, errSlowKafka)
		stopped := context.AfterFunc(p.stop, cancel)
		p.real, p.end = ctx, func() { stopped(); cancel() }
	}
	return p.real
}

// now is the context as it is, without making it wait.
func (p *openContext) now() context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.real == nil {
		return p.request
	}
	return p.real
}

// close frees what waiting has taken.
func (p *openContext) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != nil {
		p.end()
	}
}

// Deadline implements context.Context.
func (p *openContext) Deadline() (time.Time, bool) { return p.wait().Deadline() }

// Done implements context.Context.
func (p *openContext) Done() <-chan struct{} { return p.wait().Done() }

// Err implements context.Context.
func (p *openContext) Err() error { return p.now().Err() }

// Value implements context.Context.
func (p *openContext) Value(key any) any { return p.now().Value(key) }
