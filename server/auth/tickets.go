package auth

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	defaultTicketTTL = time.Minute

	// MaxTicketTTL bounds how long a ticket may last: it stands in URLs, which are kept in
	// many places.
	MaxTicketTTL = 24 * time.Hour

	// MaxRoles is how many roles a ticket may have.
	MaxRoles = 32

	maxTicket       = 8 << 10
	maxRole         = 256
	ticketChallenge = `Ticket realm="sluice"`

	// ticketPrefix names the form, and is authenticated with what follows.
	ticketPrefix = "t1."

	// narrowPrefix is of tickets that are narrowed. A gateway of before there were any
	// refuses them, and doesn't take them for wider ones.
	narrowPrefix = "n1."
)

// Grant is what a ticket is for: a user, or one subject of a stream.
type Grant struct {
	User    string
	Roles   []string // of the user
	Stream  string
	Subject string
	Streams []string      // the only ones that the user's ticket opens; nil: not narrowed
	Key     string        // the id of the portal's key that it is made with, and ends with; "": none
	TTL     time.Duration // how long it opens streams, and those last; 0: the default
	Once    bool          // it opens one stream only, which may come back
}

// Validate says what is wrong with a grant, for the back end that asks for a ticket.
func (g Grant) Validate() error {
	switch {
	case g.User != "" && (g.Stream != "" || g.Subject != ""):
		return errors.New("A ticket is for a user, or for a stream and a subject, but not for both.")
	case g.User == "" && (g.Stream == "" || g.Subject == ""):
		return errors.New("A ticket needs a user, or a stream and a subject.")
	case len(g.User) > MaxUser || len(g.Subject) > MaxUser || !utf8.ValidString(g.User) || !utf8.ValidString(g.Subject):
		return errors.New("The user or the subject is too long, or not UTF-8.")
	case g.TTL < 0 || g.TTL > MaxTicketTTL:
		return fmt.Errorf("The ttl must be above 0 and at most %v.", MaxTicketTTL)
	case len(g.Roles) > 0 && g.User == "":
		return errors.New("Roles go with a user.")
	case g.Streams != nil && g.User == "":
		return errors.New("Several streams go with a user.")
	case g.Streams != nil && len(g.Streams) == 0:
		return errors.New("The ticket would open no stream.")
	case len(g.Roles) > MaxRoles:
		return fmt.Errorf("There are more than %d roles.", MaxRoles)
	}
	for _, role := range g.Roles {
		if role == "" || len(role) > maxRole {
			return errors.New("A role is empty or too long.")
		}
	}
	return nil
}

// Ticket is what a back end is given for a page.
type Ticket struct {
	Text    string // for ?ticket=
	ID      string // to revoke it by
	Expires time.Time
}

// Tickets issues and takes tickets: grants sealed with a key that all gateways share.
// Sealed and not only signed, since they stand in URLs and users' ids have no business
// there.
type Tickets struct {
	box   func() cipher.AEAD
	prove func() hash.Hash // makes the notes of once-tickets
	ttl   time.Duration
	began time.Time // a once-ticket from before may have been used before

	mu    sync.Mutex           // guards the rest; a leaf
	used  map[string]time.Time // once-tickets taken on this gateway, with when they expire
	sweep int                  // when used has so many, those expired are dropped
}

// sealed is a ticket's content.
type sealed struct {
	ID      string   `json:"i"`
	User    string   `json:"u,omitempty"`
	Roles   []string `json:"r,omitempty"`
	Stream  string   `json:"s,omitempty"`
	Subject string   `json:"o,omitempty"`
	Issued  int64    `json:"a"` // Unix milliseconds
	Expires int64    `json:"e"`
	Once    bool     `json:"1,omitempty"`

	// Of narrowed tickets.
	Streams []string `json:"n,omitempty"`
	Key     string   `json:"k,omitempty"`
}

// NewTickets fails with a short secret. A ttl of 0 is a minute.
func NewTickets(secret []byte, ttl time.Duration) (*Tickets, error) {
	if len(secret) < minSecret {
		return nil, fmt.Errorf("the secret has %d bytes, tickets need at least %d: make one with openssl rand -base64 32", len(secret), minSecret)
	}
	if ttl < 0 || ttl > MaxTicketTTL {
		return nil, fmt.Errorf("a ttl of %v is out of bounds: write at most %v", ttl, MaxTicketTTL)
	}
	if ttl == 0 {
		ttl = defaultTicketTTL
	}
	key, err := hkdf.Key(sha256.New, secret, nil, "sluice ticket 1", 32)
	if err != nil {
		return nil, fmt.Errorf("auth: tickets: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("auth: tickets: %w", err)
	}
	box, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("auth: tickets: %w", err)
	}
	proofKey, err := hkdf.Key(sha256.New, secret, nil, "sluice ticket note 1", sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("auth: tickets: %w", err)
	}
	return &Tickets{
		box:   func() cipher.AEAD { return box },
		prove: func() hash.Hash { return hmac.New(sha256.New, proofKey) },
		ttl:   ttl, began: time.Now(), used: map[string]time.Time{}, sweep: 1024,
	}, nil
}

// UsualTTL is how long a ticket lasts if nobody says how long.
func (t *Tickets) UsualTTL() time.Duration { return t.ttl }

// Follow makes the tickets sealed and opened with the key that current has at the time:
// one in a file that is read again. It is called before the tickets are used. Those of an
// older key are refused.
func (t *Tickets) Follow(current func() *Tickets) {
	t.box = func() cipher.AEAD { return current().box() }
	t.prove = func() hash.Hash { return current().prove() }
}

// Issue makes a ticket of a valid grant.
func (t *Tickets) Issue(g Grant) (Ticket, error) {
	if err := g.Validate(); err != nil {
		return Ticket{}, err
	}
	if g.TTL == 0 {
		g.TTL = t.ttl
	}
	now := time.Now()
	ticket := Ticket{ID: rand.Text(), Expires: now.Add(g.TTL).Truncate(time.Millisecond)}
	content, err := json.Marshal(sealed{
		ID: ticket.ID, User: g.User, Roles: g.Roles, Stream: g.Stream, Subject: g.Subject,
		Issued: now.UnixMilli(), Expires: ticket.Expires.UnixMilli(), Once: g.Once,
		Streams: g.Streams, Key: g.Key,
	})
	if err != nil {
		return Ticket{}, err
	}
	prefix := ticketPrefix
	if g.Streams != nil || g.Key != "" {
		prefix = narrowPrefix
	}
	ticket.Text = prefix + base64.RawURLEncoding.EncodeToString(t.box().Seal(nil, nil, content, []byte(prefix)))
	if len(ticket.Text) > maxTicket {
		return Ticket{}, errors.New("The ticket would be too long for a URL.")
	}
	return ticket, nil
}

// Authenticate takes the ticket of the query.
func (t *Tickets) Authenticate(r *http.Request) (Principal, error) {
	text := r.URL.Query().Get("ticket")
	if text == "" {
		return Principal{}, ticketRefused(ReasonMissing, "The request carries no ticket.")
	}
	s, err := t.open(text)
	if err != nil {
		return Principal{}, err
	}
	expires := time.UnixMilli(s.Expires)
	if now := time.Now(); !now.Before(expires) {
		return Principal{}, ticketRefused(ReasonExpired, "The ticket has expired.")
	}
	p := Principal{
		User: s.User, Roles: s.Roles, Subject: s.Subject,
		Issued: time.UnixMilli(s.Issued), Expires: expires,
		Ticket: s.ID, Login: &Login{Key: TicketKey(s.ID)},
	}
	switch {
	case s.User == "":
		p.Streams = []string{s.Stream}
	case s.Streams != nil:
		p.Streams = s.Streams
	}
	if s.Key != "" {
		p.Key, p.Actions, p.Login.Of = s.Key, []string{ActionRead}, KeyLogin(s.Key)
	}
	if s.Once {
		p.Note = t.note(s.ID)
		p.Claim = func(notes []string) (func(), error) { return t.claim(&s, p.Note, notes) }
	}
	return p, nil
}

func (t *Tickets) open(text string) (sealed, error) {
	prefix := ticketPrefix
	if strings.HasPrefix(text, narrowPrefix) {
		prefix = narrowPrefix
	}
	body, ok := strings.CutPrefix(text, prefix)
	if !ok || len(text) > maxTicket || strings.ContainsAny(text, "\r\n") { // which base64 would pass over
		return sealed{}, ticketRefused(ReasonMalformed, "The ticket can't be read.")
	}
	closed, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil {
		return sealed{}, ticketRefused(ReasonMalformed, "The ticket can't be read.")
	}
	content, err := t.box().Open(nil, nil, closed, []byte(prefix))
	if err != nil {
		return sealed{}, ticketRefused(ReasonSignature, "The ticket is not genuine.")
	}
	var s sealed
	if err := json.Unmarshal(content, &s); err != nil {
		return sealed{}, fmt.Errorf("auth: a genuine ticket can't be read: %w", err)
	}
	return s, nil
}

// note is what the ids of a once-ticket's stream end with: a browser that comes back by
// itself shows it by its last id. Only who was sent an id of that stream can know it, and
// every gateway with the secret knows it without having been told.
func (t *Tickets) note(id string) string {
	mac := t.prove()
	mac.Write([]byte(id))
	return "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

// claim takes a ticket that may be used once, or takes it again for a client that comes
// back with the note of its stream. What has been used is this gateway's memory. Of
// several gateways each would take a ticket. So it opens at most as many streams as there
// are gateways, and none after it has expired. One that was issued before this gateway
// began may have been used by then, so it is refused.
func (t *Tickets) claim(s *sealed, note string, shown []string) (release func(), err error) {
	back := slices.ContainsFunc(shown, func(n string) bool { return subtle.ConstantTimeCompare([]byte(n), []byte(note)) == 1 })
	t.mu.Lock()
	defer t.mu.Unlock()
	_, taken := t.used[s.ID]
	switch {
	case back:
		t.use(s)
		return func() {}, nil
	case taken:
		return nil, ticketRefused(ReasonUsed, "The ticket has been used.")
	case s.Issued < t.began.UnixMilli():
		return nil, ticketRefused(ReasonUsed, "The ticket may have been used before this gateway started.")
	}
	t.use(s)
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.used, s.ID)
	}, nil
}

// use notes that a ticket has been used. The lock is held.
func (t *Tickets) use(s *sealed) {
	if len(t.used) >= t.sweep {
		now := time.Now()
		for other, until := range t.used {
			if !now.Before(until) {
				delete(t.used, other)
			}
		}
		t.sweep = max(1024, 2*len(t.used))
	}
	t.used[s.ID] = time.UnixMilli(s.Expires)
}

func ticketRefused(reason Reason, detail string) *Error {
	return &Error{reason, detail, ticketChallenge}
}
