package server

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/stream"
	"sluice/stream/ssetest"
)

const (
	joinUsers    = 8
	joinSubjects = 5 // of each
)

// version is what an event says: which one of its subject's it is.
type version struct {
	Subject string `json:"s"`
	N       int    `json:"n"`
}

// writer publishes versions of users' subjects, those asked for and others.
type writer struct {
	f        *fixture
	asked    chan int // users
	versions [joinUsers * joinSubjects]int
}

func (w *writer) run() {
	rnd := rand.New(rand.NewPCG(5, 5))
	for user := range w.asked {
		w.write(rnd, user)
		w.write(rnd, rnd.IntN(joinUsers))
	}
}

func (w *writer) write(rnd *rand.Rand, user int) {
	subject := user*joinSubjects + rnd.IntN(joinSubjects)
	w.versions[subject]++
	name := fmt.Sprint("o-", subject)
	w.f.publish(orders, stream.Event{
		Timestamp: time.Now().UnixMilli(), Key: []byte(name), Subject: []byte(name),
		Data: fmt.Appendf(nil, `{"s":%q,"n":%d}`, name, w.versions[subject]),
	}, fmt.Sprint("u", user))
}

// seen is what a page knows: the newest version of each subject.
type seen map[string]int

// next takes an event, which must be the subject's next.
func (s seen) next(data []byte) error {
	var v version
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	if v.N != s[v.Subject]+1 {
		return fmt.Errorf("%s: version %d after %d", v.Subject, v.N, s[v.Subject])
	}
	s[v.Subject] = v.N
	return nil
}

// TestJoins loads the state and then opens a stream, or polls, or asks for a snapshot,
// again and again while events are published. Each subject's versions follow one another,
// from the one in the state on.
func TestJoins(t *testing.T) {
	joins := int64(1_000)
	if os.Getenv("SLUICE_TEST_ALL") == "1" {
		joins = 10_000
	}
	if os.Getenv("SLUICE_TEST_FULL") != "" {
		joins = 100_000
	}
	f := begin(t, nil)
	w := &writer{f: f, asked: make(chan int, 16)}
	var writing, joining sync.WaitGroup
	writing.Go(w.run)
	for u := range joinUsers {
		w.asked <- u
	}
	var left atomic.Int64
	left.Store(joins)
	for n := range uint64(3) {
		joining.Go(func() {
			for rnd := rand.New(rand.NewPCG(n, 6)); left.Add(-1) >= 0; {
				user := rnd.IntN(joinUsers)
				how := []func(*writer, string, func()) error{joinStream, joinPolls, joinSnapshot}[rnd.IntN(3)]
				if err := how(w, fmt.Sprint("u", user), func() { w.asked <- user }); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	joining.Wait()
	close(w.asked)
	writing.Wait()
}

// load returns a user's state, and the cursor it is true at.
func (w *writer) load(user string) (seen, string, error) {
	var a answered
	if err := w.ask("/state?stream=orders&user="+user, &a); err != nil {
		return nil, "", err
	}
	known := seen{}
	for _, e := range a.Events {
		var v version
		if err := json.Unmarshal(e.Data, &v); err != nil {
			return nil, "", err
		}
		if _, twice := known[v.Subject]; twice || v.Subject != e.Subject {
			return nil, "", fmt.Errorf("%s stands under %s", v.Subject, e.Subject)
		}
		known[v.Subject] = v.N
	}
	return known, a.Cursor, nil
}

func (w *writer) ask(path string, into any) error {
	resp, err := w.f.client.Get(w.f.url + path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

func joinPolls(w *writer, user string, write func()) error {
	known, cursor, err := w.load(user)
	if err != nil {
		return err
	}
	for range 2 {
		write()
		var a answered
		if err := w.ask("/state?stream=orders&wait=60s&user="+user+"&cursor="+url.QueryEscape(cursor), &a); err != nil {
			return err
		}
		if len(a.Events) == 0 {
			return fmt.Errorf("a poll at %s ended without an event", cursor)
		}
		for _, e := range a.Events {
			if err := known.next(e.Data); err != nil {
				return fmt.Errorf("poll at %s: %w", cursor, err)
			}
		}
		cursor = a.Cursor
	}
	return nil
}

func joinStream(w *writer, user string, write func()) error {
	known, cursor, err := w.load(user)
	if err != nil {
		return err
	}
	write()
	return w.follow("/events?stream=orders&user="+user+"&lastEventId="+url.QueryEscape(cursor), known, write)
}

func joinSnapshot(w *writer, user string, write func()) error {
	return w.follow("/events?stream=orders&snapshot=1&user="+user, seen{}, write)
}

// follow reads a stream for two events.
func (w *writer) follow(path string, known seen, write func()) error {
	resp, err := w.f.client.Get(w.f.url + path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	write()
	events, live := ssetest.NewReader(resp.Body), false
	for n := 0; n < 2; {
		e, err := events.Next()
		switch {
		case err != nil:
			return err
		case e.Name == "sluice.hello":
			live = true
			write()
		case e.Name == "sluice.snapshot":
		case live:
			n++
			if err := known.next([]byte(e.Data)); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
		default: // of the snapshot
			var v version
			if err := json.Unmarshal([]byte(e.Data), &v); err != nil {
				return err
			}
			known[v.Subject] = v.N
		}
	}
	return nil
}
