package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// slowApp takes a while for each answer, in a bubble's time.
type slowApp struct {
	takes time.Duration

	mu      sync.Mutex // guards the rest
	ended   map[string]bool
	asked   int
	now     int // questions at the moment
	highest int // questions at one moment
}

func (a *slowApp) RoundTrip(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	a.asked++
	a.now++
	a.highest = max(a.highest, a.now)
	a.mu.Unlock()
	select {
	case <-time.After(a.takes):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.now--
	w := httptest.NewRecorder()
	if session := r.Header.Get("Cookie"); a.ended[session] || session[0] == 'j' {
		w.WriteHeader(http.StatusUnauthorized)
	} else {
		fmt.Fprintf(w, `{"id":%q}`, session)
	}
	return w.Result(), nil
}

func (a *slowApp) questions() (asked, highest int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked, a.highest
}

func from(address, cookie string) *http.Request {
	r := withCookie(cookie)
	return r.WithContext(WithCaller(r.Context(), netip.MustParseAddr(address)))
}

// flood asks n made-up questions from an address, which wait until leave is called.
func flood(f *Forward, address string, n int) (leave func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for i := range n {
		r := from(address, fmt.Sprint("junk=", address, i))
		r = r.WithContext(WithCaller(ctx, netip.MustParseAddr(address)))
		all.Go(func() { f.Authenticate(r) })
	}
	return func() { cancel(); all.Wait() }
}

// took is how long a caller's identity takes.
func took(t *testing.T, f *Forward, r *http.Request) time.Duration {
	t.Helper()
	begin := time.Now()
	if p, err := f.Authenticate(r); err != nil || p.User == "" {
		t.Errorf("%+v, %v", p, err)
	}
	return time.Since(begin)
}

func TestALoginInAFloodTakesTheAppsOwnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &slowApp{takes: 500 * time.Millisecond}
		f, _ := asker(t, a)
		for _, n := range []int{100, 4000} {
			leave := flood(f, "203.0.113.7", n)
			synctest.Wait()
			for i := range 4 {
				if d := took(t, f, from("198.51.100.9", fmt.Sprint("s=", n, i))); d != a.takes {
					t.Errorf("%d strangers ask, and a login takes %v", n, d)
				}
			}
			leave()
		}
		if _, highest := a.questions(); highest > callerQuestions+1 {
			t.Errorf("the app was asked %d questions of one address at a time", highest)
		}
	})
}

func TestAFloodOfManyAddressesTakesTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &slowApp{takes: 500 * time.Millisecond}
		f, _ := asker(t, a)
		for i := range 40 { // of which each has 50 questions
			defer flood(f, fmt.Sprint("203.0.113.", i), 50)()
		}
		synctest.Wait()
		if d := took(t, f, from("198.51.100.9", "s=1")); d > 3*a.takes {
			t.Errorf("a login waits for %v: it has its turn after one question of each address", d)
		}
	})
}

func TestWhatNobodyWaitsForIsNotAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &slowApp{takes: time.Second}
		f, _ := asker(t, a)
		leave := flood(f, "203.0.113.7", 900)
		synctest.Wait()
		leave()
		<-time.After(time.Minute)
		if asked, _ := a.questions(); asked != callerQuestions {
			t.Errorf("the app was asked %d questions, want the %d that had begun", asked, callerQuestions)
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		if len(f.open) != 0 || f.line.waiting != 0 || len(f.line.callers) != 0 || len(f.line.turns) != 0 {
			t.Errorf("left: %d questions, %+v", len(f.open), f.line)
		}
	})
}

func TestTheLineIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &slowApp{takes: time.Second}
		f, log := asker(t, a)
		defer flood(f, "203.0.113.7", 3*maxWaiting)()
		synctest.Wait()
		f.mu.Lock()
		if f.line.waiting != maxWaiting || len(f.open) != maxWaiting+callerQuestions {
			t.Errorf("%d wait, %d are open", f.line.waiting, len(f.open))
		}
		f.mu.Unlock()
		if d := took(t, f, from("198.51.100.9", "s=1")); d != a.takes {
			t.Errorf("a login at a full line takes %v", d)
		}
		if n := len(log.String()); n == 0 || n > 400 {
			t.Errorf("log: %s", log)
		}
	})
}

func TestWhoHasWaitedTooLongIsToldToComeLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &slowApp{takes: 4 * time.Second}
		f, _ := asker(t, a)
		defer flood(f, "203.0.113.7", 200)()
		synctest.Wait()
		begin := time.Now()
		_, err := f.Authenticate(from("203.0.113.7", "s=1")) // behind its own address's
		if !errors.Is(err, ErrUnavailable) || time.Since(begin) != callerWait {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
}

func TestAnEndedSessionEndsInAFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &slowApp{takes: 500 * time.Millisecond, ended: map[string]bool{}}
		f, _ := asker(t, a)
		p := must(f.Authenticate(from("198.51.100.9", "s=carol")))
		for i := range 100 { // from everywhere, as many as may wait
			defer flood(f, fmt.Sprint("203.0.113.", i), 50)()
		}
		a.mu.Lock()
		a.ended["s=carol"] = true
		a.mu.Unlock()
		<-time.After(time.Until(p.Login.Due))
		begin := time.Now()
		_, err := p.Login.Renew(t.Context())
		wantRefused(t, err, ReasonSession)
		if d := time.Since(begin); d != a.takes {
			t.Errorf("known after %v", d)
		}
	})
}

// A caller's question stands in the line when the streams of the same login are asked
// after.
func TestARenewalOvertakesTheCallersOwnQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &slowApp{takes: time.Second}
		f, _ := asker(t, a)
		p := must(f.Authenticate(from("203.0.113.7", "s=1")))
		<-time.After(time.Until(p.Login.Due))
		defer flood(f, "203.0.113.7", 500)()
		synctest.Wait()
		var both sync.WaitGroup
		begin := time.Now()
		both.Go(func() { took(t, f, from("203.0.113.7", "s=1")) })
		synctest.Wait()
		both.Go(func() {
			if p, err := p.Login.Renew(t.Context()); err != nil || p.User != "s=1" {
				t.Errorf("%+v, %v", p, err)
			}
		})
		both.Wait()
		if d := time.Since(begin); d != a.takes {
			t.Errorf("both know after %v", d)
		}
	})
}

func TestARenewalWaitsForItsTurnOnlySoLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &slowApp{takes: 5*time.Second - 1}
		f, _ := asker(t, a)
		p := make([]Principal, appRenewals+1)
		for i := range p {
			p[i] = must(f.Authenticate(from("198.51.100.9", fmt.Sprint("s=", i))))
		}
		<-time.After(time.Until(p[appRenewals].Login.Due))
		var all sync.WaitGroup
		for _, p := range p[:appRenewals] {
			all.Go(func() { p.Login.Renew(t.Context()) })
		}
		synctest.Wait()
		begin := time.Now()
		if _, err := p[appRenewals].Login.Renew(t.Context()); !errors.Is(err, ErrUnavailable) || time.Since(begin) != renewalWait {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		all.Wait()
	})
}

func TestAnswersAreBounded(t *testing.T) {
	f, _ := asker(t, &app{})
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range 2 * maxAnswers {
		f.keep(LoginKey{byte(i), byte(i >> 8), byte(i >> 16)}, &answer{until: now.Add(time.Hour)}, now)
	}
	if n := len(f.answers); n != maxAnswers {
		t.Errorf("%d answers are kept, at most %d may be", n, maxAnswers)
	}
}
