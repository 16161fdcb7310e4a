package top

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sluice/cmd/internal/reach"
)

// admin is a gateway's admin address that counts, and may be away.
type admin struct {
	*httptest.Server
	asked   atomic.Int64
	away    atomic.Bool
	queries chan string // of /decisions
}

func newAdmin(t *testing.T) *admin {
	a := &admin{queries: make(chan string, 10)}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer s3cret":
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusUnauthorized)
			io.WriteString(w, `{"title":"For operators","detail":"The admin token is missing or wrong."}`)
		case a.away.Load():
			w.WriteHeader(http.StatusBadGateway)
		case r.URL.Path == "/live":
			s := decode(t, first)
			n := a.asked.Add(1)
			s.Time = s.Time.Add(time.Duration(n) * time.Second)
			s.Written.Events += uint64(100 * n)
			json.NewEncoder(w).Encode(s)
		case r.URL.Path == "/decisions":
			a.queries <- r.URL.Query().Encode()
			io.WriteString(w, `{"cause":"wrong_user","because":"It belongs to bob, not to alice.","since":"2026-01-02T03:04:05Z","records":[{"stream":"orders","topic":"order-topic","partition":0,"offset":42,
"read":"2026-01-02T03:04:05.678Z","event":"order.\u001bconfirmed","subject":"o-1","users":["bob"],"more_users":1,"cause":"wrong_user","because":"It belongs to bob, not to alice.",
"subscribers":[{"id":"a-1-1","user":"alice","since":"2026-01-02T03:04:05Z","until":"2026-01-02T03:04:06Z","ended":"gone","cause":"written"}]}]}`)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(a.Close)
	return a
}

func (a *admin) run(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	t.Setenv("SLUICE_TOKEN", "s3cret")
	var out, errs bytes.Buffer
	status = Run(t.Context(), append(args, a.URL), nil, &out, &errs)
	return status, out.String(), errs.String()
}

func TestPipedItHasNoEscapeCodes(t *testing.T) {
	a := newAdmin(t)
	status, out, errs := a.run(t, "-n", "2", "--interval", "100ms")
	if status != 0 || errs != "" || strings.Contains(out, "\x1b") {
		t.Errorf("%d %s: %q", status, errs, out)
	}
	if strings.Count(out, "sluice v1.2.3") != 2 || !strings.Contains(out, "written - ") && !strings.Contains(out, "written -\n") || !strings.Contains(out, "written 100 events/s") {
		t.Errorf("%s", out)
	}
}

func TestJSON(t *testing.T) {
	a := newAdmin(t)
	status, out, errs := a.run(t, "--json", "--interval", "100ms", "--stream", "orders")
	var got struct {
		Gateway struct{ Connections int }
		Rates   struct {
			Over   float64 `json:"over_seconds"`
			Events float64 `json:"written_events"`
		}
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || status != 0 || got.Gateway.Connections != 5000 || got.Rates.Over != 1 || got.Rates.Events != 100 {
		t.Errorf("%v, %d %s: %s", err, status, errs, out)
	}
}

func TestWhy(t *testing.T) {
	a := newAdmin(t)
	status, out, _ := a.run(t, "--why", "order-topic/0/42", "--user", "alice")
	want := "order-topic/0/42 in orders, read 2026-01-02 03:04:05.678 UTC, order.\ufffdconfirmed, about \"o-1\", of bob and 1 more\n  wrong_user: It belongs to bob, not to alice.\n" +
		"  connection a-1-1 of alice, since 2026-01-02 03:04:05.000 UTC until 2026-01-02 03:04:06.000 UTC (gone): written\n"
	if q := <-a.queries; status != 0 || out != want || q != "offset=42&partition=0&topic=order-topic&user=alice" {
		t.Errorf("asked %s: %d\n%s\nwant\n%s", q, status, out, want)
	}
	if status, out, _ = a.run(t, "--user", "alice", "--subject", "o-1", "--stream", "orders"); status != 0 || strings.Contains(out, "connection") || !strings.Contains(out, "wrong_user: ") {
		t.Errorf("%d %s", status, out)
	}
	if q := <-a.queries; q != "stream=orders&subject=o-1&user=alice" {
		t.Errorf("asked %s", q)
	}
	if status, out, _ = a.run(t, "--user", "alice", "--json"); status != 0 || !json.Valid([]byte(out)) {
		t.Errorf("%d %s", status, out)
	}
}

// TestNamesSteerNothing: users and subjects are called as anybody likes.
func TestNamesSteerNothing(t *testing.T) {
	const hostile = "eve\x1b]0;x\a\u009b31m\u202e\n  written: Written to eve."
	d := decisions{Records: []decision{{
		Topic: "t", Stream: "orders", Event: hostile, Subject: hostile, Users: []string{hostile}, Cause: "role", Because: hostile,
		For:         []verdict{{hostile, "role", hostile}, {"bob", "written", "Written to bob."}},
		Subscribers: []subscriber{{ID: "a-1-1", User: hostile, Subject: hostile, Ended: hostile, Until: new(time.Time), Cause: "role"}},
	}}}
	text := d.text(true)
	if strings.ContainsAny(text, "\x1b\a\u009b\u202e") || strings.Count(text, "\n") != 5 || strings.Contains(text, "\n  written: ") {
		t.Errorf("%q", text)
	}
	want, err := json.Marshal(hostile)
	if err != nil {
		t.Fatal(err)
	}
	got := reach.PrintableJSON(want)
	var same string
	if err := json.Unmarshal(got, &same); err != nil || same != hostile || strings.ContainsAny(string(got), "\u009b\u202e") {
		t.Errorf("%s is %q, %v", got, same, err)
	}
}

func TestWhatGoesWrongIsSaid(t *testing.T) {
	a := newAdmin(t)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("wr0ng"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args   []string
		status int
		stderr string
	}{
		{[]string{"-n", "1", "--token-file", file}, 1, "sluice top: 401 Unauthorized: For operators: The admin token is missing or wrong."},
		{[]string{"--why", "a/b/c"}, 2, `--why: "b" is no number`},
		{[]string{"--why", "a/1"}, 2, "--why: write it as topic/partition/offset"},
		{[]string{"--interval", "1ms"}, 2, "--interval: 1ms is below 100ms"},
		{[]string{"-n", "-1"}, 2, "below zero"},
		{[]string{"--subject", "x"}, 2, "--subject goes with --user"},
		{[]string{"another"}, 2, "one word too many"},
		{[]string{"--nothing"}, 2, "flag provided but not defined"},
	} {
		status, _, errs := a.run(t, tt.args...)
		if status != tt.status || !strings.Contains(errs, tt.stderr) || strings.Contains(errs, "s3cret") || strings.Contains(errs, "wr0ng") {
			t.Errorf("%q: %d %s", tt.args, status, errs)
		}
	}
	elsewhere := httptest.NewServer(http.NotFoundHandler())
	defer elsewhere.Close()
	var errs bytes.Buffer
	if status := Run(t.Context(), []string{"-n", "1", elsewhere.URL}, nil, io.Discard, &errs); status != 1 || !strings.Contains(errs.String(), "404 Not Found: is this the gateway's admin address?") {
		t.Errorf("another address: %d %s", status, &errs)
	}
	a.Close()
	if status, _, errs := a.run(t, "-n", "1"); status != 1 || !strings.Contains(errs, "does not answer: ") {
		t.Errorf("nobody there: %d %s", status, errs)
	}
}

// pictures hands on each picture that is drawn.
type pictures chan string

func (p pictures) Write(b []byte) (int, error) {
	p <- string(b)
	return len(b), nil
}

// TestAGatewayGoesAwayAndComesBack: what was last known stays, under what is wrong now.
func TestAGatewayGoesAwayAndComesBack(t *testing.T) {
	a := newAdmin(t)
	t.Setenv("SLUICE_TOKEN", "s3cret")
	ctx, stop := context.WithCancel(t.Context())
	drawn, ended := make(pictures), make(chan int)
	go func() {
		ended <- Run(ctx, []string{"--interval", "100ms", a.URL}, nil, drawn, io.Discard)
		close(drawn)
	}()
	has := func(text string) {
		t.Helper()
		for p := range drawn {
			if strings.HasPrefix(p, text) {
				if !strings.Contains(p, "connections 5000") {
					t.Errorf("what was known is gone: %s", p)
				}
				return
			}
		}
		t.Fatalf("it ended before %q", text)
	}
	has("sluice v1.2.3")
	a.away.Store(true)
	has("NO ANSWER for ")
	a.away.Store(false)
	has("sluice v1.2.3")
	stop()
	for {
		select {
		case <-drawn:
			continue
		case status := <-ended:
			if status != 0 {
				t.Errorf("status %d", status)
			}
		}
		break
	}
}
