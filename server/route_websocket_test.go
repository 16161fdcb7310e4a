package server

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"sluice/server/ws"
	"sluice/stream"
)

// message is one of a WebSocket's.
type message struct {
	ID, Stream, Event string
	Data              json.RawMessage
	Text              *string
}

// socketClient is another's client of a WebSocket.
type socketClient struct {
	t testing.TB
	*websocket.Conn
}

// connect opens a WebSocket. headers are pairs.
func (f *fixture) connect(path string, headers ...string) *socketClient {
	f.t.Helper()
	c, r, err := f.dial(path, headers...)
	if err != nil {
		f.t.Fatalf("%s: %v, %v", path, r, err)
	}
	return c
}

func (f *fixture) dial(path string, headers ...string) (*socketClient, *http.Response, error) {
	o := &websocket.DialOptions{HTTPHeader: http.Header{}}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Sec-WebSocket-Protocol" {
			o.Subprotocols = strings.Split(headers[i+1], ", ")
			continue
		}
		o.HTTPHeader.Add(headers[i], headers[i+1])
	}
	conn, r, err := websocket.Dial(f.t.Context(), f.url+path, o)
	if err != nil {
		return nil, r, err
	}
	conn.SetReadLimit(-1)
	f.t.Cleanup(func() { conn.CloseNow() })
	return &socketClient{f.t, conn}, r, nil
}

// next reads one message.
func (c *socketClient) next() message {
	c.t.Helper()
	kind, text, err := c.Read(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	var m message
	if err := json.Unmarshal(text, &m); err != nil || kind != websocket.MessageText {
		c.t.Fatalf("%s: %v", text, err)
	}
	return m
}

// want reads one message and compares its event and data; * is any data.
func (c *socketClient) want(event, data string) message {
	c.t.Helper()
	m := c.next()
	if m.Event != event || data != "*" && string(m.Data) != data {
		c.t.Fatalf("got %s %s, want %s %s", m.Event, m.Data, event, data)
	}
	return m
}

// wantClose reads the close frame.
func (c *socketClient) wantClose(code websocket.StatusCode, reason string) {
	c.t.Helper()
	_, text, err := c.Read(c.t.Context())
	var closed websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != code || closed.Reason != reason {
		c.t.Fatalf("got %s, %v; want %d %s", text, err, code, reason)
	}
}

// drainSoon drains in the background; the caller waits for it by what is returned.
func (f *fixture) drainSoon() (wait func()) {
	done := make(chan error, 1)
	go func() { done <- f.Drain(f.t.Context()) }()
	eventually(f.t, "it drains", f.gate.isShut)
	return func() {
		if err := <-done; err != nil {
			f.t.Error(err)
		}
	}
}

func (c *socketClient) say(text string) {
	c.t.Helper()
	if err := c.Write(c.t.Context(), websocket.MessageText, []byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

func TestWebSocketIsTheSameStream(t *testing.T) {
	f := begin(t, nil)
	a, b := f.connect("/ws?user=alice"), f.get("/events?user=alice")
	hello := b.want("sluice.hello", "*")
	if m := a.want("sluice.hello", hello.Data); m.ID != hello.ID {
		t.Errorf("hello at %s and %s", m.ID, hello.ID)
	}
	if f.held != nil && f.Held() != 2 {
		t.Errorf("%d connections are held", f.Held())
	}
	for i, e := range []struct {
		to         int
		name, data string
		want       string // what stands under data; else it is text
	}{
		{orders, "order.confirmed", `{"orderId":"o-77"}`, `{"orderId":"o-77"}`},
		{orders, "", `1.50`, `1.50`},
		{news, "sale", "{\n \"a\": 1\n}", `{"a":1}`},
		{news, "a \"name\"", `"hello"`, `"hello"`},
		{orders, "", "hello <é>\nworld", ""},
		{orders, "", "", ""},
		{news, "large", `"` + strings.Repeat("x", 100_000) + `"`, `"` + strings.Repeat("x", 100_000) + `"`},
	} {
		f.about(e.to, i, "s", e.name, e.data, "alice")
		got, want := a.next(), b.want(cmp.Or(e.name, "message"), e.data)
		if got.ID != want.ID || got.Event != e.name || got.Stream != []string{"orders", "news"}[e.to] {
			t.Errorf("%s %s of %s; want %s %s", got.ID, got.Event, got.Stream, want.ID, e.name)
		}
		if e.want != "" && compact(t, got.Data) != e.want || e.want == "" && (got.Text == nil || *got.Text != e.data || got.Data != nil) {
			t.Errorf("%q is %.50s, %v", e.data, got.Data, got.Text)
		}
	}
	if n := f.metrics().Where("sluice_connections_by_carrier", "carrier", "websocket").One("sluice_connections_by_carrier"); n != 1 {
		t.Errorf("%v WebSockets are open", n)
	}
	a.Close(websocket.StatusNormalClosure, "")
	eventually(t, "it has gone", func() bool { return f.closings(gone) == 1 })
}

func compact(t *testing.T, data []byte) string {
	var text bytes.Buffer
	if err := json.Compact(&text, data); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	return text.String()
}

// A client goes from one transport to another with its last id, and misses nothing.
func TestRoaming(t *testing.T) {
	f := begin(t, nil)
	f.order("alice", "0")
	id := f.readState("/state?user=alice&stream=orders").Cursor
	for n := 1; n < 13; n++ {
		f.order("alice", fmt.Sprint(n))
		f.order("bob", "not hers")
		at := "&stream=orders&lastEventId=" + url.QueryEscape(id)
		switch n % 3 {
		case 0:
			c := f.connect("/ws?user=alice" + at)
			c.want("sluice.hello", "*")
			m := c.want("", fmt.Sprint(n))
			id = m.ID
			c.CloseNow()
		case 1:
			s := f.get("/events?user=alice" + at)
			s.want("sluice.hello", "*")
			id = s.want("message", fmt.Sprint(n)).ID
		case 2:
			page := f.readState("/state?user=alice&stream=orders&cursor=" + url.QueryEscape(id))
			if got := page.data(); len(got) != 1 || got[0] != fmt.Sprint(n) {
				t.Fatalf("%d: the poll got %q", n, got)
			}
			id = page.Cursor
		}
	}
}

func TestWebSocketSnapshot(t *testing.T) {
	f := begin(t, nil)
	f.about(orders, 1, "o-1", "order.placed", `{"n":1}`, "alice")
	f.about(news, 2, "n-1", "", `not JSON`)
	c := f.connect("/ws?user=alice&snapshot=1")
	if m := c.want("sluice.snapshot", "*"); m.ID != "" {
		t.Errorf("there is no position yet: %s", m.ID)
	}
	first, second := c.next(), c.next()
	if first.Stream != "orders" || first.ID != "" || string(first.Data) != `{"n":1}` || second.Stream != "news" || *second.Text != "not JSON" {
		t.Errorf("%+v %+v", first, second)
	}
	if m := c.want("sluice.hello", "*"); m.ID == "" {
		t.Error("hello has the position of the state")
	}
}

func TestPingPong(t *testing.T) {
	f := begin(t, nil)
	c := f.connect("/ws?user=alice")
	c.want("sluice.hello", "*")
	c.say("hello") // is ignored
	c.say(`{"else":1}`)
	c.say("ping")
	if _, text, err := c.Read(t.Context()); string(text) != "pong" || err != nil {
		t.Errorf("%s %v", text, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ctx = c.CloseRead(ctx)
	if err := c.Ping(ctx); err != nil {
		t.Error(err)
	}
}

// A change of the filter is answered by its first id. A reconnect goes on there.
func TestFollow(t *testing.T) {
	f := begin(t, nil)
	c := f.connect("/ws?user=alice&stream=orders")
	c.want("sluice.hello", `{"resume":"live","heartbeat":9000,"streams":["orders"]}`)
	f.about(orders, 1, "o-1", "", "1", "alice")
	c.want("", "1")
	c.say(`{"follow":{"subjects":["o-2","o-1"],"events":["message"]}}`)
	hello := c.want("sluice.hello", `{"resume":"live","heartbeat":9000,"streams":["orders"]}`)
	f.about(orders, 2, "o-3", "", "2", "alice")
	f.about(orders, 3, "o-1", "order.placed", "3", "alice")
	f.about(orders, 4, "o-2", "", "4", "alice")
	c.want("", "4")
	again := f.connect("/ws?user=alice&stream=orders&subject=o-1&subject=o-2&event=message&lastEventId=" + url.QueryEscape(hello.ID))
	again.want("sluice.hello", `{"resume":"resumed","heartbeat":9000,"streams":["orders"]}`)
	again.want("", "4")
	c.say(`{"follow":{}}`)
	c.want("sluice.hello", "*")
	f.about(orders, 5, "o-9", "x", "5", "alice")
	c.want("x", "5")
}

// What a client does wrong ends its connection, and says why.
func TestClientFaults(t *testing.T) {
	f, key := backend(t)
	ticket := f.ticket(key, `{"stream":"orders","subject":"o-77","ttl":"10m"}`).Ticket
	fifty1, _ := json.Marshal(map[string]any{"follow": map[string]any{"subjects": strings.Split(strings.Repeat("x,", 51), ",")[:51]}})
	var many []string
	for i := range 51 {
		many = append(many, fmt.Sprint("s", i))
	}
	tooMany, _ := json.Marshal(map[string]any{"follow": map[string]any{"subjects": many}})
	for _, tt := range []struct {
		name   string
		do     func(c *socketClient)
		code   websocket.StatusCode
		reason string
	}{
		{"binary", func(c *socketClient) { c.Write(t.Context(), websocket.MessageBinary, []byte("x")) }, 1003, "messages are text"},
		{"not UTF-8", func(c *socketClient) { c.say("\xff") }, 1007, "a text is not UTF-8"},
		{"too large", func(c *socketClient) { c.say(strings.Repeat("x", maxClientMessage+1)) }, 1009, "a message is too long"},
		{"too many", func(c *socketClient) {
			for range clientMessages.N + 2 {
				c.Write(t.Context(), websocket.MessageText, []byte("x"))
			}
		}, 1008, "too many messages"},
		{"51 subjects", func(c *socketClient) { c.say(string(tooMany)) }, 1008, "The subject parameter has 51 values. It may have at most 50."},
		{"another subject", func(c *socketClient) { c.say(`{"follow":{"subjects":["o-77","o-78"]}}`) }, 4403, "subject"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := f.connect("/ws?ticket=" + ticket)
			c.want("sluice.hello", "*")
			c.say(`{"follow":{"subjects":["o-77"]}}`)
			c.want("sluice.hello", "*")
			tt.do(c)
			c.wantClose(tt.code, tt.reason)
		})
	}
	c := f.connect("/ws?ticket=" + ticket) // the same subject 51 times is one
	c.want("sluice.hello", "*")
	c.say(strings.ReplaceAll(string(fifty1), `"x"`, `"o-77"`))
	c.want("sluice.hello", "*")
	eventually(t, "nothing is left of the others", func() bool { return f.metric("sluice_connections") == 1 })
}

// The end of a stream is said by sluice.closing and by the close code.
func TestCloseCodes(t *testing.T) {
	f := begin(t, nil)
	c := f.connect("/ws?user=alice")
	c.want("sluice.hello", "*")
	f.hub.EndUser("alice")
	c.want("sluice.closing", `{"reason":"revoked","retry_ms":1500}`)
	c.wantClose(4401, "revoked")

	d := f.connect("/ws?user=bob")
	d.want("sluice.hello", "*")
	f.hub.VisitSubscribers("bob", -1, 0, func(s stream.Subscriber) bool { return !f.hub.Sub(s.Key).Dismiss() })
	d.want("sluice.closing", `{"reason":"operator","retry_ms":1500}`)
	d.wantClose(1012, "operator")

	e := f.connect("/ws?user=carol")
	e.want("sluice.hello", "*")
	defer f.drainSoon()()
	e.want("sluice.closing", `{"reason":"draining","retry_ms":1500}`)
	e.wantClose(1012, "draining")

	want := map[reason]string{
		gone: "1013", slow: "4408", lagged: "4408", kafka: "1013", expiring: "4401", maxAge: "1001", draining: "1012",
		revoked: "4401", dismissed: "1012", withdrawn: "1013", reload: "1012", evicted: "4429",
	}
	for why := range reasons {
		if got := fmt.Sprint(why.closeCode()); got != want[why] {
			t.Errorf("%s: %s", why, got)
		}
	}
	eventually(t, "nothing is left", f.empty)
}

// A client that takes nothing is closed, and costs nothing but its place in the log.
func TestSlowWebSocket(t *testing.T) {
	f := begin(t, func(c *Config) { c.WriteTimeout = 200 * time.Millisecond })
	conn := f.raw("GET /ws?user=alice HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n\n")
	if err := conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is open", func() bool { return f.hub.Subscribers() == 1 })
	for range 200 {
		f.order("alice", `"`+strings.Repeat("x", 100<<10)+`"`)
	}
	eventually(t, "it is closed", func() bool { return f.closings(slow) == 1 })
	eventually(t, "nothing is left", f.empty)
}

// What waits to be answered is bounded.
func TestFollowsAreBounded(t *testing.T) {
	c := new(conversation)
	follow := []byte(`{"follow":{"subjects":["o-1"]}}`)
	for range maxFollows {
		if err := c.take(ws.Text, follow); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.take(ws.Text, follow); err == nil {
		t.Error("no bound")
	}
}
