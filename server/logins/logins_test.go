package logins

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/server/auth"
	"sluice/stream"
)

// asking is a login whose answers a test gives.
type asking struct {
	mu    sync.Mutex // guards the rest
	key   byte
	asked []time.Duration // since begin
	begin time.Time
	user  string
	roles []string
	err   error
}

const (
	askEvery = 30 * time.Second
	askStale = 5 * time.Minute
)

func (a *asking) principal() auth.Principal {
	due := time.Now().Add(askEvery)
	return auth.Principal{User: a.user, Roles: a.roles, Login: &auth.Login{Key: auth.LoginKey{a.key}, Due: due, Until: due.Add(askStale), Renew: a.renew}}
}

func (a *asking) renew(context.Context) (auth.Principal, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, time.Since(a.begin))
	if a.err != nil {
		return auth.Principal{}, a.err
	}
	return a.principal(), nil
}

func (a *asking) answer(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change()
}

// bench of streams that depend on logins, in a bubble.
type loginRig struct {
	*Logins
	hub  *stream.Hub
	wake stream.WakerID
}

type noWaker struct{}

func (noWaker) Wake(uint32) {}

func newLoginRig(t *testing.T) *loginRig {
	t.Helper()
	hub := stream.NewHub(stream.Config{Streams: []stream.Spec{{Name: "orders"}}})
	hub.Begin(0, "e", []int64{0})
	hub.SetWarm(0)
	r := &loginRig{Logins: New(hub), hub: hub, wake: hub.AddWaker(noWaker{})}
	t.Cleanup(func() { r.Close(); hub.Close() })
	return r
}

func (r *loginRig) open(t *testing.T, p auth.Principal) stream.Sub {
	t.Helper()
	sub, _, err := r.hub.Open(t.Context(), stream.Request{Streams: []int{0}, User: p.User, Waker: r.wake})
	if err != nil {
		t.Fatal(err)
	}
	r.Attach(sub, p)
	return sub
}

func ended(sub stream.Sub) bool { return sub.Pull(new(stream.Batch), 1<<20) == stream.Ended }

func (r *loginRig) wantEmpty(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.byKey)+len(r.bySub)+len(r.queue) != 0 {
		t.Errorf("left: %d logins, %d streams, %d queued", len(r.byKey), len(r.bySub), len(r.queue))
	}
}

func TestALoginIsAskedAfterOnceForAllItsStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newLoginRig(t)
		a := &asking{key: 1, user: "alice", begin: time.Now()}
		var subs []stream.Sub
		for range 1000 {
			subs = append(subs, r.open(t, a.principal()))
		}
		<-time.After(10*askEvery + time.Second)
		synctest.Wait()
		if len(a.asked) != 10 || a.asked[9] != 10*askEvery {
			t.Errorf("asked at %v", a.asked)
		}
		a.answer(func() { a.err = &auth.Error{Reason: auth.ReasonSession} })
		<-time.After(askEvery)
		synctest.Wait()
		for _, sub := range subs {
			if !ended(sub) {
				t.Fatal("a stream goes on without its session")
			}
			r.Detach(sub.Key())
			sub.Close()
		}
		r.wantEmpty(t)
		<-time.After(time.Hour)
		if len(a.asked) != 11 {
			t.Errorf("asked %d times, the last of them about nobody", len(a.asked))
		}
	})
}

func TestStreamsGoAndTheLoginIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newLoginRig(t)
		a, b := &asking{key: 1, user: "alice"}, &asking{key: 2, user: "bob"}
		one, two, three := r.open(t, a.principal()), r.open(t, a.principal()), r.open(t, b.principal())
		r.Detach(one.Key())
		r.Detach(two.Key())
		r.Detach(two.Key()) // twice is once
		<-time.After(askEvery)
		synctest.Wait()
		if len(a.asked) != 0 || len(b.asked) != 1 {
			t.Errorf("asked %d times after who is gone, %d after who is there", len(a.asked), len(b.asked))
		}
		r.Detach(three.Key())
		r.wantEmpty(t)
	})
}

func TestWithoutAnAnswerStreamsStayAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newLoginRig(t)
		a := &asking{key: 1, user: "alice", begin: time.Now()}
		sub := r.open(t, a.principal())
		a.answer(func() { a.err = errors.New("no answer") })
		<-time.After(askEvery + askStale - time.Millisecond)
		if ended(sub) {
			t.Fatal("ended before its time")
		}
		a.answer(func() { a.err = nil }) // it is back, just
		<-time.After(time.Millisecond)
		synctest.Wait()
		if ended(sub) {
			t.Fatal("ended, though the answer came")
		}
		n := len(a.asked)
		if least := int(askStale / (2 * renewPause)); n < least || n > 4*least {
			t.Errorf("asked %d times in %v", n, askStale)
		}
		a.answer(func() { a.err = errors.New("no answer") })
		<-time.After(askEvery + askStale)
		synctest.Wait()
		if !ended(sub) {
			t.Error("goes on without an answer")
		}
		r.Detach(sub.Key())
		r.wantEmpty(t)
	})
}

func TestAnotherUserOrOtherRolesEndTheStreams(t *testing.T) {
	for name, change := range map[string]func(a *asking){
		"another user": func(a *asking) { a.user = "bob" },
		"other roles":  func(a *asking) { a.roles = []string{"staff"} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newLoginRig(t)
				a := &asking{key: 1, user: "alice"}
				sub := r.open(t, a.principal())
				a.answer(func() { change(a) })
				<-time.After(askEvery)
				synctest.Wait()
				if !ended(sub) {
					t.Error("a stream of before goes on")
				}

				// Or a stream finds it out, that is opened meanwhile.
				old := r.open(t, auth.Principal{User: "carol", Login: a.principal().Login})
				new := r.open(t, a.principal())
				if !ended(old) || ended(new) {
					t.Errorf("the old one ended: %v, the new one: %v", ended(old), ended(new))
				}
				r.Detach(new.Key())
				r.Detach(old.Key())
				r.wantEmpty(t)
			})
		})
	}
}
