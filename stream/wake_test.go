package stream

import (
	"fmt"
	"strings"
	"testing"
)

// told is a waker that counts whom it tells.
type told map[uint32]int

func (w told) Wake(token uint32) { w[token]++ }

// An event wakes those it is for: of a stream for everyone those without a filter and
// those who follow its subject, not those who follow another.
func TestAnEventWakesNobodyWhoFollowsAnotherSubject(t *testing.T) {
	for _, spec := range []Spec{news, orders} {
		h := NewHub(Config{Streams: []Spec{spec, {Name: "other"}}})
		defer h.Close()
		woken := told{}
		h.AddWaker(woken)
		for i := range 2 {
			h.Begin(i, "e", []int64{0})
			h.SetWarm(i)
		}
		open := func(token uint32, q Request) Sub {
			q.Streams, q.Token = []int{0}, token
			s, _, err := h.Open(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			var b Batch
			s.Pull(&b, 1)
			return s
		}
		const n = 1000
		subs := make([]Sub, n)
		for i := range subs {
			q := Request{User: "u", Filter: About(fmt.Sprint("s", i))}
			if i%2 == 1 || spec.Audience == AudienceUser {
				q = Request{AnyUser: true, Filter: About(q.Filter.single())}
			}
			subs[i] = open(uint32(i), q)
		}
		open(n, Request{User: "plain"})
		two := Request{User: "u", Filter: About("s7"), Streams: []int{0, 1}}
		s, _, _ := h.Open(t.Context(), two)
		var b Batch
		s.Pull(&b, 1)

		h.Publish(0, []Event{{Offset: 0, Users: [][]byte{[]byte("plain")}, Subject: []byte("s7"), Data: []byte("x")}})
		if woken[7] != 1 || woken[n] != 1 {
			t.Errorf("%s: who follows the subject was told %d times, who follows all %d times", spec.Name, woken[7], woken[n])
		}
		if len(woken) > 3 {
			t.Errorf("%s: %d were woken", spec.Name, len(woken))
		}
		// The id of one that was not woken covers the event: it is not for it.
		if id := string(subs[8].AppendID(nil)); !strings.HasPrefix(id, spec.Name+"@e:1*") {
			t.Errorf("%s: the id of one with another subject is %s", spec.Name, id)
		}
		for _, s := range subs {
			s.Close()
		}
	}
}

// wakeRig is a hub of a stream for everyone with n who follow it, have all, and are
// nobody in particular.
func wakeRig(t *testing.T, spec Spec, n int, q Request) (*Hub, told, []Sub) {
	h := NewHub(Config{Streams: []Spec{spec}})
	t.Cleanup(h.Close)
	woken := told{}
	h.AddWaker(woken)
	h.Begin(0, "e", []int64{0})
	h.SetWarm(0)
	subs := make([]Sub, n)
	for i := range subs {
		q.Streams, q.Token = []int{0}, uint32(i)
		var err error
		if subs[i], _, err = h.Open(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		var b Batch
		subs[i].Pull(&b, 1)
	}
	return h, woken, subs
}

// In the middle of waking many, code that looks at one that has not been woken finds it
// as if it had been.
func TestWhoIsNotWokenYetHasNotBeenSentTheEvent(t *testing.T) {
	for name, c := range map[string]struct {
		spec Spec
		q    Request
	}{
		"everybody":          {news, Request{User: "u"}},
		"a user's":           {orders, Request{User: "u"}},
		"tickets":            {orders, Request{AnyUser: true, Filter: About("s")}},
		"filtered":           {news, Request{User: "u", Filter: About("s")}},
		"a user's, filtered": {orders, Request{User: "u", Filter: About("s")}},
	} {
		t.Run(name, func(t *testing.T) {
			const n = 3 * wakeRun
			h, woken, subs := wakeRig(t, c.spec, n, c.q)
			event := func(o int64) []Event {
				return []Event{{Offset: o, Users: [][]byte{[]byte("u")}, Subject: []byte("s"), Data: []byte("x")}}
			}
			if _, more := h.publishSome(0, event(0)); !more {
				t.Fatal("all were woken under one hold")
			}
			if len(woken) == 0 || len(woken) > wakeRun+eachRun {
				t.Errorf("%d were woken under one hold", len(woken))
			}
			late := map[uint32]bool{} // not woken yet
			for i := range uint32(n) {
				if woken[i] == 0 {
					late[i] = true
				}
			}
			some := func() (i uint32) {
				for i = range late {
					break
				}
				delete(late, i)
				return i
			}
			if id := string(subs[some()].AppendID(nil)); !strings.HasPrefix(id, c.spec.Name+"@e:0") {
				t.Errorf("the id covers what was not sent: %s", id)
			}
			var b Batch
			pulled := some()
			if subs[pulled].Pull(&b, 1<<20); b.Events != 1 {
				t.Errorf("pulled %d events", b.Events)
			}
			if got, _ := h.describe(subs[some()].id, h.subs.at(subs[some()].id)); got.Behind != 1 {
				t.Errorf("%d events wait", got.Behind)
			}
			// One that comes now has the event behind it.
			q := c.q
			q.Streams, q.Token = []int{0}, n
			newer, _, err := h.Open(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			b.Reset()
			if newer.Pull(&b, 1<<20); b.Events != 0 {
				t.Errorf("one that came afterwards pulled %d events", b.Events)
			}
			// Some that go have others take their place.
			for i := range uint32(n / 2) {
				if i != pulled {
					subs[i].Close()
				}
			}
			h.publishSome(0, event(1)) // before the first waking is over
			b.Reset()
			if subs[pulled].Pull(&b, 1<<20); b.Events != 1 {
				t.Errorf("pulled %d events of the second", b.Events)
			}
			h.wakeRest()
			for i := uint32(n / 2); i < n; i++ {
				want := 2
				if i == pulled {
					want = 0
				}
				if b.Reset(); want > 0 && woken[i] == 0 {
					t.Fatalf("%d was never woken", i)
				}
				if subs[i].Pull(&b, 1<<20); b.Events != want {
					t.Fatalf("%d pulled %d events", i, b.Events)
				}
			}
			b.Reset()
			if newer.Pull(&b, 1<<20); b.Events != 1 || woken[n] == 0 {
				t.Errorf("the one that came in between pulled %d events, woken %d times", b.Events, woken[n])
			}
		})
	}
}

// A user's subscriptions are ended in runs, those that are there when it begins.
func TestEndingManyOfOneUserIsCutIntoHolds(t *testing.T) {
	const n = 3*wakeRun + 7
	h, woken, subs := wakeRig(t, orders, n, Request{User: "u"})
	holds, most := 0, 0
	h.mu.Lock()
	h.mu.watch = &holdWatch{ended: func(work int) { holds++; most = max(most, work) }}
	h.mu.Unlock()
	if got := h.EndUser("u"); got != n || len(woken) != n {
		t.Errorf("%d of %d were ended, %d told", got, n, len(woken))
	}
	if holds < 3 || most > holdRun {
		t.Errorf("%d holds, the longest of %d", holds, most)
	}
	var b Batch
	for _, s := range subs {
		if p := s.Pull(&b, 1); p != Ended {
			t.Fatalf("pulled %v", p)
		}
		s.Close()
	}
}
