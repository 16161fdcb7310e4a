package broker

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Inspected is what Kafka says of a topic.
type Inspected struct {
	Partitions int
	Fault      string // why it can't be read, in plain words; "" it can
}

// Inspect asks Kafka once for topics, on a connection of its own, before anything is read. It fails, in plain words around
// the cause, when Kafka can't be asked at all.
func Inspect(ctx context.Context, cfg Config, topics ...string) (map[string]Inspected, error) {
	opts, err := options(cfg)
	if err != nil {
		return nil, err
	}
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	metas, err := describe(ctx, cl, topics...)
	if err != nil {
		return nil, &inspectError{err}
	}
	found := make(map[string]Inspected, len(metas))
	for name, m := range metas {
		one := Inspected{Partitions: len(m.leaders)}
		if m.err != nil {
			one.Fault = inWords(m.err)
		}
		found[name] = one
	}
	return found, nil
}

// inspectError says plainly what its cause says to errors.Is.
type inspectError struct{ cause error }

func (e *inspectError) Error() string {
	return fmt.Sprintf("Kafka can't be asked: %s", inWords(e.cause))
}
func (e *inspectError) Unwrap() error { return e.cause }
