package auth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// app is an app that says who is asking, in memory, so that it works in a bubble's time.
type app struct {
	mu       sync.Mutex // guards the rest
	sessions map[string]string
	down     bool
	asked    int
	wait     chan struct{} // not nil: answers wait for it
}

func (a *app) RoundTrip(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	a.asked++
	wait := a.wait
	a.mu.Unlock()
	if wait != nil {
		select {
		case <-wait:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	w := httptest.NewRecorder()
	session := r.Header.Get("Cookie") + r.Header.Get("Authorization")
	user := a.sessions[session]
	switch {
	case a.down:
		return nil, errors.New("connection refused")
	case user == "":
		w.WriteHeader(http.StatusUnauthorized)
	default:
		fmt.Fprintf(w, `{"id":%q,"roles":["customer"]}`, user)
	}
	return w.Result(), nil
}

func (a *app) set(change func(*app)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(a)
}

func (a *app) questions() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked
}

func asker(t *testing.T, transport http.RoundTripper) (*Forward, *bytes.Buffer) {
	t.Helper()
	log := new(bytes.Buffer)
	f := must(NewForward(ForwardConfig{URL: "http://app/api/whoami", User: "id", Transport: transport, Logger: slog.New(slog.NewTextHandler(log, nil))}))
	t.Cleanup(func() { f.Close() })
	return f, log
}

func TestTheAppIsAskedOnceForAllWhoComeAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &app{sessions: map[string]string{"s=alice": "alice", "s=bob": "bob"}, wait: make(chan struct{})}
		f, _ := asker(t, a)
		var all sync.WaitGroup
		for range 100 {
			for _, user := range []string{"alice", "bob"} {
				all.Go(func() {
					if p, err := f.Authenticate(withCookie("s=" + user)); err != nil || p.User != user || fmt.Sprint(p.Roles) != "[customer]" {
						t.Errorf("%s: %+v, %v", user, p, err)
					}
				})
			}
		}
		synctest.Wait()
		close(a.wait)
		all.Wait()
		if n := a.questions(); n != 2 {
			t.Errorf("%d questions for two sessions", n)
		}
		// For as long as the answer holds.
		<-time.After(defaultCache - 1)
		f.Authenticate(withCookie("s=alice"))
		if n := a.questions(); n != 2 {
			t.Errorf("%d questions while the answer holds", n)
		}
		<-time.After(1)
		f.Authenticate(withCookie("s=alice"))
		if n := a.questions(); n != 3 {
			t.Errorf("%d questions after it", n)
		}
	})
}

func TestASessionThatIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &app{sessions: map[string]string{"s=1": "alice"}}
		f, _ := asker(t, a)
		p := must(f.Authenticate(withCookie("s=1")))
		if p.Login == nil || time.Until(p.Login.Due) != defaultCache || time.Until(p.Login.Until) != defaultCache+defaultStaleOK {
			t.Fatalf("login = %+v", p.Login)
		}
		a.set(func(a *app) { delete(a.sessions, "s=1") })
		<-time.After(defaultCache)
		_, err := p.Login.Renew(t.Context())
		wantRefused(t, err, ReasonSession, "s=1", "alice")

		// A no is kept for a moment only: a user who logs in again is let in.
		_, err = f.Authenticate(withCookie("s=1"))
		wantRefused(t, err, ReasonSession)
		if n := a.questions(); n != 2 {
			t.Errorf("%d questions, want 2", n)
		}
		a.set(func(a *app) { a.sessions["s=1"] = "bob" })
		<-time.After(refusedFor)
		if p, err := f.Authenticate(withCookie("s=1")); err != nil || p.User != "bob" {
			t.Errorf("%+v, %v", p, err)
		}
	})
}

func TestTheAppIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &app{sessions: map[string]string{"s=1": "alice"}}
		f, log := asker(t, a)
		p := must(f.Authenticate(withCookie("s=1")))
		a.set(func(a *app) { a.down = true })
		if _, err := f.Authenticate(withCookie("s=1")); err != nil {
			t.Errorf("while the answer holds: %v", err)
		}
		<-time.After(defaultCache)
		before := a.questions()
		for range 1000 {
			if _, err := f.Authenticate(withCookie("s=1")); !errors.Is(err, ErrUnavailable) {
				t.Fatalf("after it: %v, want ErrUnavailable", err)
			}
		}
		if _, err := p.Login.Renew(t.Context()); !errors.Is(err, ErrUnavailable) {
			t.Errorf("an open stream: %v, want ErrUnavailable", err)
		}
		if n := a.questions() - before; n != appFailures {
			t.Errorf("%d questions of an app that is down, want %d", n, appFailures)
		}
		a.set(func(a *app) { a.down = false })
		<-time.After(appRest)
		if p, err := f.Authenticate(withCookie("s=1")); err != nil || p.User != "alice" {
			t.Errorf("it is back: %+v, %v", p, err)
		}
		if text := log.String(); strings.Count(text, "can't be asked") != 1 || strings.Count(text, "answers again") != 1 || strings.Contains(text, "s=1") {
			t.Errorf("log:\n%s", text)
		}
	})
}

func TestOneCallersRequestDoesNotEndWithAnothers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &app{sessions: map[string]string{"s=1": "alice"}, wait: make(chan struct{})}
		f, _ := asker(t, a)
		impatient, leave := withCookie("s=1"), make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _, err := f.Authenticate(impatient.WithContext(ctx)); leave <- err }()
		stays := make(chan error, 1)
		go func() { _, err := f.Authenticate(withCookie("s=1")); stays <- err }()
		synctest.Wait()
		cancel()
		if err := <-leave; !errors.Is(err, ctx.Err()) {
			t.Errorf("who left: %v", err)
		}
		close(a.wait)
		if err := <-stays; err != nil {
			t.Errorf("who stayed: %v", err)
		}
	})
}

func TestOldAnswersAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := asker(t, &app{})
		for n := range 5000 {
			if n%500 == 0 {
				<-time.After(2 * refusedFor)
			}
			f.Authenticate(withCookie(fmt.Sprint("made-up=", n)))
		}
		if n := len(f.answers); n > 1600 {
			t.Errorf("%d answers are kept, of which 500 hold", n)
		}
	})
}

// whatever is an app that gives the same answer always.
type whatever func(w http.ResponseWriter)

func (f whatever) RoundTrip(*http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	f(w)
	return w.Result(), nil
}

func TestWhatAppsAnswer(t *testing.T) {
	say := func(status int, body string) whatever {
		return func(w http.ResponseWriter) { w.WriteHeader(status); io.WriteString(w, body) }
	}
	for _, tt := range []struct {
		name   string
		app    whatever
		field  string
		user   string
		reason Reason // "" without a user: the caller waits
	}{
		{"a user", say(200, `{"id":"alice"}`), "id", "alice", ""},
		{"a number", say(200, `{"id":10000000}`), "id", "10000000", ""},
		{"further down", say(200, `{"user":{"id":"alice"}}`), "user.id", "alice", ""},
		{"in a header", func(w http.ResponseWriter) { w.Header().Set("X-User", "alice"); w.WriteHeader(204) }, "header:X-User", "alice", ""},
		{"no header", say(204, ``), "header:X-User", "", ReasonSession},
		{"nobody", say(200, `null`), "id", "", ReasonSession},
		{"an empty session", say(200, `{}`), "id", "", ReasonSession},
		{"no JSON", say(200, `alice`), "id", "", ReasonSession},
		{"an object", say(200, `{"id":{"is":"alice"}}`), "id", "", ReasonSession},
		{"401", say(401, ``), "id", "", ReasonSession},
		{"403 with a user", say(403, `{"id":"alice"}`), "id", "", ReasonSession},
		{"to the login", func(w http.ResponseWriter) { w.Header().Set("Location", "/login"); w.WriteHeader(302) }, "id", "", ReasonSession},
		{"nothing there", say(404, `{"id":"alice"}`), "id", "", ""},
		{"too many requests", say(429, ``), "id", "", ""},
		{"broken", say(500, `{"id":"alice"}`), "id", "", ""},
		{"endless", say(200, `{"id":"alice"}`+strings.Repeat(" ", maxAnswer)), "id", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := must(NewForward(ForwardConfig{URL: "http://app", User: tt.field, Transport: tt.app, Logger: slog.New(slog.DiscardHandler)}))
			defer f.Close()
			p, err := f.Authenticate(withCookie("s=1"))
			switch {
			case tt.reason != "":
				wantRefused(t, err, tt.reason, "X-User", "s=1")
			case tt.user == "" && !errors.Is(err, ErrUnavailable), tt.user != "" && (err != nil || p.User != tt.user):
				t.Errorf("%+v, %v", p, err)
			}
		})
	}
}

// TestForwardOverHTTP asks a real server: what it is sent, and that nothing else is.
func TestForwardOverHTTP(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, name := range []string{"X-Secret", "Last-Event-Id", "Host2"} {
			if r.Header.Get(name) != "" {
				t.Errorf("the app is sent %s", name)
			}
		}
		if r.Method != http.MethodGet || r.URL.Path != "/whoami" || r.ContentLength > 0 {
			t.Errorf("the app is asked %s %s", r.Method, r.URL)
		}
		fmt.Fprintf(w, `{"id":%q}`, r.Header.Get("Cookie")+"|"+r.Header.Get("Authorization"))
	}))
	defer server.Close()
	f := must(NewForward(ForwardConfig{URL: server.URL + "/whoami", User: "id", Logger: slog.New(slog.DiscardHandler)}))
	defer f.Close()
	r := withCookie("a=1; b=2")
	r.Header.Set("Authorization", "Basic eDp5")
	r.Header.Set("X-Secret", "x")
	r.Header.Set("Last-Event-Id", "x")
	if p, err := f.Authenticate(r); err != nil || p.User != "a=1; b=2|Basic eDp5" {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err := f.Authenticate(as("t")); err != nil || p.User != "|Bearer t" {
		t.Errorf("%+v, %v", p, err)
	}
	_, err := f.Authenticate(httptest.NewRequest(http.MethodGet, "/events", nil))
	wantRefused(t, err, ReasonMissing)
}

// Credentials that join to the same text are not the same.
func TestCredentialsOfOneTextAreTwo(t *testing.T) {
	f := must(NewForward(ForwardConfig{URL: "http://app", User: "id", Logger: slog.New(slog.DiscardHandler)}))
	defer f.Close()
	seen := map[LoginKey]int{}
	for i, c := range []credentials{
		{cookie: []string{"a=1", "b=2"}}, {cookie: []string{"a=1b=2"}}, {authorization: []string{"a=1", "b=2"}},
		{cookie: []string{"a=1"}, authorization: []string{"b=2"}}, {cookie: []string{"b=2", "a=1"}}, {},
	} {
		if other, twice := seen[f.key(c)]; twice {
			t.Errorf("%d and %d are one", i, other)
		}
		seen[f.key(c)] = i
	}
}

func TestForwardNeedsAnAddressAndAUser(t *testing.T) {
	for _, cfg := range []ForwardConfig{{User: "id"}, {URL: "http://app"}, {URL: "http://app", User: headerPrefix}} {
		if _, err := NewForward(cfg); err == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
}

func TestSinceWhenASessionLastsIsWhatTheAppSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().Truncate(time.Second) // of the bubble
		header := http.Header{"X-Since": {now.UTC().Format(time.RFC3339)}}
		for _, tt := range []struct {
			place, body string
			want        time.Time
		}{
			{"iat", fmt.Sprintf(`{"iat":%d}`, now.Unix()), now},
			{"iat", fmt.Sprintf(`{"iat":%d.5}`, now.Unix()-1), now.Add(-time.Second / 2)},
			{"session.since", `{"session":{"since":"1999-12-31T00:00:00Z"}}`, time.Date(1999, 12, 31, 0, 0, 0, 0, time.UTC)},
			{"header:X-Since", `{}`, now},
			{"header:X-Other", `{}`, time.Time{}},
			{"iat", `{}`, time.Time{}},
			{"iat", `{"iat":null}`, time.Time{}},
			{"iat", `{"iat":"yesterday"}`, time.Time{}},
			{"iat", `{"iat":-5}`, time.Time{}},
			{"iat", `{"iat":"NaN"}`, time.Time{}},
			{"iat", `{"iat":1e300}`, time.Time{}},
			{"iat", fmt.Sprintf(`{"iat":%d}`, now.Unix()+3600), time.Time{}}, // when it ends, perhaps
		} {
			if got := issued(tt.place, header, []byte(tt.body)); !got.Equal(tt.want) {
				t.Errorf("%s of %s: %v, want %v", tt.place, tt.body, got, tt.want)
			}
		}
	})
}
