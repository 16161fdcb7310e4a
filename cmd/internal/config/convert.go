package config

import (
	"sluice/broker"
	"sluice/broker/connect"
	"sluice/server/deprecation"
	"sluice/stream"
)

// This file turns a configuration into the settings of broker, stream and server.

// Broker is how to reach Kafka.
func (c *Config) Broker() broker.Config {
	k := c.Kafka
	return broker.Config{
		Brokers: k.Brokers,
		Rack:    k.Rack,

		ClientID:               k.ClientID,
		FetchMaxBytes:          int32(k.Fetch.MaxBytes), // checked
		FetchMaxPartitionBytes: int32(k.Fetch.MaxPartitionBytes),

		TLS: connect.TLS{Enabled: k.TLS.On, CAFile: k.TLS.CAFile, CertFile: k.TLS.CertFile, KeyFile: k.TLS.KeyFile},
		SASL: connect.SASL{
			Mechanism:    k.SASL.Mechanism,
			Username:     k.SASL.Username,
			Password:     k.SASL.Password.Reveal(),
			PasswordFile: k.SASL.Password.file,
			OAuth: connect.OAuth{
				TokenFile: k.SASL.TokenFile, TokenURL: k.SASL.TokenURL,
				ClientID: k.SASL.ClientID, ClientSecret: k.SASL.ClientSecret.Reveal(), Scope: k.SASL.Scope,
				ClientSecretFile: k.SASL.ClientSecret.file,
			},
		},
	}
}

// Broker says which records are the stream's, and how they become events.
func (s Stream) Broker() broker.StreamConfig {
	b := broker.StreamConfig{
		Name: s.Name, Topic: s.Topic, Replay: s.Replay,
		Record: s.rules(),
	}
	if s.hasState() {
		b.State, b.StateAge = true, s.State.MaxAge
	}
	return b
}

// Spec says what the hub keeps of the stream.
func (s Stream) Spec() stream.Spec {
	spec := stream.Spec{Name: s.Name, Several: s.Topics.IsGiven(), Audience: s.hubAudience(), Replay: s.Replay, ReplayBytes: int64(s.ReplayBytes)}
	if s.hasState() {
		spec.State = stream.StateBounds{MaxAge: s.State.MaxAge, MaxBytes: int64(s.State.MaxBytes)}
	}
	return spec
}

func (s Stream) hasState() bool { return s.State.On && s.Subject != "" }

func (s Stream) hubAudience() stream.Audience {
	if s.Audience == AudienceEveryone {
		return stream.AudienceEveryone
	}
	return stream.AudienceUser
}

// Access says who may read each stream: roles of which one is needed, by name. A stream
// that is missing is for any identified user.
func (c *Config) Access() map[string][]string {
	access := make(map[string][]string)
	for _, s := range c.Streams {
		if len(s.Access) > 0 {
			access[s.Name] = s.Access
		}
	}
	return access
}

// Deprecated says which streams are deprecated.
func (c *Config) Deprecated() deprecation.Streams {
	all := make(deprecation.Streams)
	for _, s := range c.Streams {
		if !s.Deprecated.Since.IsZero() {
			all[s.Name] = deprecation.Stream(s.Deprecated)
		}
	}
	return all
}

// Subjects names the streams that have a subject.
func (c *Config) Subjects() (names []string) {
	for _, s := range c.Streams {
		if s.Subject != "" {
			names = append(names, s.Name)
		}
	}
	return names
}
