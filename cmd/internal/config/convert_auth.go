package config

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"

	"sluice/broker/reread"
	"sluice/server"
	"sluice/server/auth"
)

// This file makes what identifies callers. Secrets in files are read again when they
// change: a restart would end every stream.

// read returns the keys that tokens of the issuer are verified by.
func (j *JWT) read(log *slog.Logger) (auth.Keys, error) {
	switch {
	case j.JWKSURL != "":
		return auth.NewJWKS(auth.JWKSConfig{URL: j.JWKSURL, Logger: log}), nil
	case j.keysFile == "":
		return j.Keys, nil
	}
	v, err := reread.New(j.keysKey, log, func(contents [][]byte) (auth.Keys, error) {
		return j.parseKeys(contents[0])
	}, j.keysFile)
	if err != nil {
		return nil, err
	}
	return auth.KeysFunc(v.Get), nil
}

// read returns who opens session cookies.
func (a *AuthJS) read(log *slog.Logger) (auth.Authenticator, error) {
	made := func(secret string) (*auth.AuthJS, error) {
		return auth.NewAuthJS(auth.AuthJSConfig{Secret: []byte(secret), Claims: auth.Claims{User: a.User, Roles: a.Roles}})
	}
	if a.Secret.file == "" {
		return made(a.Secret.Reveal())
	}
	v, err := fromSecret("auth.authjs.secret_file", log, a.Secret, made)
	if err != nil {
		return nil, err
	}
	return auth.AuthJSFunc(v.Get), nil
}

// read returns what issues and takes tickets.
func (t *Tickets) read(log *slog.Logger) (*auth.Tickets, error) {
	made := func(secret string) (*auth.Tickets, error) { return auth.NewTickets([]byte(secret), t.TTL) }
	tickets, err := made(t.Secret.Reveal())
	if err != nil || t.Secret.file == "" {
		return tickets, err
	}
	v, err := fromSecret("auth.tickets.secret_file", log, t.Secret, made)
	if err != nil {
		return nil, err
	}
	tickets.Follow(v.Get)
	return tickets, nil
}

// fromSecret is what is made of a secret in a file.
func fromSecret[T any](key string, log *slog.Logger, s Secret, made func(string) (T, error)) (*reread.Value[T], error) {
	return reread.New(key, log, func(contents [][]byte) (none T, err error) {
		secret, err := reread.Text(s.file, contents[0])
		if err != nil {
			return none, err
		}
		return made(secret)
	}, s.file)
}

// BackEnds are the keys of back ends; nil where there are none, so that they have no way
// in.
func (a Auth) BackEnds(log *slog.Logger) (server.APIKeys, error) {
	switch {
	case a.apiKeysFile == "" && len(a.APIKeys) == 0:
		return nil, nil
	case a.apiKeysFile == "":
		return a.APIKeys, nil
	}
	v, err := reread.New("auth.api_keys_file", log, func(contents [][]byte) (auth.APIKeys, error) {
		if len(bytes.TrimSpace(contents[0])) == 0 { // somebody is about to write it
			return nil, errors.New(a.apiKeysFile + " is empty: write {} if there are no keys")
		}
		all, faults := ParseAPIKeys(a.apiKeysFile, contents[0])
		if len(faults) > 0 {
			return nil, errors.New(strings.Join(faults, "; "))
		}
		return all, nil
	}, a.apiKeysFile)
	if err != nil {
		return nil, err
	}
	return auth.APIKeysFunc(v.Get), nil
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
		err = errors.New("auth: names no way to identify a user")
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
