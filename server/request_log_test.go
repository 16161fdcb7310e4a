package server

import (
	"log/slog"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/server/auth"
	"sluice/server/limit"
)

// With log.level debug a stream's begin and its end are in the log, on both carriers.
func TestDebugShowsStreamsAsTheyComeAndGo(t *testing.T) {
	for _, goroutines := range []bool{false, true} {
		f := begin(t, func(c *Config) { c.Goroutines = c.Goroutines || goroutines })
		s := f.get("/events?user=alice&stream=orders")
		s.want("sluice.hello", "*")
		wantLine(t, f, "a stream has begun", "user=alice", "address=127.0.0.1", "streams=[orders]", "resume=live")
		s.cancel()
		eventually(t, "the end is noticed", f.empty)
		wantLine(t, f, "a stream has ended", "user=alice", "address=127.0.0.1", "streams=[orders]", "reason=gone")

		s = f.get("/events?user=bob")
		s.want("sluice.hello", "*")
		f.EndUser("bob")
		s.want("sluice.closing", "*")
		eventually(t, "the end is noticed", f.empty)
		wantLine(t, f, "a stream has ended", "user=bob", "streams=\"[orders news]\"", "reason=revoked")
	}
}

// wantLine looks for a line that has all of some texts.
func wantLine(t *testing.T, f *fixture, texts ...string) {
	t.Helper()
	for line := range strings.Lines(f.logs.String()) {
		has := 0
		for _, text := range texts {
			if strings.Contains(line, text) {
				has++
			}
		}
		if has == len(texts) {
			return
		}
	}
	t.Errorf("no line with %q in\n%s", texts, f.logs)
}

// With log.level debug the log says whom the gateway did not let in, and why: for each
// status, and also for those who are told so in a stream.
func TestDebugShowsRefusals(t *testing.T) {
	f := newFixture(t, func(c *Config) {
		c.Auth, c.Access, c.APIKeys = headerIdentity{}, map[string][]string{"orders": {"staff"}}, oneKey(apiKey)
		c.Proxies = proxies("", "192.0.2.0/24")
		c.Limits = limit.Limits{PerIPRequests: limit.Rate{N: 8, Per: time.Hour}}
	})
	ask := func(method, path, who string, headers ...string) {
		r := httptest.NewRequest(method, path, nil) // from 192.0.2.1
		r.Header.Set("X-Forwarded-For", "203.0.113.9")
		r.Header.Set("X-Test", who)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		f.Handler().ServeHTTP(httptest.NewRecorder(), r)
	}
	ask("GET", "/events", "")
	wantLine(t, f, "a request was refused", "status=401", "cause=identity-missing", "address=203.0.113.9", "route=/events")
	ask("GET", "/state", "not JSON")
	wantLine(t, f, "status=401", "cause=identity-malformed", "route=/state")
	ask("POST", "/revoke", "")
	wantLine(t, f, "status=401", "route=/revoke")
	ask("GET", "/events?stream=orders", `{"User":"alice"}`)
	wantLine(t, f, "status=403", "cause=stream", "user=alice", "streams=[orders]", "address=203.0.113.9")
	ask("GET", "/events", `{"User":"alice"}`, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors")
	wantLine(t, f, "status=403", "cause=cross-origin")
	ask("GET", "/events?from=nowhere", `{"User":"alice"}`)
	wantLine(t, f, "status=400", "cause=from", "user=alice")
	ask("GET", "/events?stream=news", `{"User":"alice"}`, "Accept", "text/event-stream")
	wantLine(t, f, "status=503", "cause=warming", "user=alice", "streams=[news]")
	ask("GET", "/.well-known/sluice", "not JSON")
	ask("GET", "/events", `{"User":"alice"}`)
	wantLine(t, f, "status=429", "cause=per_ip_requests", "address=203.0.113.9")
	if got := strings.Count(f.logs.String(), "a request was refused"); got != 9 {
		t.Errorf("%d lines for nine refusals:\n%s", got, f.logs)
	}
}

// What a back end asks for and is refused has a line as well, without what its body has.
func TestDebugShowsRefusedBodies(t *testing.T) {
	const secret = "s3cr3t"
	tickets := newTickets(t)
	f := begin(t, func(c *Config) { c.Tickets, c.APIKeys = tickets, oneKey(apiKey) })
	ask := func(path, body string) {
		r := httptest.NewRequest("POST", path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+apiKey)
		f.Handler().ServeHTTP(httptest.NewRecorder(), r)
	}
	ask("/tickets", `{"user":"alice","ttl":"`+secret+`"}`)
	wantLine(t, f, "a request was refused", "status=400", "cause=ticket", "route=/tickets")
	ask("/revoke", `{"user":"alice","for":"`+secret+`"}`)
	wantLine(t, f, "a request was refused", "status=400", "cause=revocation", "route=/revoke")
	if strings.Contains(f.logs.String(), secret) {
		t.Error(f.logs)
	}
}

// No line has a token, a cookie, a ticket or an id that a request shows. Of the query's
// values only names of configured streams and, with auth: none, of the user are logged.
func TestDebugShowsNoSecret(t *testing.T) {
	const secret = "s3cr3t"
	tickets := newTickets(t)
	f := begin(t, func(c *Config) {
		c.Auth, c.Tickets, c.APIKeys = auth.First{tickets, auth.None{}}, tickets, oneKey(apiKey)
	})
	ticket, err := tickets.Issue(auth.Grant{User: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	headers := []string{"Authorization", "Bearer " + secret, "Cookie", "session=" + secret, "Last-Event-ID", secret,
		"Referer", "http://shop.example/?" + secret, "User-Agent", secret, "Origin", "http://" + secret + ".example"}
	for _, query := range []string{
		"?ticket=" + secret, "?user=alice&stream=" + secret, "?user=alice&stream=orders," + secret, "?user=alice&from=" + secret,
		"?user=alice&lastEventId=" + secret, "?user=alice&subject=" + secret, "?ticket=" + ticket.Text, "?ticket=" + ticket.Text + "&stream=" + secret,
		"?user=" + secret + "&user=2", "?cursor=" + secret + "&user=alice&wait=" + secret, "?snapshot=" + secret + "&user=alice", "?%zz" + secret,
	} {
		f.get("/events"+query, headers...).cancel()
		f.get("/state"+query, headers...).cancel()
	}
	f.get("/"+secret, headers...).cancel()
	for _, path := range []string{"/tickets", "/revoke"} {
		r := httptest.NewRequest("POST", path+"?"+secret, strings.NewReader(secret))
		r.Header.Set("Authorization", "Bearer "+secret)
		f.Handler().ServeHTTP(httptest.NewRecorder(), r)
	}
	eventually(t, "all have gone", f.empty)
	logs := f.logs.String()
	for _, want := range []string{"a stream has begun", "a stream has ended", "status=400", "status=401", "status=403"} {
		if !strings.Contains(logs, want) {
			t.Errorf("no %q in\n%s", want, logs)
		}
	}
	for line := range strings.Lines(logs) {
		if strings.Contains(line, secret) || strings.Contains(line, ticket.Text) || strings.Contains(line, ticket.ID) {
			t.Error(line)
		}
	}
}

// On info the log has no line for what anybody can cause.
func TestInfoShowsNoRequest(t *testing.T) {
	f := begin(t, nil)
	f.level.Set(slog.LevelInfo)
	s := f.get("/events?user=alice")
	s.want("sluice.hello", "*")
	s.cancel()
	f.get("/events").cancel()
	eventually(t, "all have gone", f.empty)
	if got := f.logs.String(); got != "" {
		t.Error(got)
	}
}

// A flood of refusals does not fill the log, on debug either. It is counted whole, and
// hides no refusal for another cause.
func TestAFloodOfRefusalsDoesNotFillTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(c *Config) { c.Goroutines = true }) // time stands still under a holder
		ask := func(path string) { inquire(f.Handler(), path) }
		const flood = 10_000 // one in each 10 ms
		burst, pause := limit.DebugLines.N, limit.DebugLines.Per/time.Duration(limit.DebugLines.N)
		for range flood {
			ask("/events")
			<-time.After(10 * time.Millisecond)
		}
		ask("/events?user=alice&from=nowhere")
		wantLine(t, f, "status=400", "cause=from")
		<-time.After(2 * pause)
		ask("/events")
		lines, unlogged := 0, 0
		for line := range strings.Lines(f.logs.String()) {
			if strings.Contains(line, "cause=identity-missing") {
				_, count, _ := strings.Cut(strings.TrimSpace(line), "unlogged=")
				n, err := strconv.Atoi(count)
				if err != nil {
					t.Fatal(line)
				}
				lines, unlogged = lines+1, unlogged+n
			}
		}
		if most := burst + int(flood*10*time.Millisecond/pause) + 3; lines < burst || lines > most || lines+unlogged != flood+1 {
			t.Errorf("%d lines, %d said to be left out, of %d; want at most %d lines", lines, unlogged, flood+1, most)
		}
	})
}

// A proxy that isn't believed is said once an hour, with its address and the key, however
// many requests it hands on.
func TestAProxyThatIsNotTrustedIsSaidOnceAnHour(t *testing.T) {
	for _, tt := range []struct {
		name    string
		proxies limit.Proxies
		remote  string
		header  string
		want    string // of the cure; "": nothing is said
	}{
		{"not trusted", limit.Proxies{}, "10.0.0.7:4711", "X-Forwarded-For", "trusted_proxies: [10.0.0.7]"},
		{"not trusted, Forwarded", limit.Proxies{}, "[2001:db8::7]:4711", "Forwarded", "trusted_proxies: [2001:db8::7]"},
		{"another is trusted", proxies("", "10.0.0.8/32"), "10.0.0.7:4711", "X-Forwarded-For", "trusted_proxies: [10.0.0.7]"},
		{"the other header is read", proxies("", "10.0.0.0/8"), "10.0.0.7:4711", "Forwarded", "forwarded_header: Forwarded"},
		{"a Unix socket", limit.Proxies{}, "@", "X-Forwarded-For", "trusted_proxies: [unix]"},
		{"trusted", proxies("", "10.0.0.0/8"), "10.0.0.7:4711", "X-Forwarded-For", ""},
		{"trusted, Forwarded", proxies("Forwarded", "10.0.0.0/8"), "10.0.0.7:4711", "Forwarded", ""},
		{"a trusted Unix socket", limit.Proxies{Unix: true}, "@", "X-Forwarded-For", ""},
		{"no proxy", limit.Proxies{}, "203.0.113.9:4711", "Accept", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, func(c *Config) { c.Proxies, c.Goroutines = tt.proxies, true })
				ask := func() {
					r := httptest.NewRequest("GET", "/events", nil)
					r.RemoteAddr = tt.remote
					r.Header.Set(tt.header, "203.0.113.9")
					f.Handler().ServeHTTP(httptest.NewRecorder(), r)
				}
				for range 100 {
					ask()
				}
				said := func() int { return strings.Count(f.logs.String(), "a header that names the client is not read") }
				if tt.want == "" {
					if said() != 0 {
						t.Error(f.logs)
					}
					return
				}
				wantLine(t, f, "level=WARN", "header="+tt.header, tt.want)
				if said() != 1 {
					t.Errorf("said %d times", said())
				}
				<-time.After(forwardedPause)
				ask()
				if said() != 2 {
					t.Errorf("said %d times, an hour later", said())
				}
			})
		})
	}
}
