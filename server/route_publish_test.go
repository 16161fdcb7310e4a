package server

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/server/auth"
	"sluice/server/cors"
	"sluice/server/limit"
	"sluice/server/publish"
)

// paper is a Kafka that notes what is written to it.
type paper struct {
	mu      sync.Mutex
	written []publish.Message
	fails   error
	waiting chan func(publish.Outcome) // not nil: what is written waits here
}

func (p *paper) Publish(_ context.Context, _ string, m publish.Message, _ time.Duration, done func(publish.Outcome)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.waiting != nil:
		p.waiting <- done
	case p.fails != nil:
		done(publish.Outcome{Err: p.fails})
	default:
		p.written = append(p.written, m)
		done(publish.Outcome{Partition: 3, Offset: int64(len(p.written) - 1)})
	}
}

func (p *paper) Position(stream string, partition int32, offset int64) publish.Position {
	return publish.Position{ID: fmt.Sprintf("order-topic/%d/%d", partition, offset), Topic: "order-topic", Partition: partition, Offset: offset}
}

func (p *paper) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fails = err
}

// publishing lets API keys and the role backend publish orders on paper.
func publishingOn(p *paper) func(*Config) {
	return func(c *Config) {
		c.APIKeys, c.Auth = oneKey("sluice_k"), headerIdentity{}
		c.Publish = Publish{Publisher: p, Streams: []string{"orders"}, Roles: []string{"backend"}, MaxBytes: 1000}
	}
}

var withKey = []string{"Authorization", "Bearer sluice_k", "Content-Type", "application/json"}

// posting answers a request to publish.
func posting(h http.Handler, stream, body string, headers ...string) *httptest.ResponseRecorder {
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/publish/"+stream, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	h.ServeHTTP(w, r)
	return w
}

func problemOf(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	var p struct{ Type string }
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	return strings.TrimPrefix(p.Type, "urn:sluice:problem:")
}

func TestPublish(t *testing.T) {
	p := new(paper)
	f := newFixture(t, publishingOn(p))
	w := posting(f.Handler(), "orders", `{"key":"alice","headers":{"a":"1"},"value":{"n":1}}`, withKey...)
	if want := `{"id":"order-topic/3/0","topic":"order-topic","partition":3,"offset":0}` + "\n"; w.Code != http.StatusAccepted || w.Body.String() != want {
		t.Fatalf("%d %s, want %s", w.Code, w.Body, want)
	}
	if m := p.written[0]; string(m.Key) != `"alice"` || string(m.Value) != `{"n":1}` || len(m.Headers) != 1 {
		t.Errorf("%q", m)
	}
	user := []string{"Content-Type", "application/json", "X-Test", `{"User":"shop","Roles":["backend"]}`}
	if w := posting(f.Handler(), "orders", `{"value":1}`, user...); w.Code != http.StatusAccepted {
		t.Errorf("a role: %d %s", w.Code, w.Body)
	}
	developer := []string{"Content-Type", "application/json", "X-Test", `{"User":"shop","Roles":["backend"],"Key":"k","Actions":["publish"],"Streams":["orders"]}`}
	if w := posting(f.Handler(), "orders", `{"value":1}`, developer...); w.Code != http.StatusAccepted {
		t.Errorf("a developer's key: %d %s", w.Code, w.Body)
	}
	if n := f.metrics().Where("sluice_publishes_total", "outcome", "written").One("sluice_publishes_total"); n != 3 {
		t.Errorf("counted %v", n)
	}
	if got := newFixture(t, nil); inquire(got.Handler(), "/publish/orders").Code != http.StatusNotFound {
		t.Error("it is on by default")
	}
	sealed := newFixture(t, func(c *Config) { publishingOn(p)(c); c.Publish.Sealed = true })
	if w := posting(sealed.Handler(), "orders", `{"value":1}`, withKey...); w.Body.String() != `{"id":"order-topic/3/3"}`+"\n" {
		t.Errorf("sealed: %s", w.Body)
	}
}

func TestPublishIsRefused(t *testing.T) {
	p := new(paper)
	f := newFixture(t, func(c *Config) { publishingOn(p)(c); c.Publish.Rate = limit.Rate{N: 1000, Per: time.Hour} })
	j := []string{"Content-Type", "application/json"}
	as := func(who string) []string { return append([]string{"X-Test", who}, j...) }
	for _, tt := range []struct {
		name, stream, body string
		headers            []string
		status             int
		code               string
	}{
		{"nobody", "orders", `{"value":1}`, j, 401, "identity-missing"},
		{"another key", "orders", `{"value":1}`, append([]string{"Authorization", "Bearer sluice_other"}, j...), 401, "identity-missing"},
		{"no role", "orders", `{"value":1}`, as(`{"User":"alice"}`), 403, "role"},
		{"a ticket", "orders", `{"value":1}`, as(`{"User":"alice","Roles":["backend"],"Ticket":"t"}`), 403, "role"},
		{"a ticket without a user", "orders", `{"value":1}`, as(`{"Subject":"o-1","Roles":["backend"]}`), 403, "role"},
		{"a developer's key that reads", "orders", `{"value":1}`, as(`{"User":"alice","Roles":["backend"],"Key":"k","Actions":["read"]}`), 403, "scope"},
		{"a developer's key of another stream", "orders", `{"value":1}`, as(`{"User":"alice","Roles":["backend"],"Key":"k","Actions":["publish"],"Streams":["news"]}`), 403, "scope"},
		{"a stream that isn't published to", "news", `{"value":1}`, withKey, 404, "stream"},
		{"no stream", "nothing", `{"value":1}`, withKey, 404, "stream"},
		{"a form", "orders", `value=1`, []string{"Authorization", "Bearer sluice_k", "Content-Type", "application/x-www-form-urlencoded"}, 415, "media-type"},
		{"a form without a key", "orders", `value=1`, []string{"Cookie", "session=x", "Content-Type", "application/x-www-form-urlencoded"}, 415, "media-type"},
		{"no JSON", "orders", `{`, withKey, 400, "publish"},
		{"a large body", "orders", `{"value":"` + strings.Repeat("x", 1000) + `"}`, withKey, 413, "too-large"},
	} {
		w := posting(f.Handler(), tt.stream, tt.body, tt.headers...)
		if w.Code != tt.status || problemOf(t, w) != tt.code {
			t.Errorf("%s: %d %s", tt.name, w.Code, w.Body)
		}
		if strings.Contains(w.Body.String(), "sluice_other") {
			t.Errorf("%s: the credential is in the answer", tt.name)
		}
	}
	for fault, want := range map[publish.Fault]string{
		publish.BadMessage: "400 publish ", publish.BadSchema: "422 schema ", publish.Unsupported: "415 media-type ", publish.TooLarge: "413 too-large ",
		publish.NotWritten: "503 not-written 2", publish.Unknown: "503 unconfirmed 2",
	} {
		p.fail(&publish.Error{Fault: fault, Detail: "why"})
		w := posting(f.Handler(), "orders", `{"value":1}`, withKey...)
		if got := fmt.Sprintf("%d %s %s", w.Code, problemOf(t, w), w.Header().Get("Retry-After")); got != want {
			t.Errorf("%d: %s, want %s", fault, got, want)
		}
	}
	if len(p.written) > 0 {
		t.Errorf("written: %q", p.written)
	}
}

// A page of another site can make a browser send a visitor's cookies.
func TestACookiePublishesOnlyForPagesThatMay(t *testing.T) {
	p := new(paper)
	f := newFixture(t, func(c *Config) {
		publishingOn(p)(c)
		c.Auth = cookieIdentity{}
		c.CORS = cors.Config{Origins: []string{"https://shop.example"}, Credentials: true}
	})
	for _, tt := range []struct {
		name    string
		headers []string
		want    string
	}{
		{"its own page", []string{"Origin", "http://example.com"}, "202"},
		{"its own page over TLS", []string{"Origin", "https://example.com", "Sec-Fetch-Site", "same-origin"}, "202"},
		{"an origin that is let in", []string{"Origin", "https://shop.example"}, "202"},
		{"no origin", nil, "403 cross-origin"},
		{"another origin", []string{"Origin", "https://evil.example"}, "403 cross-origin"},
		{"an opaque origin", []string{"Origin", "null"}, "403 cross-origin"},
		{"two origins", []string{"Origin", "http://example.com", "Origin", "https://evil.example"}, "403 cross-origin"},
		{"its own host by another scheme", []string{"Origin", "http://example.com", "Sec-Fetch-Site", "cross-site"}, "403 cross-origin"},
		{"a host that begins alike", []string{"Origin", "http://example.com.evil.example"}, "403 cross-origin"},
		{"a host that a stranger names", []string{"Origin", "https://evil.example", "X-Forwarded-Host", "evil.example"}, "403 cross-origin"},
		{"a CloudEvent", []string{"Origin", "http://example.com", "Content-Type", "application/cloudevents+json"}, "403 cross-origin"},
		{"a password of the browser's", []string{"Authorization", "Basic eDp5"}, "403 cross-origin"},
	} {
		headers := append([]string{"Cookie", "role=backend"}, tt.headers...)
		if !strings.Contains(strings.Join(headers, ","), "Content-Type") {
			headers = append(headers, "Content-Type", "application/json")
		}
		w := posting(f.Handler(), "orders", `{"value":1}`, headers...)
		got := fmt.Sprint(w.Code)
		if w.Code != http.StatusAccepted {
			got += " " + problemOf(t, w)
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	open := newFixture(t, func(c *Config) {
		publishingOn(p)(c)
		c.Auth, c.CORS = cookieIdentity{}, cors.Config{Origins: []string{"*"}}
	})
	if w := posting(open.Handler(), "orders", `{"value":1}`, "Cookie", "role=backend", "Origin", "https://any.example", "Content-Type", "application/json"); w.Code != http.StatusForbidden {
		t.Errorf("without cors.credentials: %d", w.Code)
	}
}

// cookieIdentity identifies a caller by the cookie role, or by any password.
type cookieIdentity struct{}

func (cookieIdentity) Authenticate(r *http.Request) (auth.Principal, error) {
	c, err := r.Cookie("role")
	if _, _, basic := r.BasicAuth(); err != nil && !basic {
		return auth.Principal{}, &auth.Error{Reason: auth.ReasonMissing, Detail: "No cookie.", Challenge: "Test"}
	}
	role := "backend"
	if c != nil {
		role = c.Value
	}
	return auth.Principal{User: "shop", Roles: []string{role}}, nil
}

// Tickets have no such rule: no cookie counts for them at all.
func TestNoCookieMakesATicket(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Auth, c.Tickets, c.APIKeys = cookieIdentity{}, newTickets(t), oneKey("sluice_k") })
	for _, path := range []string{"/tickets", "/revoke"} {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, path, strings.NewReader(`{"user":"alice"}`))
		for name, value := range map[string]string{"Cookie": "role=backend", "Origin": "http://example.com", "Content-Type": "application/json"} {
			r.Header.Set(name, value)
		}
		if f.Handler().ServeHTTP(w, r); w.Code != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

func TestPagesMayAskToPublish(t *testing.T) {
	f := newFixture(t, func(c *Config) {
		publishingOn(new(paper))(c)
		c.CORS = cors.Config{Origins: []string{"https://shop.example"}, Credentials: true}
	})
	for _, tt := range []struct{ path, origin, allowed string }{
		{"/publish/orders", "https://shop.example", "POST"},
		{"/publish/orders", "https://evil.example", ""},
		{"/tickets", "https://shop.example", ""},
	} {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodOptions, tt.path, nil)
		r.Header.Set("Origin", tt.origin)
		r.Header.Set("Access-Control-Request-Method", "POST")
		r.Header.Set("Access-Control-Request-Headers", "content-type,idempotency-key")
		f.Handler().ServeHTTP(w, r)
		if got := w.Header().Get("Access-Control-Allow-Methods"); got != tt.allowed {
			t.Errorf("%s for %s: %q", tt.path, tt.origin, got)
		}
	}
}

func TestPublishRate(t *testing.T) {
	f := newFixture(t, func(c *Config) {
		publishingOn(new(paper))(c)
		c.Publish.Rate = limit.Rate{N: 2, Per: time.Hour}
	})
	shop := []string{"Content-Type", "application/json", "X-Test", `{"User":"shop","Roles":["backend"]}`}
	for _, headers := range [][]string{withKey, shop} { // a user of the key's name is another caller
		for i, want := range []int{202, 202, 429} {
			w := posting(f.Handler(), "orders", `{"value":1}`, headers...)
			if w.Code != want || want == 429 && w.Header().Get("Retry-After") != "1800" {
				t.Errorf("%d: %d %v", i, w.Code, w.Header())
			}
		}
	}
	if n := f.metricOf("sluice_unavailable_total", limit.PublishRate); n != 2 {
		t.Errorf("counted %v", n)
	}
}

func TestAnIdempotencyKeyIsOneRecord(t *testing.T) {
	p := new(paper)
	f := newFixture(t, publishingOn(p))
	key := append([]string{"Idempotency-Key", "k-1"}, withKey...)
	for i, want := range []string{
		`{"id":"order-topic/3/0","topic":"order-topic","partition":3,"offset":0}`,
		`{"id":"order-topic/3/0","topic":"order-topic","partition":3,"offset":0,"repeated":true}`,
	} {
		if w := posting(f.Handler(), "orders", `{"value":1}`, key...); w.Code != 202 || strings.TrimSpace(w.Body.String()) != want {
			t.Errorf("%d: %d %s", i, w.Code, w.Body)
		}
	}
	if w := posting(f.Handler(), "orders", `{"value":2}`, key...); w.Code != 422 || problemOf(t, w) != "idempotency-key" {
		t.Errorf("another body: %d %s", w.Code, w.Body)
	}
	if len(p.written) != 1 || p.written[0].Headers[0] != (publish.Header{Name: "idempotency-key", Value: "k-1"}) {
		t.Errorf("%q", p.written)
	}
	p.fail(&publish.Error{Fault: publish.NotWritten, Detail: "why"})
	other := append([]string{"Idempotency-Key", "k-2"}, withKey...)
	if w := posting(f.Handler(), "orders", `{"value":1}`, other...); w.Code != 503 {
		t.Errorf("Kafka is away: %d", w.Code)
	}
	p.fail(nil)
	if w := posting(f.Handler(), "orders", `{"value":1}`, other...); w.Code != 202 || strings.Contains(w.Body.String(), "repeated") {
		t.Errorf("Kafka is back: %d %s", w.Code, w.Body)
	}
}

// A request that comes again while the first is on its way waits for the same record.
func TestARepeatWaitsForTheFirst(t *testing.T) {
	p := &paper{waiting: make(chan func(publish.Outcome), 2)}
	f := newFixture(t, func(c *Config) { publishingOn(p)(c); c.Publish.Wait = time.Minute })
	answers := make(chan *httptest.ResponseRecorder, 2)
	key := append([]string{"Idempotency-Key", "k-1"}, withKey...)
	ask := func() { answers <- posting(f.Handler(), "orders", `{"value":1}`, key...) }
	go ask()
	done := <-p.waiting
	go ask()
	if w := posting(f.Handler(), "orders", `{"value":2}`, key...); w.Code != 422 {
		t.Errorf("another body: %d", w.Code)
	}
	done(publish.Outcome{Partition: 1, Offset: 7})
	for range 2 {
		if w := <-answers; w.Code != 202 || !strings.Contains(w.Body.String(), `"offset":7`) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	if len(p.waiting) > 0 {
		t.Error("it was written twice")
	}
}

// A caller waits for Kafka no longer than it is told, and comes again to the same record.
func TestPublishWaitsAsLongAsItSays(t *testing.T) {
	t.Parallel()
	p := &paper{waiting: make(chan func(publish.Outcome), 1)}
	f := newFixture(t, func(c *Config) { publishingOn(p)(c); c.Publish.Wait = time.Millisecond })
	key := append([]string{"Idempotency-Key", "k-1"}, withKey...)
	w := posting(f.Handler(), "orders", `{"value":1}`, key...)
	if w.Code != 503 || problemOf(t, w) != "unconfirmed" || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	(<-p.waiting)(publish.Outcome{Offset: 7})
	if w := posting(f.Handler(), "orders", `{"value":1}`, key...); w.Code != 202 || !strings.Contains(w.Body.String(), `"offset":7,"repeated":true`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// rawPublish writes a request as it is, and returns the status line of the answer.
func rawPublish(t *testing.T, f *fixture, text string) string {
	t.Helper()
	conn, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// Bodies whose length isn't known before, and those that never come.
func TestBodiesThatDoNotSayHowLongTheyAre(t *testing.T) {
	f := begin(t, func(c *Config) { publishingOn(new(paper))(c); c.Publish.BodyTimeout = 50 * time.Millisecond })
	const head = "POST /publish/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sluice_k\r\nContent-Type: application/json\r\n"
	chunk := func(text string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(text), text) }
	const chunked = head + "Transfer-Encoding: chunked\r\n\r\n"
	for _, tt := range []struct{ name, text, want string }{
		{"in chunks", chunked + chunk(`{"value"`) + chunk(`:1}`) + "0\r\n\r\n", "HTTP/1.1 202 Accepted"},
		{"too many chunks", chunked + chunk(`{"value":"`+strings.Repeat("x", 600)) + chunk(strings.Repeat("x", 600)+`"}`) + "0\r\n\r\n", "HTTP/1.1 413 Request Entity Too Large"},
		{"too long by its length", head + "Content-Length: 1000000000\r\n\r\n", "HTTP/1.1 413 Request Entity Too Large"},
		{"slow", head + "Content-Length: 20\r\n\r\n{", "HTTP/1.1 408 Request Timeout"},
		{"slow chunks", chunked + chunk(`{`), "HTTP/1.1 408 Request Timeout"},
	} {
		if got := rawPublish(t, f, tt.text); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	if n := f.Server.publishing.budget.InUse(); n != 0 {
		t.Errorf("%d bytes are held", n)
	}
}
