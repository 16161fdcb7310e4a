package broker

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// questions asks Kafka one question after the other, each for all callers that want the
// answer. A question is asked after its callers came, never before. An older answer would
// take a position that another gateway handed out meanwhile for one past the end. A
// caller that comes while a question is under way waits for the next one.
type questions[Q any] struct {
	cl  *kgo.Client
	ask func(ctx context.Context, asked Q) error // puts the answer into asked

	running sync.WaitGroup // the goroutine that asks, for close to wait for

	mu      sync.Mutex // guards the rest; a leaf
	asking  bool
	waiting []*question[Q] // not asked yet, the next first
}

type question[Q any] struct {
	asked Q
	err   error
	done  chan struct{}
}

// answer returns a question with its answer. join adds what the caller wants to know to a
// question that waits, and reports whether that has room for it. Otherwise begin makes a
// new one.
func (s *questions[Q]) answer(ctx context.Context, join func(Q) bool, begin func() Q) (Q, error) {
	q := s.join(join, begin)
	select {
	case <-q.done:
		return q.asked, q.err
	case <-ctx.Done():
		var none Q
		return none, ctx.Err()
	}
}

func (s *questions[Q]) join(join func(Q) bool, begin func() Q) *question[Q] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.waiting); n > 0 && join(s.waiting[n-1].asked) {
		return s.waiting[n-1]
	}
	q := &question[Q]{asked: begin(), done: make(chan struct{})}
	s.waiting = append(s.waiting, q)
	if !s.asking {
		s.asking = true
		s.running.Go(s.askAll)
	}
	return q
}

// askAll asks Kafka until no question is left. The first caller may leave before the
// others, so a question ends with the client and not with a caller's context.
func (s *questions[Q]) askAll() {
	for q := s.next(); q != nil; q = s.next() {
		ctx, cancel := context.WithTimeout(s.cl.Context(), requestTimeout)
		q.err = s.ask(ctx, q.asked)
		cancel()
		close(q.done)
	}
}

// next takes the next question out of the line. nil: none is left, and asking has ended.
func (s *questions[Q]) next() *question[Q] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 {
		s.asking = false
		return nil
	}
	q := s.waiting[0]
	s.waiting = s.waiting[1:]
	return q
}

// untilAnswered asks again and again, since leaders move and brokers restart. It gives up
// when asking again would not help, or ctx is done.
func untilAnswered(ctx context.Context, ask func() error) error {
	for {
		err := ask()
		again := mayAskAgain(err) || errors.Is(err, errNotAnswered)
		if err == nil || !again || errors.Is(err, kerr.UnknownTopicOrPartition) || errors.Is(err, kgo.ErrClientClosed) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(catchupPause):
		}
	}
}
