// Package portal lets developers make own keys and tickets, see them and end them. A
// compacted topic has them all, and every gateway reads it.
//
// Files:
//   - portal.go: the portal, and who a key speaks for.
//   - record.go: what the topic has. registry.go: what a gateway knows of it.
//   - keys.go and tickets.go: the routes. describe.go says them in OpenAPI.
//   - requests.go: what every route asks first, and bodies.
//   - inventory.go: what the topic has, for operators.
package portal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sluice/server/auth"
	"sluice/server/limit"
	"sluice/server/response"
)

// Topic carries records to all gateways. It is declared here, where it is called; what
// speaks to Kafka implements it, and hands what it hears to [Portal.Hear].
type Topic interface {
	// Announce returns when the record can't get lost any more.
	Announce(ctx context.Context, key string, record []byte) error
	// CaughtUp reports whether all has been read that the topic had at the start.
	CaughtUp() bool
	// Unheard says since when records of other gateways may be missed, and why, in words
	// without a secret. The zero time: none is.
	Unheard() (since time.Time, why string)
}

// Config is what a [Portal] needs.
type Config struct {
	Topic   Topic         // required
	Role    string        // required: who has it may make keys, and a key is good with it only
	Tickets *auth.Tickets // nil: the portal makes no tickets
	Logger  *slog.Logger  // required

	MaxKeys      int           // of a user, at a time; 0: 20
	KeyAge       time.Duration // how long a key is good if nothing else is asked for; 0: 90 days
	MaxKeyAge    time.Duration // and at most; 0: a year
	MaxOverlap   time.Duration // how long a key that is replaced is good still, at most; 0: 7 days
	AnswerWithin time.Duration // how long Kafka is waited for; 0: 10 s
}

// Host is what the portal asks of the server that it is a part of.
type Host interface {
	// Login finds out who is signed in. Cookies count only as the server says.
	Login(r *http.Request) (auth.Principal, *response.Problem)
	// Deny answers with a problem.
	Deny(w http.ResponseWriter, r *http.Request, p *response.Problem)
	// MayRead reports whether a principal may read a stream, which may not exist.
	MayRead(who auth.Principal, stream string) bool
	// ReadBody reads a body of so many bytes at most.
	ReadBody(w http.ResponseWriter, r *http.Request, most int64) ([]byte, error)
	// EndLogin ends the streams that depend on a login.
	EndLogin(key auth.LoginKey) int
	// Address is that of a request's client, for the log.
	Address(r *http.Request) string
	// RetryAfter is after what time a client that has to wait comes back.
	RetryAfter() time.Duration
}

// Portal is the keys of developers.
type Portal struct {
	cfg     Config
	host    Host // set once, before anything is served
	keys    *registry
	changes changes

	rubbish atomic.Uint64 // records of the topic that could not be taken
	lines   *limit.LogLines
	fault   atomic.Pointer[string] // why nothing may be made; nil: it may
}

// New fails with what is missing.
func New(cfg Config) (*Portal, error) {
	if cfg.Topic == nil || cfg.Role == "" || cfg.Logger == nil {
		return nil, errors.New("portal: a topic, a role and a logger are required")
	}
	for _, d := range []struct {
		value    *time.Duration
		fallback time.Duration
	}{{&cfg.KeyAge, 90 * 24 * time.Hour}, {&cfg.MaxKeyAge, 365 * 24 * time.Hour}, {&cfg.MaxOverlap, 7 * 24 * time.Hour}, {&cfg.AnswerWithin, 10 * time.Second}} {
		if *d.value == 0 {
			*d.value = d.fallback
		}
	}
	if cfg.MaxKeys == 0 {
		cfg.MaxKeys = 20
	}
	if cfg.MaxKeyAge > MaxAge || cfg.KeyAge > cfg.MaxKeyAge {
		return nil, fmt.Errorf("portal: a key may be good for %v at most", MaxAge)
	}
	return &Portal{
		cfg: cfg, keys: newRegistry(), changes: changes{byUser: map[string]*limit.Bucket{}},
		lines: limit.NewLogLines(limit.Rate{N: 5, Per: 50 * time.Second}),
	}, nil
}

// Serve gives the portal the server that it is a part of, before anything is served.
func (p *Portal) Serve(host Host) { p.host = host }

// Authenticator takes keys of the portal.
func (p *Portal) Authenticator() auth.Authenticator { return auth.PortalKeys(p.find) }

// CaughtUp reports whether the topic has been read.
func (p *Portal) CaughtUp() bool { return p.cfg.Topic.CaughtUp() }

// Unheard is [Topic.Unheard].
func (p *Portal) Unheard() (since time.Time, why string) { return p.cfg.Topic.Unheard() }

// SetFault says why nothing may be made, in words for the log; "": it may.
func (p *Portal) SetFault(why string) {
	if why == "" {
		p.fault.Store(nil)
		return
	}
	p.fault.Store(&why)
}

// Refused is how many records of the topic could not be taken.
func (p *Portal) Refused() uint64 { return p.rubbish.Load() }

// Size is how many keys and tickets are known.
func (p *Portal) Size() int { return p.keys.size() }

// Hear takes a record of the topic. What can't be taken is counted, logged and passed
// over: the topic is read on.
func (p *Portal) Hear(key string, text []byte) {
	if text == nil { // a tombstone
		if _, id, ok := cutKind(key); ok {
			p.endAll(p.keys.forget(id))
		}
		return
	}
	now := time.Now()
	r, err := ParseRecord(key, text, now)
	if err == nil {
		err = p.take(r, now)
	}
	if err == nil {
		return
	}
	p.rubbish.Add(1)
	if room, unlogged := p.lines.Take("record", now); room {
		p.cfg.Logger.Warn("the topic of keys has a record that is no key", "error", err, "unlogged", unlogged)
	}
}

// take puts a record into force, and then ends what is over by it.
func (p *Portal) take(r Record, now time.Time) error {
	ended, err := p.keys.add(r, now)
	p.endAll(ended)
	return err
}

func (p *Portal) endAll(logins []auth.LoginKey) {
	for _, key := range logins {
		p.host.EndLogin(key)
	}
}

const keyChallenge = `Bearer realm="sluice", error="invalid_token"`

// find is who a key speaks for, and counts a use of it.
func (p *Portal) find(hash auth.KeyHash) (auth.Principal, error) {
	if !p.CaughtUp() { // it may have been revoked
		return auth.Principal{}, fmt.Errorf("%w: the topic of keys has not been read yet", auth.ErrUnavailable)
	}
	now := time.Now()
	e, ended := p.keys.find(hash)
	if e == nil {
		if since, _ := p.Unheard(); !since.IsZero() { // it may be a new one
			return auth.Principal{}, fmt.Errorf("%w: the topic of keys can't be read", auth.ErrUnavailable)
		}
		return auth.Principal{}, &auth.Error{Reason: auth.ReasonKey, Detail: "The key is not known.", Challenge: keyChallenge}
	}
	s := shown{e, ended}
	if err := p.refusal(s, now); err != nil {
		return auth.Principal{}, err
	}
	e.uses.Add(1)
	e.lastUsed.Store(now.Unix())
	return auth.Principal{
		User: e.Owner, Roles: e.Roles, Streams: e.Streams, Key: e.ID, Actions: e.Actions,
		Issued: e.Created, Expires: s.endsAt(), Login: &auth.Login{Key: auth.KeyLogin(e.ID)},
	}, nil
}

// refusal says why a key isn't good; nil: it is.
func (p *Portal) refusal(s shown, now time.Time) error {
	switch {
	case s.state(now) == stateRevoked:
		return &auth.Error{Reason: auth.ReasonRevoked, Detail: "The key has been revoked.", Challenge: keyChallenge}
	case !s.isGood(now):
		return &auth.Error{Reason: auth.ReasonExpired, Detail: "The key has expired.", Challenge: keyChallenge}
	case !slices.Contains(s.Roles, p.cfg.Role):
		return &auth.Error{Reason: auth.ReasonKey, Detail: "The key is of an owner who had not the role that the portal asks for.", Challenge: keyChallenge}
	}
	return nil
}

// Check says whether what a principal was let in by is still good, as far as it is the
// portal's. It fails with an [*auth.Error], or with [auth.ErrUnavailable].
func (p *Portal) Check(who auth.Principal) error {
	switch {
	case who.Ticket == "" && who.Key == "":
		return nil
	case !p.CaughtUp():
		return fmt.Errorf("%w: the topic of keys has not been read yet", auth.ErrUnavailable)
	case who.Ticket != "" && p.keys.isRevoked(who.Ticket):
		return &auth.Error{Reason: auth.ReasonRevoked, Detail: "The ticket has been revoked.", Challenge: `Ticket realm="sluice"`}
	case who.Key == "":
		return nil
	}
	e, ended := p.keys.get(who.Key)
	if e == nil {
		return &auth.Error{Reason: auth.ReasonKey, Detail: "The key is not known.", Challenge: keyChallenge}
	}
	return p.refusal(shown{e, ended}, time.Now())
}

// RevokeOwner revokes all that a user has made in the portal before a time, and tells the
// other gateways. It says how many keys that were.
func (p *Portal) RevokeOwner(ctx context.Context, user string, before time.Time) (n int, err error) {
	if !p.CaughtUp() {
		return 0, errors.New("the topic of keys has not been read yet")
	}
	now, ids := time.Now(), []string(nil)
	for _, kind := range []string{KindKey, KindTicket} {
		for _, s := range p.keys.ofOwner(user, kind, now) {
			if s.isGood(now) && s.Created.Before(before) {
				ids = append(ids, s.ID)
			}
		}
	}
	return len(ids), p.revoke(ctx, now, ids...)
}

// revoke is in force here first, and announced then.
func (p *Portal) revoke(ctx context.Context, now time.Time, ids ...string) error {
	all := make([]*Record, len(ids))
	for i, id := range ids {
		all[i] = &Record{Kind: KindRevoked, ID: id, At: now.UTC().Truncate(time.Millisecond)}
		if err := p.take(*all[i], now); err != nil {
			return err
		}
	}
	return p.announce(ctx, all...)
}

// announce writes records. It returns when all gateways will know, or with the first that
// Kafka doesn't take.
func (p *Portal) announce(ctx context.Context, all ...*Record) error {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.AnswerWithin)
	defer cancel()
	for _, r := range all {
		if err := p.cfg.Topic.Announce(ctx, r.Key(), r.Marshal()); err != nil {
			return err
		}
	}
	return nil
}

const (
	changesN   = 10 // of a user at once, and then in a minute
	changesPer = time.Minute

	changeUsers = 1 << 10 // before those that are at rest are forgotten
)

// changes bounds how often a user makes or ends something.
type changes struct {
	mu     sync.Mutex // guards the rest; a leaf
	byUser map[string]*limit.Bucket
}

// take reports whether there is room for one more.
func (c *changes) take(user string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.byUser[user]
	if b == nil {
		if len(c.byUser) >= changeUsers {
			for other, b := range c.byUser {
				if b.IsEmpty(now) {
					delete(c.byUser, other)
				}
			}
		}
		b = new(limit.Bucket)
		c.byUser[user] = b
	}
	return b.Take(limit.Rate{N: changesN, Per: changesPer}, now)
}
