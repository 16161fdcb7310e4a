package portal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"sluice/server/auth"
	"sluice/server/response"
)

// maxBody is far more than a name and some streams take.
const maxBody = 16 << 10

// developer finds out who asks. It has answered where it returns false.
func (p *Portal) developer(w http.ResponseWriter, r *http.Request) (who auth.Principal, ok bool) {
	who, refused := p.host.Login(r)
	switch {
	case refused != nil:
	case who.Ticket != "" || who.Key != "" || who.User == "":
		refused = response.NewProblem(http.StatusForbidden, "portal-login", "Only for those who are signed in", "A key or a ticket makes no keys: sign in.")
	case !slices.Contains(who.Roles, p.cfg.Role):
		refused = response.NewProblem(http.StatusForbidden, "portal-role", "Only for developers", "Your login has not the role that the portal asks for.")
	case !p.CaughtUp():
		refused = p.unavailable("This gateway is still reading which keys there are.")
	}
	if refused != nil {
		p.host.Deny(w, r, refused)
		return who, false
	}
	return who, true
}

// changer is developer for a request that makes or ends something. makes says that
// something is made.
func (p *Portal) changer(w http.ResponseWriter, r *http.Request, makes bool) (who auth.Principal, ok bool) {
	if who, ok = p.developer(w, r); !ok {
		return who, false
	}
	var refused *response.Problem
	switch {
	case !p.changes.take(who.User, time.Now()):
		refused = response.NewProblem(http.StatusTooManyRequests, "portal-limit", "Too many keys or tickets", fmt.Sprintf("You may make or end %d keys and tickets in a minute.", changesN))
		refused.RetryAfter = changesPer / changesN
	case makes && p.fault.Load() != nil:
		refused = p.unavailable("The gateway can't keep keys at the moment. Its log says why.")
	case makes && p.keys.size() >= maxEntries/10*9:
		refused = p.unavailable("There are as many keys as the gateway can keep.")
	}
	if refused != nil {
		p.host.Deny(w, r, refused)
		return who, false
	}
	return who, true
}

func (p *Portal) unavailable(detail string) *response.Problem {
	problem := response.NewProblem(http.StatusServiceUnavailable, "unavailable", "Not available now", detail)
	problem.RetryAfter = p.host.RetryAfter()
	return problem
}

// unkept answers where the topic doesn't take a record.
func (p *Portal) unkept(w http.ResponseWriter, r *http.Request, err error, detail string) {
	p.cfg.Logger.ErrorContext(r.Context(), "the topic of keys does not take a record", "error", err)
	problem := response.NewProblem(http.StatusServiceUnavailable, "not-announced", "Not in force everywhere", detail)
	problem.RetryAfter = p.host.RetryAfter()
	p.host.Deny(w, r, problem)
}

// notYours is the same for what doesn't exist and for what is another's, so that asking
// doesn't tell.
func notYours(kind string) *response.Problem {
	if kind == KindTicket {
		return response.NewProblem(http.StatusNotFound, "portal-ticket", "There is no such ticket", "You have no such ticket, or it has ended.")
	}
	return response.NewProblem(http.StatusNotFound, "portal-key", "There is no such key", "You have no such key, or it has ended.")
}

func badBody(detail string) *response.Problem { return response.BadRequest("portal", detail) }

func badName() *response.Problem {
	return badBody("The name has letters, digits, spaces and ._@/+-, a letter or digit first, and at most 64 bytes.")
}

// read reads a body into asked. A slip of the pen must not widen a key.
func (p *Portal) read(w http.ResponseWriter, r *http.Request, asked any) *response.Problem {
	text, err := p.host.ReadBody(w, r, maxBody)
	if err != nil {
		return badBody("The body must be JSON, and is too long or can't be read.")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(asked); err != nil {
		return badBody("The body must be a JSON object, of fields that are known.")
	}
	if _, err := d.Token(); err != io.EOF {
		return badBody("The body goes on after its JSON.")
	}
	return nil
}

// span reads a duration between zero, which counts only where it may be, and most.
func span(field, text string, fallback, most time.Duration, zero bool) (time.Duration, error) {
	if text == "" {
		return min(fallback, most), nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d == 0 && !zero || d > most {
		return 0, fmt.Errorf(`The %s is no duration such as "24h", or is longer than %v.`, field, most)
	}
	return d, nil
}

// narrowed are the streams of something that a user makes: those asked for, or nil for
// all that the user may read. A login that is narrowed narrows what it makes.
func (p *Portal) narrowed(asked []string, who auth.Principal) ([]string, error) {
	if asked == nil {
		asked = who.Streams
	}
	if asked == nil {
		return nil, nil
	}
	streams := slices.Compact(slices.Sorted(slices.Values(asked)))
	if len(streams) == 0 || len(streams) > maxStreams {
		return nil, errors.New("The streams are none, or too many.")
	}
	if slices.ContainsFunc(streams, func(name string) bool { return !p.host.MayRead(who, name) }) {
		return nil, errors.New("The streams name one that doesn't exist, or that you may not read.")
	}
	return streams, nil
}

// live is how many of these are good, and have not been replaced.
func live(all []shown, now time.Time) (n int) {
	for _, s := range all {
		if s.state(now) == stateLive {
			n++
		}
	}
	return n
}

// room is the problem of a user who has too many of something; nil: there is room.
func (p *Portal) room(who auth.Principal, kind string, now time.Time) *response.Problem {
	all := p.keys.ofOwner(who.User, kind, now)
	if live(all, now) >= p.cfg.MaxKeys {
		return p.tooMany(fmt.Sprintf("You have %d of them, which is as many as you may. Revoke one.", p.cfg.MaxKeys))
	}
	if len(all) >= maxRemembered*p.cfg.MaxKeys {
		return p.tooMany("You have made and ended too many of them in the last days.")
	}
	return nil
}

// maxRemembered times as many as may be good at a time are remembered of a user, those
// that have ended included.
const maxRemembered = 10

func (p *Portal) tooMany(detail string) *response.Problem {
	problem := response.NewProblem(http.StatusTooManyRequests, "portal-limit", "Too many keys or tickets", detail)
	problem.RetryAfter = changesPer
	return problem
}

// cutKind takes a record's key on the topic apart.
func cutKind(key string) (kind, id string, ok bool) {
	kind, id, ok = strings.Cut(key, ":")
	return kind, id, ok && (kind == KindKey || kind == KindTicket)
}
