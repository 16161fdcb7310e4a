package schema

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"sluice/shown"
)

// Config says where a schema registry is.
type Config struct {
	URL          string // with the path of its API, if it has one
	Username     string // for basic authentication; "": none
	Password     string
	PasswordFile string // goes before Password
	Token        string // for bearer authentication; "": none
	TokenFile    string // goes before Token
	TLS          TLS
	Timeout      time.Duration // for one answer; 0: 5s
}

// TLS says how the registry is known, and how the gateway is known to it. All are PEM.
type TLS struct {
	CAFile            string // "": the system's roots
	CertFile, KeyFile string // "": no client certificate
}

const (
	askTimeout   = 5 * time.Second // for one answer, if [Config.Timeout] says nothing
	askAnswers   = 4               // within whose time a schema must be there, with what it refers to
	askPause     = time.Second     // before a schema is asked for again that the registry didn't answer for
	unknownFor   = 30 * time.Second
	maxSchemas   = 1000     // that are kept
	maxKept      = 32 << 20 // bytes of their text
	maxAsking    = 16       // schemas asked for at a time
	maxAskedFor  = 10_000   // ids of which something is remembered
	maxReplySize = 2 << 20  // JSON needs more than the text that it holds
)

// Registry asks a schema registry and keeps what it says. It is safe for concurrent use.
type Registry struct {
	cl      *sr.Client
	http    *http.Client
	url     string
	timeout time.Duration // for one answer
	log     *slog.Logger

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	asking sync.WaitGroup // of goroutines that ask; Close waits for them

	mu       sync.Mutex // guards the rest; never held while the registry is asked
	kept     cache
	asked    map[int]*question  // by id: what isn't known
	running  int                // questions under way
	answered chan struct{}      // closed, and made anew, when an answer has come
	subjects map[string]*latest // to write with
	failing  error              // what the registry last said instead of an answer; nil: it answers
}

// question is a schema that isn't known.
type question struct {
	running bool
	next    time.Time // not to be asked before
	err     error     // [ErrUnknown], or the cause of [ErrPending]
}

// NewRegistry returns a registry; nothing is asked of it yet. Errors name the key.
// Close ends it.
func NewRegistry(cfg Config, log *slog.Logger) (*Registry, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("schema_registry.url: is no address; write http://HOST:PORT, with the path of its API if it has one")
	}
	if u.User != nil {
		return nil, errors.New("schema_registry.url: holds a user; write schema_registry.username and password_file")
	}
	r := &Registry{
		url: cfg.URL, timeout: cmp.Or(cfg.Timeout, askTimeout), log: log,
		asked: make(map[int]*question), answered: make(chan struct{}), kept: newCache(maxSchemas, maxKept),
	}
	if r.http, err = newHTTPClient(cfg.TLS, r.timeout, log); err != nil {
		return nil, err
	}
	login, err := cfg.login(log)
	if err != nil {
		return nil, err
	}
	if r.cl, err = sr.NewClient(sr.URLs(cfg.URL), sr.UserAgent("sluice"), sr.HTTPClient(r.http), sr.PreReq(login)); err != nil {
		return nil, fmt.Errorf("schema_registry: %w", err)
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r, nil
}

// Close gives up what is being asked, and returns when nothing of it runs any more.
func (r *Registry) Close() {
	if r == nil {
		return
	}
	r.cancel()
	r.asking.Wait()
	r.http.CloseIdleConnections()
}

// Changed is closed when the next answer has come: callers that wait for a schema look
// again.
func (r *Registry) Changed() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.answered
}

// lookup returns a schema that is known. Of another it begins to ask, and fails.
func (r *Registry) lookup(id int) (*parsed, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.kept.get(id); s != nil {
		return s, nil
	}
	q := r.asked[id]
	if q == nil {
		if len(r.asked) >= maxAskedFor {
			r.forget()
		}
		q = &question{}
		r.asked[id] = q
	}
	now := time.Now()
	if !q.running && !now.Before(q.next) && r.running < maxAsking && r.ctx.Err() == nil {
		q.running, q.err = true, nil
		r.running++
		r.asking.Go(func() { r.ask(id, q) })
	}
	switch {
	case errors.Is(q.err, ErrUnknown):
		return nil, errID(id, ErrUnknown)
	case q.err != nil:
		return nil, errID(id, fmt.Errorf("%w: %w", ErrPending, q.err))
	}
	return nil, errID(id, ErrPending)
}

// forget makes room for other questions. The lock is held.
func (r *Registry) forget() {
	for id, q := range r.asked {
		if !q.running {
			delete(r.asked, id)
		}
	}
}

// ask asks for one schema, and notes the answer.
func (r *Registry) ask(id int, q *question) {
	ctx, cancel := context.WithTimeout(r.ctx, askAnswers*r.timeout)
	defer cancel()
	s, err := r.fetch(ctx, id)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running--
	q.running = false
	switch {
	case err == nil:
		r.kept.put(id, s)
		delete(r.asked, id)
		r.answers(nil)
	case errors.Is(err, ErrUnknown):
		q.err, q.next = err, time.Now().Add(unknownFor)
		r.answers(nil)
	default:
		q.err, q.next = err, time.Now().Add(askPause)
		r.answers(err)
	}
	close(r.answered)
	r.answered = make(chan struct{})
}

// answers notes whether the registry does, and says so in the log when that changes.
// The lock is held.
func (r *Registry) answers(err error) {
	if r.ctx.Err() != nil {
		return
	}
	switch {
	case err != nil && r.failing == nil:
		r.log.Warn("the schema registry doesn't answer: records with schemas that aren't known yet wait", "url", shown.URL(r.url), "error", err)
	case err == nil && r.failing != nil:
		r.log.Info("the schema registry answers again", "url", shown.URL(r.url))
	}
	r.failing = err
}

// schemaID is the id in a record's header; false if it has no such header.
func schemaID(raw []byte) (id int, ok bool) {
	id, _, err := splitHeader(raw)
	return id, err == nil
}

// Wait returns once the registry has said something of a schema, or ctx ends.
func (c *Codec) Wait(ctx context.Context, raw []byte) error {
	id, ok := schemaID(raw)
	if !ok || c.registry == nil { // nothing to wait for: decoding says what is wrong
		return nil
	}
	for {
		changed := c.registry.Changed()
		if _, err := c.registry.lookup(id); !errors.Is(err, ErrPending) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		case <-time.After(askPause):
		}
	}
}
