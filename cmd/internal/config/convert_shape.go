package config

import (
	"log/slog"

	"sluice/broker"
	"sluice/broker/record"
	"sluice/broker/schema"
)

func (s Stream) rules() record.Rules {
	return record.Rules{
		Audience: s.hubAudience(), User: s.User, Subject: s.Subject, Event: s.Event, MaxBytes: int(s.MaxRecord),
		Decode: s.Decode.rules(), KeyDecode: s.KeyDecode, Unwrap: s.Unwrap,
		Filter: s.Filter, Transform: s.Transform, Keep: s.Keep, Drop: s.Drop,
		Envelope: s.Envelope, Headers: s.Headers, OnError: s.OnError,
		Names: record.Names{Stream: s.Name, Topic: s.Shown()}, // or each of several
	}
}

func (d Decode) rules() record.Decoding {
	switch {
	case d.AvroFile != "":
		return record.Decoding{As: string(schema.Avro), File: d.AvroFile}
	case d.ProtobufFile != "":
		return record.Decoding{As: string(schema.Protobuf), File: d.ProtobufFile, Message: d.Message}
	}
	return record.Decoding{As: d.As}
}

// Records says of each stream which records are its, and how they become events. The
// registry is where schemas are; nil: there is none.
func (c *Config) Records(r *schema.Registry) []broker.StreamConfig {
	all := make([]broker.StreamConfig, len(c.Streams))
	for i, s := range c.Streams {
		all[i] = s.Broker()
		all[i].Topics = c.TopicsOf(s)
		all[i].Record.Registry = r
		all[i].Record.IDs = c.recordIDs()
	}
	return all
}

// TopicsOf makes the set of a stream's several topics; nil: it has one. The reader and
// the history of a stream must be given the same set.
func (c *Config) TopicsOf(s Stream) *broker.Topics {
	switch {
	case s.Topics.Pattern != "":
		topics, _ := broker.MatchTopics(s.Topics.Pattern, c.notMatched()...) // it was checked
		return topics
	case len(s.Topics.Names) > 0:
		return broker.ListTopics(s.Topics.Names...)
	}
	return nil
}

// notMatched are the topics that no pattern matches: those that gateways write
// themselves.
func (c *Config) notMatched() (names []string) {
	if c.ControlTopic != "" {
		names = append(names, c.ControlTopic)
	}
	if c.Portal.Topic != "" {
		names = append(names, c.Portal.Topic)
	}
	for _, d := range c.Deliveries {
		if d.DeadLetter != "" {
			names = append(names, d.DeadLetter)
		}
	}
	for _, s := range c.Streams {
		if s.DeadLetter != "" {
			names = append(names, s.DeadLetter)
		}
	}
	return names
}

// Registry makes the schema registry; nil: there is none. Close it.
func (c *Config) Registry(log *slog.Logger) (*schema.Registry, error) {
	r := c.SchemaRegistry
	if r.URL == "" {
		return nil, nil
	}
	return schema.NewRegistry(schema.Config{
		URL: r.URL, Timeout: r.Timeout,
		Username: r.Username, Password: r.Password.Reveal(), PasswordFile: r.Password.file,
		Token: r.Token.Reveal(), TokenFile: r.Token.file,
		TLS: schema.TLS{CAFile: r.CAFile, CertFile: r.CertFile, KeyFile: r.KeyFile},
	}, log)
}
