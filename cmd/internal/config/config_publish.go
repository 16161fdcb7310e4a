package config

import (
	"log/slog"
	"slices"

	"sluice/broker"
	"sluice/broker/publish"
	"sluice/broker/schema"
)

// Publish says what back ends may write to Kafka by POST /publish; no Streams means
// nothing.
type Publish struct {
	Streams  []string
	Roles    []string // callers with one of these may, besides API keys
	MaxBytes Size     // of a request's body
	Rate     Rate     // of each API key and each user
}

// Publisher makes what writes to Kafka; nil where nothing is published. Close it.
func (c *Config) Publisher(kafka broker.Config, r *schema.Registry, log *slog.Logger) (*publish.Publisher, error) {
	if len(c.Publish.Streams) == 0 {
		return nil, nil
	}
	cfg := publish.Config{Kafka: kafka, Registry: r, IDs: c.recordIDs(), MaxBytes: int(c.Publish.MaxBytes)}
	for _, s := range c.published() {
		cfg.Streams = append(cfg.Streams, publish.Stream{Name: s.Name, Topic: s.Topic, Decode: s.Decode.rules(), KeyDecode: s.KeyDecode})
	}
	return publish.New(cfg, log)
}

// published are the streams that are published to.
func (c *Config) published() (all []*Stream) {
	for _, name := range c.Publish.Streams {
		if s := c.stream(name); s != nil {
			all = append(all, s)
		}
	}
	return all
}

// PublishTopics are the topics that the gateway writes to for back ends.
func (c *Config) PublishTopics() (topics []string) {
	for _, s := range c.published() {
		topics = append(topics, s.Topic)
	}
	slices.Sort(topics)
	return slices.Compact(topics)
}

// IDsAreSealed reports whether nobody is told where a record is.
func (c *Config) IDsAreSealed() bool { return c.recordIDs().Sealed() }
