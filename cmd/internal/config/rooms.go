package config

import (
	"fmt"

	"sluice/broker"
	"sluice/server/auth"
	"sluice/stream"
)

// This file says the configuration again in the words of those who act on it.

// Broker is how to reach Kafka.
func (c *Config) Broker() broker.Config {
	k := c.Kafka
	return broker.Config{
		Brokers: k.Brokers,
		Rack:    k.Rack,
		TLS:     broker.TLS{Enabled: k.TLS.On, CAFile: k.TLS.CAFile, CertFile: k.TLS.CertFile, KeyFile: k.TLS.KeyFile},
		SASL: broker.SASL{
			Mechanism: k.SASL.Mechanism,
			Username:  k.SASL.Username,
			Password:  k.SASL.Password.Reveal(),
			OAuth: broker.OAuth{
				TokenFile: k.SASL.TokenFile, TokenURL: k.SASL.TokenURL,
				ClientID: k.SASL.ClientID, ClientSecret: k.SASL.ClientSecret.Reveal(), Scope: k.SASL.Scope,
			},
		},
	}
}

// Broker says which records are the stream's, and how they become events.
func (s Stream) Broker() broker.StreamConfig {
	return broker.StreamConfig{
		Name: s.Name, Topic: s.Topic, Audience: s.audience(),
		User: s.User, Subject: s.Subject, Event: s.Event, Replay: s.Replay,
	}
}

// Spec says what the hub keeps of the stream.
func (s Stream) Spec() stream.Spec {
	return stream.Spec{Name: s.Name, Audience: s.audience(), Replay: s.Replay, ReplayBytes: int64(s.ReplayBytes)}
}

func (s Stream) audience() stream.Audience {
	if s.Audience == AudienceEveryone {
		return stream.AudienceEveryone
	}
	return stream.AudienceUser
}

// Authenticator finds out who a request speaks for.
func (a Auth) Authenticator() (auth.Authenticator, error) {
	if a.None {
		return auth.None{}, nil
	}
	if a.JWT == nil {
		return nil, fmt.Errorf("auth: says no way to know a user")
	}
	j := a.JWT
	return auth.NewJWT(auth.JWTConfig{Key: j.Key, Issuer: j.Issuer, Audience: j.Audience, UserClaim: j.UserClaim, Cookie: j.Cookie()})
}
