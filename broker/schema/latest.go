package schema

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
)

// latestFor is how long the latest schema of a subject is taken for that.
const latestFor = 10 * time.Second

// latest is a subject's schema to write with.
type latest struct {
	turn chan struct{} // has room for the one that asks

	// With the turn:
	encoder *Encoder // nil: none is known
	err     error    // what was said instead
	next    time.Time
}

// latestOf returns what is known of a subject. Subjects come from the configuration, and
// are few.
func (r *Registry) latestOf(subject string) *latest {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.subjects == nil {
		r.subjects = make(map[string]*latest)
	}
	l := r.subjects[subject]
	if l == nil {
		l = &latest{turn: make(chan struct{}, 1)}
		r.subjects[subject] = l
	}
	return l
}

// Latest returns an encoder with the latest schema of a subject. It asks the registry
// where that was not asked for ten seconds. While the registry doesn't answer, the schema
// that was the latest is good enough. It fails with [ErrUnknown] where the subject has no
// schema, and with [ErrPending] where that isn't known.
func (r *Registry) Latest(ctx context.Context, subject string) (*Encoder, error) {
	l := r.latestOf(subject)
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return nil, ErrPending
	}
	if time.Now().Before(l.next) {
		return l.encoder, l.err
	}
	ctx, cancel := context.WithTimeout(ctx, askAnswers*r.timeout)
	defer cancel()
	encoder, err := r.fetchLatest(ctx, subject)
	answered := err == nil || errors.Is(err, ErrUnknown) || errors.Is(err, errUnusable)
	r.mu.Lock()
	if answered {
		r.answers(nil)
	} else if ctx.Err() == nil || errors.Is(ctx.Err(), context.DeadlineExceeded) {
		r.answers(err)
	}
	r.mu.Unlock()
	switch {
	case answered:
		l.encoder, l.err, l.next = encoder, err, time.Now().Add(latestFor)
	case l.encoder == nil:
		l.err, l.next = ErrPending, time.Now().Add(askPause)
	default:
		l.next = time.Now().Add(askPause)
	}
	return l.encoder, l.err
}

// fetchLatest asks for a subject's latest schema and all that it refers to.
func (r *Registry) fetchLatest(ctx context.Context, subject string) (*Encoder, error) {
	main, err := r.cl.SchemaByVersion(ctx, subject, -1)
	if err != nil {
		return nil, judge(err)
	}
	s, refs, err := r.complete(ctx, main.ID, main.Schema)
	if err != nil {
		return nil, err
	}
	e := &Encoder{writes: s.kind, id: s.id, avro: s.avro}
	if s.err == nil && main.Type == sr.TypeJSON {
		e.schema, s.err = compile(main.Schema.Schema, refs.text)
	}
	if s.err != nil {
		return nil, errors.Join(errUnusable, s.err)
	}
	return e, nil
}
