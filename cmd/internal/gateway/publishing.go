package gateway

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker"
	kafkapublish "sluice/broker/publish"
	"sluice/broker/schema"
	"sluice/server"
	"sluice/server/limit"
	"sluice/server/publish"
)

// publishTimeout bounds how long a gateway that stops waits for what is being written.
const publishTimeout = 5 * time.Second

// newPublish makes what back ends publish through; the zero Publish where the
// configuration names no stream.
func (g *Gateway) newPublish(kafka broker.Config, r *schema.Registry) (server.Publish, error) {
	p, err := g.config.Publisher(kafka, r, g.slog)
	if p == nil || err != nil {
		return server.Publish{}, err
	}
	g.onStop("publisher", func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, publishTimeout)
		defer cancel()
		p.Close(ctx)
		return nil
	})
	c := g.config.Publish
	return server.Publish{
		Publisher: publisher{p}, Streams: c.Streams, Roles: c.Roles, MaxBytes: int64(c.MaxBytes),
		Rate: limit.Rate(c.Rate), Sealed: g.config.IDsAreSealed(),
	}, nil
}

// publisher has the broker's publisher in the server's words.
type publisher struct{ *kafkapublish.Publisher }

// Publish implements [publish.Publisher].
func (p publisher) Publish(ctx context.Context, stream string, m publish.Message, within time.Duration, done func(publish.Outcome)) {
	headers := make([]kgo.RecordHeader, len(m.Headers))
	for i, h := range m.Headers {
		headers[i] = kgo.RecordHeader{Key: h.Name, Value: []byte(h.Value)}
	}
	p.Publisher.Publish(ctx, stream, kafkapublish.Message{Key: m.Key, Value: m.Value, Headers: headers}, within, func(partition int32, offset int64, err error) {
		o := publish.Outcome{Partition: partition, Offset: offset}
		if err != nil {
			o.Err = &publish.Error{Fault: faultOf(err), Detail: err.Error()}
		}
		done(o)
	})
}

func faultOf(err error) publish.Fault {
	for _, f := range []struct {
		err   error
		fault publish.Fault
	}{
		{kafkapublish.ErrMessage, publish.BadMessage},
		{kafkapublish.ErrSchema, publish.BadSchema},
		{kafkapublish.ErrUnsupported, publish.Unsupported},
		{kafkapublish.ErrTooLarge, publish.TooLarge},
		{kafkapublish.ErrNotWritten, publish.NotWritten},
	} {
		if errors.Is(err, f.err) {
			return f.fault
		}
	}
	return publish.Unknown
}

// Position implements [publish.Publisher].
func (p publisher) Position(stream string, partition int32, offset int64) publish.Position {
	id, topic := p.Publisher.Position(stream, partition, offset)
	return publish.Position{ID: id, Topic: topic, Partition: partition, Offset: offset}
}
