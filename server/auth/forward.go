package auth

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"sluice/shown"
)

const (
	defaultCache   = 30 * time.Second
	defaultIssued  = "iat"
	maxIssuedAhead = time.Minute // how far ahead of this gateway's clock the app's may be
	defaultStaleOK = 5 * time.Minute
	refusedFor     = time.Second // how long a no is kept, so that a page that asks in a loop doesn't ask the app
	maxAnswer      = 64 << 10    // bytes of the app's answer

	// After appFailures questions in a row without any answer, the app is left alone for
	// appRest.
	appFailures = 8
	appRest     = time.Second

	forwardChallenge = `Session realm="sluice"`
	headerPrefix     = "header:"
)

// ForwardConfig says where the app tells who is asking.
type ForwardConfig struct {
	URL       string            // asked with GET, and the caller's Cookie and Authorization
	User      string            // a place in its JSON ("user.id"), or header:NAME of its answer
	Cache     time.Duration     // how long an answer holds; default 30 s
	Issued    string            // where it says since when the session lasts, as User; default iat. See [issued]
	StaleOK   *time.Duration    // how much longer open streams go on without one; nil: 5 min
	Logger    *slog.Logger      // required
	Transport http.RoundTripper // default: one with as many connections as questions
}

// Forward asks the app who a request speaks for: any session scheme. 2xx with a user is
// yes; 401, 403, a redirect (to a login) and 2xx without a user are no; anything else is
// no answer, and has the caller wait.
//
// The app's time is shared out: see [line]. What nobody waits for any more is not asked.
type Forward struct {
	cfg     ForwardConfig
	staleOK time.Duration
	client  *http.Client
	salt    [16]byte // so that nobody can prepare credentials of one hash
	ctx     context.Context
	cancel  context.CancelFunc
	wg      sync.WaitGroup // the questions that are being asked

	mu       sync.Mutex // guards the rest; a leaf
	answers  map[LoginKey]*answer
	open     map[LoginKey]*question // without an answer yet
	line     line
	sweep    int       // when answers has so many, old ones are dropped
	swept    time.Time // when that was last done
	full     time.Time // when it was last logged that the line is full
	failures int       // questions in a row without an answer
	resting  time.Time // the app is not asked before
	warned   time.Time // of answers that are neither yes nor no
}

// credentials are what the app knows its callers by.
type credentials struct{ cookie, authorization []string }

// answer is what the app says of some credentials, once done is closed.
type answer struct {
	done      chan struct{}
	principal Principal
	err       error
	until     time.Time // it holds
}

// NewForward checks the config. Close ends the questions under way.
func NewForward(cfg ForwardConfig) (*Forward, error) {
	if cfg.URL == "" || cfg.User == "" || cfg.User == headerPrefix {
		return nil, errors.New("auth: forward needs a url, and where in the answer the user is")
	}
	cfg.Issued = cmp.Or(cfg.Issued, defaultIssued)
	if cfg.Cache == 0 {
		cfg.Cache = defaultCache
	}
	if cfg.Transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = appQuestions + appRenewals
		cfg.Transport = t
	}
	f := &Forward{cfg: cfg, staleOK: defaultStaleOK, answers: map[LoginKey]*answer{}, open: map[LoginKey]*question{}, sweep: minAnswers}
	f.line.callers = map[netip.Addr]*callerLine{}
	if cfg.StaleOK != nil {
		f.staleOK = *cfg.StaleOK
	}
	f.client = &http.Client{
		Timeout:       askTimeout,
		Transport:     cfg.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	rand.Read(f.salt[:])
	f.ctx, f.cancel = context.WithCancel(context.Background())
	return f, nil
}

// Close gives up what is being asked, and waits for that. Callers that wait for an answer
// get none.
func (f *Forward) Close() error {
	f.mu.Lock()
	f.cancel() // under the lock: no question begins after it
	f.mu.Unlock()
	f.wg.Wait()
	f.client.CloseIdleConnections()
	return nil
}

// Authenticate asks the app, or remembers what it said.
func (f *Forward) Authenticate(r *http.Request) (Principal, error) {
	c := credentials{cookie: r.Header.Values("Cookie"), authorization: r.Header.Values("Authorization")}
	if len(c.cookie)+len(c.authorization) == 0 {
		return Principal{}, forwardRefused(ReasonMissing, "The request carries no session.")
	}
	return f.principal(r.Context(), f.key(c), c, false)
}

// key hashes credentials, each with its length, so that no two are one.
func (f *Forward) key(c credentials) (key LoginKey) {
	h := sha256.New()
	h.Write(f.salt[:])
	for _, lines := range [][]string{c.cookie, c.authorization} {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(lines))))
		for _, line := range lines {
			h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(line))))
			h.Write([]byte(line))
		}
	}
	h.Sum(key[:0])
	return key
}

// principal waits for the answer that holds now. It is asked for about open streams where
// renewal says so, else by a caller.
func (f *Forward) principal(ctx context.Context, key LoginKey, c credentials, renewal bool) (Principal, error) {
	a, q := f.answer(ctx, key, c, renewal)
	if q == nil {
		return a.principal, a.err
	}
	patience := callerWait
	if renewal {
		patience = renewalWait
	}
	turn := time.NewTimer(patience)
	defer turn.Stop()
	for {
		select {
		case <-a.done:
			return a.principal, a.err
		case <-ctx.Done():
			f.abandon(q)
			return Principal{}, ctx.Err()
		case <-f.ctx.Done():
			return Principal{}, ErrUnavailable
		case <-turn.C:
			if !f.hasTurn(q) {
				f.abandon(q)
				return Principal{}, fmt.Errorf("%w: others are asked for first", ErrUnavailable)
			}
		}
	}
}

// answer returns the answer for these credentials that holds. Otherwise it returns the
// question that will bring it, for all that ask meanwhile. A caller that gets a question
// waits for its answer, or leaves.
func (f *Forward) answer(ctx context.Context, key LoginKey, c credentials, renewal bool) (*answer, *question) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a := f.answers[key]; a != nil && time.Now().Before(a.until) {
		return a, nil
	}
	q := f.open[key]
	switch {
	case q == nil:
		q = &question{key: key, credentials: c, answer: &answer{done: make(chan struct{})}, address: callerOf(ctx), renewal: renewal}
		f.open[key] = q
		if dropped := f.line.add(q); dropped != nil {
			f.crowded()
			f.finish(dropped, Principal{}, fmt.Errorf("%w: too many wait for the app", ErrUnavailable))
		}
	case renewal:
		f.line.promote(q)
	}
	q.askers++
	f.askNext()
	return q.answer, q
}

// hasTurn reports whether the app is being asked, or has been.
func (f *Forward) hasTurn(q *question) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return q.asked
}

// abandon is for who doesn't wait for an answer any more. A question that nobody waits
// for is not asked. One that is being asked goes on: to begin it and give it up would
// cost the app more.
func (f *Forward) abandon(q *question) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if q.askers--; q.askers == 0 && !q.asked && f.open[q.key] == q {
		f.line.remove(q)
		delete(f.open, q.key)
	}
}

// askNext asks all whose turn it is. The lock is held.
func (f *Forward) askNext() {
	if f.ctx.Err() != nil {
		return
	}
	for q := f.line.next(); q != nil; q = f.line.next() {
		f.wg.Go(func() {
			p, err := f.ask(q.credentials)
			f.mu.Lock()
			defer f.mu.Unlock()
			f.line.done(q)
			f.finish(q, p, err)
			f.askNext()
		})
	}
}

// finish says the answer to all who wait for it. The lock is held.
func (f *Forward) finish(q *question, p Principal, err error) {
	a, now := q.answer, time.Now()
	var refused *Error
	switch {
	case err == nil:
		a.until = now.Add(f.cfg.Cache)
		p.Login = &Login{
			Key: q.key, Due: a.until, Until: a.until.Add(f.staleOK),
			Renew: func(ctx context.Context) (Principal, error) { return f.principal(ctx, q.key, q.credentials, true) },
		}
	case errors.As(err, &refused):
		a.until = now.Add(refusedFor)
	}
	a.principal, a.err = p, err
	delete(f.open, q.key)
	if !a.until.IsZero() { // no answer is not kept
		f.keep(q.key, a, now)
	}
	close(a.done)
}

const (
	minAnswers = 1 << 10 // answers before old ones are looked for
	maxAnswers = 1 << 16 // answers that are kept
)

// keep remembers an answer for as long as it holds. The lock is held.
func (f *Forward) keep(key LoginKey, a *answer, now time.Time) {
	if len(f.answers) >= f.sweep && now.Sub(f.swept) >= refusedFor { // none ends sooner
		f.swept = now
		maps.DeleteFunc(f.answers, func(_ LoginKey, a *answer) bool { return !now.Before(a.until) })
		f.sweep = max(minAnswers, min(2*len(f.answers), maxAnswers))
	}
	for other := range f.answers { // whichever: it is asked for anew
		if len(f.answers) < maxAnswers {
			break
		}
		delete(f.answers, other)
	}
	f.answers[key] = a
}

// crowded says once a minute that more callers wait than may. The lock is held.
func (f *Forward) crowded() {
	if now := time.Now(); now.Sub(f.full) >= time.Minute {
		f.full = now
		f.cfg.Logger.Warn("too many callers wait for the app's answer: some are refused for now, and retry later", "url", shown.URL(f.cfg.URL), "waiting", f.line.waiting)
	}
}

func forwardRefused(reason Reason, detail string) *Error {
	return &Error{reason, detail, forwardChallenge}
}
