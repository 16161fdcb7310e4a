package portal

import (
	"crypto/rand"
	"net/http"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"

	"sluice/server/auth"
	"sluice/server/response"
)

// keyView is a key as its owner sees it.
type keyView struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	Streams  []string   `json:"streams"` // null: all that its owner may read
	Actions  []string   `json:"actions"`
	State    string     `json:"state"`
	Created  time.Time  `json:"created"`
	Expires  time.Time  `json:"expires"`
	Ends     time.Time  `json:"ends"` // not after Expires
	Replaces string     `json:"replaces,omitempty"`
	Uses     uint64     `json:"uses"`      // on this gateway, since it started
	LastUsed *time.Time `json:"last_used"` // null: not here
}

func viewKey(s shown, now time.Time) keyView {
	return keyView{
		ID: s.ID, Name: s.Name, Streams: s.Streams, Actions: s.Actions, State: s.state(now), Replaces: s.Replaces,
		Created: *response.UTC(s.Created), Expires: *response.UTC(s.Expires), Ends: *response.UTC(s.endsAt()),
		Uses: s.uses.Load(), LastUsed: s.used(),
	}
}

func (e *entry) used() *time.Time {
	at := e.lastUsed.Load()
	if at == 0 {
		return nil
	}
	return response.UTC(time.Unix(at, 0))
}

// keyList is the body of GET /portal/keys.
type keyList struct {
	User   string    `json:"user"`
	Keys   []keyView `json:"keys"`
	Limits keyLimits `json:"limits"`
}

type keyLimits struct {
	Keys      int    `json:"keys"`       // at a time
	ExpiresIn string `json:"expires_in"` // unless asked for
	MostFor   string `json:"max_expires_in"`
	Overlap   string `json:"max_overlap"`
}

// madeKey is a key that has just been made, with the text that is shown only now.
type madeKey struct {
	Key string `json:"key"`
	keyView
}

// ListKeys answers GET /portal/keys.
func (p *Portal) ListKeys(w http.ResponseWriter, r *http.Request) {
	who, ok := p.developer(w, r)
	if !ok {
		return
	}
	now := time.Now()
	list := keyList{User: who.User, Keys: []keyView{}, Limits: keyLimits{p.cfg.MaxKeys, p.cfg.KeyAge.String(), p.cfg.MaxKeyAge.String(), p.cfg.MaxOverlap.String()}}
	for _, s := range p.keys.ofOwner(who.User, KindKey, now) {
		list.Keys = append(list.Keys, viewKey(s, now))
	}
	response.JSON(w, http.StatusOK, list)
}

// MakeKey answers POST /portal/keys.
func (p *Portal) MakeKey(w http.ResponseWriter, r *http.Request) {
	who, ok := p.changer(w, r, true)
	if !ok {
		return
	}
	var asked struct {
		Name      string   `json:"name"`
		Streams   []string `json:"streams"`    // absent: all that the caller may read
		Actions   []string `json:"actions"`    // absent: to read
		ExpiresIn string   `json:"expires_in"` // absent: as configured
	}
	if refused := p.read(w, r, &asked); refused != nil {
		p.host.Deny(w, r, refused)
		return
	}
	now := time.Now()
	record, refused := p.newKey(who, asked.Name, asked.Streams, asked.Actions, asked.ExpiresIn, p.cfg.KeyAge, now)
	if refused == nil {
		refused = p.room(who, KindKey, now)
	}
	if refused != nil {
		p.host.Deny(w, r, refused)
		return
	}
	p.keep(w, r, record, now, "a developer made a key")
}

// newKey is a key of a user, but for its hash.
func (p *Portal) newKey(who auth.Principal, name string, streams, actions []string, expiresIn string, fallback time.Duration, now time.Time) (*Record, *response.Problem) {
	if !IsName(name) {
		return nil, badName()
	}
	if len(actions) == 0 {
		actions = []string{auth.ActionRead}
	}
	actions = slices.Compact(slices.Sorted(slices.Values(actions)))
	if slices.ContainsFunc(actions, func(a string) bool { return !slices.Contains(Actions, a) }) {
		return nil, badBody("The actions are read, tickets and publish.")
	}
	age, err := span("expires_in", expiresIn, fallback, p.cfg.MaxKeyAge, false)
	if err != nil {
		return nil, badBody(err.Error())
	}
	if streams, err = p.narrowed(streams, who); err != nil {
		return nil, badBody(err.Error())
	}
	now = now.UTC().Truncate(time.Millisecond)
	return &Record{
		Kind: KindKey, ID: rand.Text(), Owner: who.User, Name: name, Roles: who.Roles, Streams: streams, Actions: actions,
		Created: now, Expires: now.Add(age),
	}, nil
}

// keep gives a record of a key its hash, tells all gateways of it, and answers with the
// key's text, which nothing keeps.
func (p *Portal) keep(w http.ResponseWriter, r *http.Request, record *Record, now time.Time, line string) {
	text, hash := auth.NewPortalKey()
	record.Hash = hash.String()
	if _, err := ParseRecord(record.Key(), record.Marshal(), now); err != nil {
		p.host.Deny(w, r, badBody("Your login has too many roles, or too long ones, for a key to have them."))
		return
	}
	if !p.store(w, r, record, now) {
		return
	}
	p.cfg.Logger.InfoContext(r.Context(), line, "audit", true, "user", record.Owner, "key", record.ID, "streams", record.Streams, "actions", record.Actions,
		"expires", record.Expires, "replaces", record.Replaces, "address", p.host.Address(r))
	e, ended := p.keys.get(record.ID)
	response.JSON(w, http.StatusCreated, madeKey{text, viewKey(shown{e, ended}, now)})
}

// store tells all gateways of a key or a ticket that is made. It has answered where it
// returns false.
func (p *Portal) store(w http.ResponseWriter, r *http.Request, record *Record, now time.Time) bool {
	if err := p.announce(r.Context(), record); err != nil {
		p.unkept(w, r, err, "Kafka did not take the "+record.Kind+", so there is none. Ask again.")
		return false
	}
	if err := p.take(*record, now); err != nil { // by now it may have been heard
		p.unkept(w, r, err, "The gateway has no room for the "+record.Kind+". Ask again.")
		return false
	}
	return true
}

// own returns a key or a ticket of a user that is good; false: there is none of that id,
// or it is another's.
func (p *Portal) own(who auth.Principal, kind, id string, now time.Time) (s shown, ok bool) {
	e, ended := p.keys.get(id)
	s = shown{e, ended}
	return s, e != nil && e.Kind == kind && e.Owner == who.User && s.isGood(now)
}

// defaultOverlap is how long a key that is replaced is good still.
const defaultOverlap = 24 * time.Hour

// ReplaceKey answers POST /portal/keys/{id}/rotate.
func (p *Portal) ReplaceKey(w http.ResponseWriter, r *http.Request) {
	who, ok := p.changer(w, r, true)
	if !ok {
		return
	}
	var asked struct {
		Overlap string `json:"overlap"` // how long the old key is good still; "0s": it ends now
	}
	if refused := p.read(w, r, &asked); refused != nil {
		p.host.Deny(w, r, refused)
		return
	}
	overlap, err := span("overlap", asked.Overlap, defaultOverlap, p.cfg.MaxOverlap, true)
	if err != nil {
		p.host.Deny(w, r, badBody(err.Error()))
		return
	}
	now := time.Now()
	old, ok := p.own(who, KindKey, chi.URLParam(r, "id"), now)
	if !ok || old.state(now) != stateLive {
		p.host.Deny(w, r, notYours(KindKey))
		return
	}
	record, refused := p.newKey(who, old.Name, old.Streams, old.Actions, "", old.Expires.Sub(old.Created), now)
	if refused == nil && len(p.keys.ofOwner(who.User, KindKey, now)) >= maxRemembered*p.cfg.MaxKeys {
		refused = p.tooMany("You have made and ended too many keys in the last days.")
	}
	if refused != nil {
		p.host.Deny(w, r, refused)
		return
	}
	record.Replaces, record.Until = old.ID, record.Created.Add(overlap)
	p.keep(w, r, record, now, "a developer replaced a key")
}

// RevokeKey answers DELETE /portal/keys/{id}.
func (p *Portal) RevokeKey(w http.ResponseWriter, r *http.Request) { p.revokeOwn(w, r, KindKey) }

func (p *Portal) revokeOwn(w http.ResponseWriter, r *http.Request, kind string) {
	who, ok := p.changer(w, r, false)
	if !ok {
		return
	}
	now := time.Now()
	s, ok := p.own(who, kind, chi.URLParam(r, "id"), now)
	if !ok && s.entry != nil && s.Owner == who.User && s.Kind == kind && s.state(now) == stateRevoked {
		ok = true // a repeated request, after others could not be told
	}
	if !ok {
		p.host.Deny(w, r, notYours(kind))
		return
	}
	if err := p.revoke(r.Context(), now, s.ID); err != nil {
		p.unkept(w, r, err, "It is revoked on this gateway, but the others could not be told. Ask again.")
		return
	}
	p.cfg.Logger.InfoContext(r.Context(), "a developer revoked a key or a ticket", "audit", true, "user", who.User, "kind", kind, "id", s.ID, "address", p.host.Address(r))
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
}
