package server

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"sluice/server/auth"
	"sluice/stream"
)

const testSecret = "0123456789abcdef0123456789abcdef"

func newTickets(t testing.TB) *auth.Tickets {
	t.Helper()
	tickets, err := auth.NewTickets([]byte(testSecret), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return tickets
}

// headerIdentity identifies a caller by the header X-Test, a principal as JSON; without
// it there are no credentials.
type headerIdentity struct{}

func (headerIdentity) Authenticate(r *http.Request) (auth.Principal, error) {
	var p auth.Principal
	text := r.Header.Get("X-Test")
	if text == "" {
		return p, &auth.Error{Reason: auth.ReasonMissing, Detail: "No credentials.", Challenge: "Test"}
	}
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return p, &auth.Error{Reason: auth.ReasonMalformed, Detail: "Bad credentials.", Challenge: "Test"}
	}
	return p, nil
}

// A caller that sends a cookie where a header is looked for learns it from the answer.
func TestARefusalSaysWhereItLooked(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Auth = auth.First{newTickets(t), headerIdentity{}} })
	for _, path := range []string{"/events", "/state"} {
		w := inquire(f.Handler(), path)
		if w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), "The gateway looked for ?ticket=.") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

func TestAccess(t *testing.T) {
	for _, tt := range []struct {
		name   string
		access map[string][]string
		who    string
		query  string
		want   string // the streams, or the status
	}{
		{"nothing said", nil, `{"User":"alice"}`, "", "orders news"},
		{"with the role", map[string][]string{"orders": {"customer", "staff"}}, `{"User":"alice","Roles":["x","customer"]}`, "", "orders news"},
		{"without the role", map[string][]string{"orders": {"customer"}}, `{"User":"alice","Roles":["Customer","customer "]}`, "", "news"},
		{"asking for it by name", map[string][]string{"orders": {"customer"}}, `{"User":"alice"}`, "?stream=orders", "403"},
		{"asking beside one's own", map[string][]string{"orders": {"customer"}}, `{"User":"alice"}`, "?stream=news,orders", "403"},
		{"a stream that isn't there", nil, `{"User":"alice"}`, "?stream=secret", "403"},
		{"none left", map[string][]string{"orders": {"a"}, "news": {"b"}}, `{"User":"alice"}`, "", "403"},
		{"narrowed", nil, `{"User":"alice","Streams":["news","other"]}`, "", "news"},
		{"narrowed, asking for more", nil, `{"User":"alice","Streams":["news"]}`, "?stream=orders", "403"},
		{"narrowed to nothing", nil, `{"User":"alice","Streams":[]}`, "", "403"},
		{"narrowed, and a role lacks", map[string][]string{"news": {"staff"}}, `{"User":"alice","Streams":["news"]}`, "", "403"},
		{"nobody", nil, "", "", "401"},
		{"nobody, roles set", map[string][]string{"news": {"staff"}}, "", "?stream=news", "401"},
		{"anyone", map[string][]string{"news": {"anyone"}}, "", "", "news"},
		{"anyone, asking for more", map[string][]string{"news": {"anyone"}}, "", "?stream=orders", "401"},
		{"a user, where anyone may", map[string][]string{"news": {"anyone"}}, `{"User":"alice"}`, "", "orders news"},
		{"bad credentials, where anyone may", map[string][]string{"news": {"anyone"}}, "x", "", "401"},
		{"a ticket for a subject", map[string][]string{"orders": {"customer"}}, `{"Subject":"o-1","Streams":["orders"]}`, "", "orders"},
		{"a ticket, asking for more", nil, `{"Subject":"o-1","Streams":["orders"]}`, "?stream=news", "403"},
		{"a ticket, asking for its subject", nil, `{"Subject":"o-1","Streams":["orders"]}`, "?subject=o-1", "orders"},
		{"a ticket, asking for another subject", nil, `{"Subject":"o-1","Streams":["orders"]}`, "?subject=o-2", "403"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := begin(t, func(c *Config) { c.Auth, c.Access = headerIdentity{}, tt.access })
			s := f.get("/events"+tt.query, "X-Test", tt.who)
			if s.StatusCode != http.StatusOK {
				if got := fmt.Sprint(s.StatusCode); got != tt.want || s.Header.Get("Content-Type") != "application/problem+json" {
					t.Errorf("status %s %s, want %s", got, s.Header.Get("Content-Type"), tt.want)
				}
				return
			}
			hello := s.want("sluice.hello", "*")
			var data struct{ Streams []string }
			if err := json.Unmarshal([]byte(hello.Data), &data); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(data.Streams, " "); got != tt.want {
				t.Errorf("reads %q, want %q", got, tt.want)
			}
		})
	}
}

// TestAnyoneGetsWhatIsForEveryoneOnly: who is nobody is sent nobody's orders.
func TestAnyoneGetsWhatIsForEveryoneOnly(t *testing.T) {
	f := begin(t, func(c *Config) { c.Auth, c.Access = headerIdentity{}, map[string][]string{"news": {auth.Anyone}} })
	s := f.get("/events")
	s.want("sluice.hello", "*")
	f.order("", "nobody's")
	f.order("alice", "alice's")
	f.publish(news, stream.Event{Data: []byte("everyone's")})
	s.want("message", "everyone's")
}

// backend is a gateway with tickets, and a key for them.
func backend(t *testing.T) (f *fixture, key string) {
	t.Helper()
	return backendWith(t, func(*Config) {})
}

func backendWith(t *testing.T, change func(*Config)) (f *fixture, key string) {
	t.Helper()
	key, hash := auth.NewAPIKey()
	shop, err := auth.ParseAPIKey("shop", hash)
	if err != nil {
		t.Fatal(err)
	}
	tickets := newTickets(t)
	return begin(t, func(c *Config) {
		c.Auth, c.Tickets, c.APIKeys = tickets, tickets, auth.APIKeys{shop}
		change(c)
	}), key
}

// post asks for a ticket.
func (f *fixture) post(key, body string) (status int, answer ticketAnswer, text string) {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, f.url+"/tickets", strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := f.client.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	if resp.StatusCode == http.StatusCreated {
		if err := json.Unmarshal(b, &answer); err != nil {
			f.t.Fatal(err)
		}
	}
	return resp.StatusCode, answer, string(b)
}

func (f *fixture) ticket(key, body string) ticketAnswer {
	f.t.Helper()
	status, answer, text := f.post(key, body)
	if status != http.StatusCreated {
		f.t.Fatalf("no ticket: %d %s", status, text)
	}
	return answer
}

func TestAGuestFollowsOneOrder(t *testing.T) {
	f, key := backend(t)
	ticket := f.ticket(key, `{"stream":"orders","subject":"o-77","ttl":"10m"}`)
	guest := f.get("/events?ticket=" + ticket.Ticket)
	guest.want("sluice.hello", "*")
	about := func(user, subject, data string) {
		f.publish(orders, stream.Event{Subject: []byte(subject), Data: []byte(data)}, user)
	}
	about("alice", "o-76", "another order")
	about("alice", "", "of no order")
	f.publish(news, stream.Event{Subject: []byte("o-77"), Data: []byte("another stream")})
	about("alice", "o-77", "confirmed")
	e := guest.want("message", "confirmed")
	about("guest-4711", "o-77", "sent")
	guest.want("message", "sent")

	again := f.get("/events?ticket="+ticket.Ticket, "Last-Event-ID", e.ID)
	again.want("sluice.hello", "*")
	again.want("message", "sent")

	// It can be taken back.
	if n := f.EndTicket(ticket.ID); n != 2 {
		t.Errorf("ended %d streams, want 2", n)
	}
	for _, s := range []*opened{guest, again} {
		s.want("sluice.closing", `{"reason":"revoked","retry_ms":1500}`)
		s.wantEnd()
	}
	if n := f.EndTicket(ticket.ID) + f.EndTicket("x"); n != 0 {
		t.Errorf("ended %d more", n)
	}
	eventually(t, "nothing is left of the logins", func() bool { return f.logins.Len() == 0 })
}

func TestATicketForOnce(t *testing.T) {
	f, key := backend(t)
	ticket := f.ticket(key, `{"user":"alice","once":true}`)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, f.url+"/events?ticket="+ticket.Ticket, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := f.client.Do(r); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("HEAD: %v, %v", resp, err)
	}
	if s := f.get("/events?ticket=" + ticket.Ticket + "&from=never"); s.StatusCode != http.StatusBadRequest {
		t.Errorf("a bad request: %d", s.StatusCode)
	}
	s := f.get("/events?ticket=" + ticket.Ticket) // neither of them was a stream
	s.want("sluice.hello", "*")
	replay := f.get("/events?ticket=" + ticket.Ticket)
	if body := replay.body(); replay.StatusCode != http.StatusUnauthorized || !strings.Contains(body, "identity-used") {
		t.Errorf("replayed: %d %s", replay.StatusCode, body)
	}
	f.order("alice", "still there")
	s.want("message", "still there")
	if n := f.EndUser("alice"); n != 1 {
		t.Errorf("ended %d streams of alice", n)
	}
	s.want("sluice.closing", "*")
	s.wantEnd()
}

func TestTicketRequestsRefused(t *testing.T) {
	f, key := backend(t)
	for body, want := range map[string]string{
		``:                               "must be JSON",
		`{"user":"alice"} {}`:            "goes on after",
		`{"user":"alice","admin":true}`:  "must be JSON",
		`{"user":7}`:                     "must be JSON",
		`{}`:                             "needs a user, or",
		`{"user":"a","stream":"orders"}`: "not for both",
		`{"stream":"orders"}`:            "needs a user, or",
		`{"stream":"x","subject":"o-1"}`: "no such stream",
		`{"user":"alice","ttl":"1y"}`:    "no duration",
		`{"user":"alice","ttl":"-1s"}`:   "no duration",
		`{"user":"alice","ttl":"25h"}`:   "at most",
		`{"user":"` + strings.Repeat("u", maxTicketBody) + `"}`: "must be JSON",
	} {
		if status, _, text := f.post(key, body); status != http.StatusBadRequest || !strings.Contains(text, want) {
			t.Errorf("%.60s: %d %s, want 400 with %q", body, status, text, want)
		}
	}
	_, stranger := auth.NewAPIKey()
	for _, k := range []string{"", "x", stranger} {
		if status, _, text := f.post(k, `{"user":"alice"}`); status != http.StatusUnauthorized || strings.Contains(text, key) {
			t.Errorf("by the key %q: %d %s", k, status, text)
		}
	}
	if s := f.get("/tickets"); s.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET /tickets: %d", s.StatusCode)
	}
	if s := begin(t, nil).get("/tickets"); s.StatusCode != http.StatusNotFound {
		t.Errorf("GET /tickets where there are none: %d", s.StatusCode)
	}
}

// TestCRLFInEveryInput: nothing that a caller sends comes back as a separate line.
func TestCRLFInEveryInput(t *testing.T) {
	f := begin(t, nil)
	const evil = "x\r\nX-Evil: 1\r\n\r\nevent: evil\ndata: evil\n\n"
	for _, name := range []string{"user", "stream", "subject", "from", "lastEventId", "ticket", "cursor", "evil\r\nX-Evil: 1"} {
		query := url.Values{"user": {"alice"}}
		query.Set(name, evil)
		s := f.get("/events?" + query.Encode())
		if s.Header.Get("X-Evil") != "" {
			t.Errorf("%q sets a header", name)
		}
		s.cancelAfter(func(text string) {
			if strings.Contains(text, "evil") {
				t.Errorf("%q comes back: %s", name, text)
			}
		})
	}
	for _, name := range []string{"Authorization", "Cookie", "Last-Event-ID", "Accept", "Origin"} {
		conn := f.raw("GET /events?user=alice HTTP/1.1\nHost: x\n" + name + ": a\rX-Evil: 1\n\n")
		head := make([]byte, 4096)
		n, _ := conn.Read(head)
		if strings.Contains(strings.ToLower(string(head[:n])), "evil") {
			t.Errorf("%s comes back: %s", name, head[:n])
		}
	}
}

func TestTicketsNeedKeys(t *testing.T) {
	_, err := New(Config{Hub: stream.NewHub(stream.Config{}), Auth: auth.None{}, Source: statuses{}, Logger: slog.New(slog.DiscardHandler), Tickets: newTickets(t)})
	if err == nil || !strings.Contains(err.Error(), "Tickets needs APIKeys") {
		t.Errorf("New: %v", err)
	}
}
