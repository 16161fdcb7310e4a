package config

import (
	"errors"
	"log/slog"

	"sluice/broker"
	"sluice/broker/record"
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

		ClientID:               k.ClientID,
		FetchMaxBytes:          int32(k.Fetch.MaxBytes), // checked
		FetchMaxPartitionBytes: int32(k.Fetch.MaxPartitionBytes),

		TLS: broker.TLS{Enabled: k.TLS.On, CAFile: k.TLS.CAFile, CertFile: k.TLS.CertFile, KeyFile: k.TLS.KeyFile},
		SASL: broker.SASL{
			Mechanism:    k.SASL.Mechanism,
			Username:     k.SASL.Username,
			Password:     k.SASL.Password.Reveal(),
			PasswordFile: k.SASL.Password.file,
			OAuth: broker.OAuth{
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
		Record: record.Rules{Audience: s.audience(), User: s.User, Subject: s.Subject, Event: s.Event, MaxBytes: int(s.MaxRecord)},
	}
	if s.hasState() {
		b.State, b.StateAge = true, s.State.MaxAge
	}
	return b
}

// Spec says what the hub keeps of the stream.
func (s Stream) Spec() stream.Spec {
	spec := stream.Spec{Name: s.Name, Audience: s.audience(), Replay: s.Replay, ReplayBytes: int64(s.ReplayBytes)}
	if s.hasState() {
		spec.State = stream.StateBounds{MaxAge: s.State.MaxAge, MaxBytes: int64(s.State.MaxBytes)}
	}
	return spec
}

func (s Stream) hasState() bool { return s.State.On && s.Subject != "" }

func (s Stream) audience() stream.Audience {
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

// Subjects names the streams that have a subject.
func (c *Config) Subjects() (names []string) {
	for _, s := range c.Streams {
		if s.Subject != "" {
			names = append(names, s.Name)
		}
	}
	return names
}

// Sources are what [Auth] comes to.
type Sources struct {
	Authenticator auth.Authenticator // close it, if it is an io.Closer
	Tickets       *auth.Tickets      // issues them too; nil: there are none
}

// Sources finds out who a request speaks for. A ticket, which somebody has put into this
// one URL, goes before a login that comes along with every request; asking the app is the
// last resort.
func (a Auth) Sources(log *slog.Logger) (Sources, error) {
	if a.None {
		return Sources{Authenticator: auth.None{}}, nil
	}
	var all auth.First
	var s Sources
	if a.Tickets != nil {
		tickets, err := a.Tickets.read(log)
		if err != nil {
			return s, err
		}
		all, s.Tickets = append(all, tickets), tickets
	}
	if len(a.JWT) > 0 {
		issuers, err := a.issuers(log)
		if err != nil {
			return s, errors.Join(err, issuers.Close())
		}
		all = append(all, issuers)
	}
	rest, err := a.sessions(log)
	all = append(all, rest...)
	if err == nil && len(all) == 0 {
		err = errors.New("auth: says no way to know a user")
	}
	if err != nil {
		return Sources{}, errors.Join(err, all.Close())
	}
	s.Authenticator = all
	return s, nil
}

func (a Auth) issuers(log *slog.Logger) (auth.Issuers, error) {
	var all auth.Issuers
	for _, j := range a.JWT {
		keys, err := j.read(log)
		if err != nil {
			return all, err
		}
		one, err := auth.NewJWT(auth.JWTConfig{
			Keys: keys, Issuer: j.Issuer, Audience: j.Audience, UserPrefix: j.UserPrefix, From: j.From, Leeway: j.Leeway, RequireExp: j.RequireExp,
			Claims: auth.Claims{User: j.UserClaim, Roles: j.RolesClaim, Streams: j.StreamsClaim},
		})
		if err != nil {
			return all, err
		}
		all = append(all, one)
	}
	return all, nil
}

// sessions are the sources that go by the app's own sessions.
func (a Auth) sessions(log *slog.Logger) (all auth.First, err error) {
	if a.AuthJS != nil {
		cookies, err := a.AuthJS.read(log)
		if err != nil {
			return all, err
		}
		all = append(all, cookies)
	}
	if a.Forward != nil {
		f := a.Forward
		app, err := auth.NewForward(auth.ForwardConfig{URL: f.URL, User: f.User, Issued: f.Issued, Cache: f.Cache, StaleOK: &f.StaleOK, Logger: log})
		if err != nil {
			return all, err
		}
		all = append(all, app)
	}
	return all, nil
}
