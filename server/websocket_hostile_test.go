package server

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"sluice/server/auth"
	"sluice/server/cors"
	"sluice/server/limit"
	"sluice/stream"
)

// A token in base64url may hold what no header may. It is refused as no token, and the
// app is not asked with it: questions that can't be asked would have it left alone.
func TestATokenThatNoHeaderMayHave(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"id":%q}`, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	}))
	defer app.Close()
	forward, err := auth.NewForward(auth.ForwardConfig{URL: app.URL, User: "id", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer forward.Close()
	f := begin(t, func(c *Config) { c.Auth = forward })
	offer := func(token string) []string {
		return []string{"Sec-WebSocket-Protocol", "sluice.v1, sluice.bearer64." + base64.RawURLEncoding.EncodeToString([]byte(token))}
	}
	for i, token := range []string{"a\r\nX-Evil: 1", "a\nb", "a\x00", "\x7f", "a\r", "\n"} {
		for n := range 4 {
			_, r, err := f.dial("/ws", offer(fmt.Sprint(i, n, token))...)
			if err == nil || r.StatusCode != http.StatusUnauthorized || r.Header.Get("WWW-Authenticate") == "" {
				t.Errorf("%q: %v", token, r)
			}
		}
	}
	page := f.connect("/ws", append(offer("a\nb"), "Origin", "http://"+f.addr)...)
	page.want("sluice.unavailable", `{"reason":"identity-malformed","retry_ms":1500}`)
	page.wantClose(4401, "identity-malformed")
	if n := f.metricOf("sluice_auth_failures_total", "malformed"); n != 25 {
		t.Errorf("%v failures are counted", n)
	}
	for _, token := range []string{"alice", "ünïcode and spaces", `not/of+a="token"`} {
		c := f.connect("/ws?stream=orders", offer(token)...)
		c.want("sluice.hello", "*")
		f.order(token, "1")
		c.want("", "1")
	}
}

// Origins that look like the own host, or like an allowed one, are neither.
func TestOriginsThatLookAlike(t *testing.T) {
	f := begin(t, func(c *Config) {
		c.CORS = cors.Config{Origins: []string{"https://shop.example"}, Credentials: true}
	})
	port := f.addr[strings.LastIndexByte(f.addr, ':'):]
	for _, origin := range []string{
		"https://shop.example.", "https://SHOP.example.evil.example", "https://shop.example:8443", "https://shop.example@evil.example",
		"http://shop.example", "https://shop.example/", "https://shop.example https://evil.example", "https://evil.example/https://shop.example",
		"http://" + f.addr + ".evil.example", "http://" + f.addr + "@evil.example", "http://evil.example/" + f.addr, "http://evil.example#" + f.addr,
		"http://localhost" + port, "http://127.0.0.1", "http://127.0.0.1" + port + "0", "http://[::1]" + port, f.addr, "//" + "evil.example", "file://", "null", "data:", "http://",
	} {
		if _, r, err := f.dial("/ws?user=alice", "Origin", origin); err == nil || r.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %v", origin, r)
		}
	}
}

// What a client may send at most is taken. One more is not.
func TestTheBoundsOfAMessage(t *testing.T) {
	f := begin(t, nil)
	c := f.connect("/ws?user=alice")
	c.want("sluice.hello", "*")
	follow := `{"follow":{"subjects":["o-1"]},"padding":"` // unknown keys are ignored
	follow += strings.Repeat("x", maxClientMessage-len(follow)-2) + `"}`
	c.say(follow)
	c.want("sluice.hello", "*")
	c.say(follow + " ")
	c.wantClose(1009, "a message is too long")

	pieces := func(n int) *socketClient {
		c := f.connect("/ws?user=alice")
		c.want("sluice.hello", "*")
		w, err := c.Writer(t.Context(), websocket.MessageText)
		if err != nil {
			t.Fatal(err)
		}
		text := []byte(`{"follow":{"subjects":["o-1"]}}` + strings.Repeat(" ", maxFragments))
		for range n - 2 { // Close writes a last, empty one
			w.Write(text[:1])
			text = text[1:]
		}
		w.Write(text)
		w.Close()
		return c
	}
	pieces(maxFragments).want("sluice.hello", "*")
	pieces(maxFragments+1).wantClose(1008, "a message has too many fragments")
}

// event narrows what follows, and never a snapshot. A follow that comes while the
// snapshot is being sent waits for its end.
func TestFollowDuringASnapshot(t *testing.T) {
	f := begin(t, nil)
	for n := range 5 {
		f.about(orders, n, fmt.Sprint("o-", n), "order.placed", fmt.Sprint(n), "alice")
	}
	c := f.connect("/ws?user=alice&stream=orders&snapshot=1&event=order.shipped")
	c.say(`{"follow":{"subjects":["o-1"],"events":["order.packed"]}}`)
	c.want("sluice.snapshot", `{"since":null,"complete":true,"subjects":5}`)
	for n := range 5 {
		c.want("order.placed", fmt.Sprint(n))
	}
	c.want("sluice.hello", `{"resume":"snapshot","heartbeat":9000,"streams":["orders"]}`)
	c.want("sluice.hello", `{"resume":"live","heartbeat":9000,"streams":["orders"]}`)
	f.about(orders, 5, "o-1", "order.shipped", "5", "alice")
	f.about(orders, 6, "o-2", "order.packed", "6", "alice")
	f.about(orders, 7, "o-1", "order.packed", "7", "alice")
	c.want("order.packed", "7")
}

// Fifty subjects on one connection are changed again and again while events are written.
// Now and then the client comes back with its newest id and its filter. It is sent what a
// plain list says.
func TestFollowUnderWrites(t *testing.T) {
	every := clientMessages
	clientMessages = limit.Rate{N: 1 << 20, Per: every.Per}
	t.Cleanup(func() { clientMessages = every })
	const changes = 1000
	f := begin(t, nil)
	var subjects []string // all that has been written
	written, more := make(chan struct{}), make(chan struct{}, changes)
	go func() {
		defer close(written)
		random := rand.New(rand.NewPCG(1, 2))
		for range more {
			for range 40 {
				subjects = append(subjects, fmt.Sprint("s", random.IntN(200)))
				f.publish(orders, stream.Event{Subject: []byte(subjects[len(subjects)-1]), Data: strconv.AppendInt(nil, int64(len(subjects)-1), 10)}, "alice")
			}
		}
	}()
	random := rand.New(rand.NewPCG(3, 4))
	fifty := func() (subjects []string) {
		for _, n := range random.Perm(200)[:50] {
			subjects = append(subjects, fmt.Sprint("s", n))
		}
		return subjects
	}
	type period struct {
		from    int64
		follows []string
	}
	var periods []period
	var got []int64
	var id string
	read := func(c *socketClient) (hello bool) {
		m := c.next()
		if m.ID != "" {
			id = m.ID
		}
		if m.Event != "" {
			if m.Event != "sluice.hello" && m.Event != "sluice.heartbeat" {
				t.Fatalf("%s %s", m.Event, m.Data)
			}
			return m.Event == "sluice.hello"
		}
		n, err := strconv.ParseInt(string(m.Data), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, n)
		return false
	}
	offset := func() int64 {
		t.Helper()
		_, text, _ := strings.Cut(id, ":")
		text, _, _ = strings.Cut(text, "*") // the filter's hash
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		return n
	}
	follows := fifty()
	open := func() *socketClient {
		c := f.connect("/ws?user=alice&stream=orders&lastEventId=" + url.QueryEscape(id) + "&" + url.Values{"subject": follows}.Encode())
		for !read(c) {
		}
		return c
	}
	c := open()
	periods = append(periods, period{offset(), follows})
	for range changes {
		more <- struct{}{}
		if random.IntN(8) == 0 {
			c.CloseNow()
			c = open()
		}
		follows = fifty()
		text, err := json.Marshal(map[string]any{"follow": map[string]any{"subjects": follows}})
		if err != nil {
			t.Fatal(err)
		}
		c.say(string(text))
		for !read(c) {
		}
		periods = append(periods, period{offset(), follows})
	}
	close(more)
	<-written
	periods = append(periods, period{from: int64(len(subjects))})
	var want []int64
	for i, p := range periods[:len(periods)-1] {
		for at := p.from; at < periods[i+1].from; at++ {
			if slices.Contains(p.follows, subjects[at]) {
				want = append(want, at)
			}
		}
	}
	for len(got) < len(want) {
		read(c)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d events came, %d are due", len(got), len(want))
	}
}
