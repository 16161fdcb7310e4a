package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"sluice/shown"
)

const (
	defaultRefresh = 10 * time.Minute
	defaultPause   = 10 * time.Second
	askTimeout     = 5 * time.Second // for an answer of a login or an app
	maxRedirects   = 5
	maxKeySet      = 1 << 20 // bytes of a key set
)

// JWKSConfig says where an issuer publishes its keys.
type JWKSConfig struct {
	URL       string
	Refresh   time.Duration     // known keys are fetched anew after this; default 10 min
	Pause     time.Duration     // at least this is between two fetches; default 10 s
	Logger    *slog.Logger      // required
	Transport http.RoundTripper // default: the usual one
}

// JWKS is the key set that an issuer publishes, kept fresh.
//
// A key that is known is used while newer ones are fetched, and for as long as they can't
// be: a dead endpoint stops nobody. A token of an unknown key has the set fetched once
// for all that ask at that time, and not again before Pause is over. Until then nobody
// can tell whether the key exists, so the caller has to wait. Only a set fetched after
// the question says no.
type JWKS struct {
	cfg    JWKSConfig
	client *http.Client
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu       sync.Mutex // guards the rest; a leaf
	set      KeySet
	fetched  time.Time     // when set came; zero: never
	tried    time.Time     // when the last fetch began
	failure  error         // of the last fetch
	fetching chan struct{} // closed when the fetch under way has ended; nil: there is none
}

// NewJWKS begins to fetch. Close ends it.
func NewJWKS(cfg JWKSConfig) *JWKS {
	if cfg.Refresh == 0 {
		cfg.Refresh = defaultRefresh
	}
	if cfg.Pause == 0 {
		cfg.Pause = defaultPause
	}
	j := &JWKS{cfg: cfg, client: &http.Client{Timeout: askTimeout, Transport: cfg.Transport, CheckRedirect: stays}}
	j.ctx, j.cancel = context.WithCancel(context.Background())
	j.refresh()
	return j
}

// stays lets a redirect lead to the same host only, and not from https to http: who
// answers there would say whose tokens are believed.
func stays(r *http.Request, via []*http.Request) error {
	first := via[0].URL
	switch {
	case r.URL.Host != first.Host, r.URL.Scheme != first.Scheme && r.URL.Scheme != "https":
		return errors.New("it redirects to another host, or to http, which is not followed")
	case len(via) >= maxRedirects:
		return errors.New("it redirects too often")
	}
	return nil
}

// Close gives up the fetch under way.
func (j *JWKS) Close() error {
	j.cancel()
	j.wg.Wait()
	j.client.CloseIdleConnections()
	return nil
}

func (j *JWKS) empty() bool { return false }

func (j *JWKS) find(ctx context.Context, kid string) ([]Key, error) {
	keys, age := j.known(ctx, kid)
	if len(keys) > 0 {
		if age >= j.cfg.Refresh {
			j.refresh()
		}
		return keys, nil
	}
	done := j.refresh()
	if done == nil {
		return nil, fmt.Errorf("%w: a token's key is unknown, and keys were fetched just now", ErrUnavailable)
	}
	select {
	case <-done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	keys, _ = j.known(ctx, kid)
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(keys) == 0 && j.failure != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, j.failure)
	}
	return keys, nil
}

// askAgain has the set fetched where no key of a token's id verifies it. Keys need not
// have an id, and an issuer may give a new key the id of the former one. It is false if
// the set has been fetched just now, so that a forged token is refused.
func (j *JWKS) askAgain() bool { return j.refresh() != nil }

// known returns the keys of the set there is, and its age.
func (j *JWKS) known(ctx context.Context, kid string) ([]Key, time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	keys, _ := j.set.find(ctx, kid)
	return keys, time.Since(j.fetched)
}

// refresh returns what is closed when the fetch under way has ended, having begun one if
// there is none; nil when it is too early for another.
func (j *JWKS) refresh() <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.fetching != nil {
		return j.fetching
	}
	if !j.tried.IsZero() && time.Since(j.tried) < j.cfg.Pause || j.ctx.Err() != nil {
		return nil
	}
	done := make(chan struct{})
	j.fetching, j.tried = done, time.Now()
	j.wg.Go(func() {
		set, err := j.fetch()
		j.take(set, err)
		close(done)
	})
	return done
}

// take keeps what a fetch brought. A failure leaves the keys there are; it is logged
// once, as its end is.
func (j *JWKS) take(set KeySet, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.fetching = nil
	switch {
	case j.ctx.Err() != nil:
	case err != nil && j.failure == nil:
		j.cfg.Logger.Warn("an issuer's keys can't be fetched; the known ones stay valid", "url", shown.URL(j.cfg.URL), "known", len(j.set.keys), "error", err)
	case err == nil && (j.failure != nil || j.fetched.IsZero()):
		j.cfg.Logger.Info("an issuer's keys were fetched", "url", shown.URL(j.cfg.URL), "keys", len(set.keys))
	}
	if j.failure = err; err == nil {
		j.set, j.fetched = set, time.Now()
	}
}

func (j *JWKS) fetch() (KeySet, error) {
	r, err := http.NewRequestWithContext(j.ctx, http.MethodGet, j.cfg.URL, nil)
	if err != nil {
		return KeySet{}, shown.Error(err)
	}
	r.Header.Set("Accept", "application/jwk-set+json, application/json")
	resp, err := j.client.Do(r)
	if err != nil {
		return KeySet{}, shown.Error(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return KeySet{}, fmt.Errorf("the answer is %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxKeySet+1))
	if err != nil {
		return KeySet{}, err
	}
	if len(text) > maxKeySet {
		return KeySet{}, errors.New("the answer is too long for a key set")
	}
	return ParseKeySet(text)
}
