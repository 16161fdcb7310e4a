package e2e

import (
	"context"
	"math/rand/v2"
	"net/url"
	"strings"
	"sync/atomic"

	"sluice/cmd/internal/e2e/checker"
	"sluice/cmd/internal/e2e/client"
	"sluice/stream/ssetest"
)

// reader is a client with its page in the books. It is an EventSource, or one that polls,
// or both.
type reader struct {
	*client.Client
	page *checker.Client
	home int // index of the gateway it goes to; roams if it goes to any

	books  *checker.Checker
	asked  atomic.Int64 // requests written
	hellos atomic.Int64 // times a gateway said where the connection starts, or answered a poll
}

// newReader enters a client in the books and starts it. Without streams it reads them
// all.
func newReader(ctx context.Context, books *checker.Checker, base, name, user string, all, only []string) *reader {
	r, query := enterReader(books, name, user, all, only)
	r.Client = client.Start(ctx, base, query, r)
	return r
}

// newPoller is newReader for a client that polls. wait is how long it lets a poll wait;
// without it each is answered at once.
func newPoller(ctx context.Context, books *checker.Checker, base, name, user, wait string, random *rand.Rand, all, only []string) *reader {
	r, query := enterReader(books, name, user, all, only)
	r.page.ByPolls()
	r.Client = client.Poll(ctx, base, query, wait, rand.New(rand.NewPCG(random.Uint64(), random.Uint64())), r)
	return r
}

// newMixer is newPoller for a client that reads now by a stream and now by polls.
func newMixer(ctx context.Context, books *checker.Checker, base, name, user string, random *rand.Rand, all []string) *reader {
	r, query := enterReader(books, name, user, all, nil)
	r.Client = client.Mix(ctx, base, query, "5s", rand.New(rand.NewPCG(random.Uint64(), random.Uint64())), r)
	return r
}

func enterReader(books *checker.Checker, name, user string, all, only []string) (*reader, url.Values) {
	query := url.Values{"user": {user}}
	if only != nil {
		query.Set("stream", strings.Join(only, ","))
		all = only
	}
	return &reader{books: books, page: books.Client(name, user, all...)}, query
}

// roams is the home of a reader that has none.
const roams = -1

func (r *reader) Asked() {
	r.asked.Add(1)
	r.books.Changed()
}

func (r *reader) Polled() {
	r.hellos.Add(1)
	r.books.Changed()
}

func (r *reader) Refused(err error) { r.page.Irregular(err.Error()) }

func (r *reader) Event(e ssetest.Event) {
	switch {
	case e.Name == "sluice.hello":
		r.hellos.Add(1)
		r.books.Changed()
	case e.Name == "sluice.reset":
		r.page.Reset(e.Data)
	case strings.HasPrefix(e.Name, "sluice."):
		// Heartbeats, closings: nothing to keep books of.
	default:
		if !e.HasID {
			r.page.Irregular("an event without an id: " + e.Data)
		}
		r.page.Event(e.Data)
	}
}
