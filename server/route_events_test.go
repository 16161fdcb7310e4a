package server

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"sluice/server/cors"
	"sluice/server/listen"
	"sluice/stream"
	"sluice/stream/ssetest"
)

func TestResume(t *testing.T) {
	f := begin(t, nil)
	first := f.get("/events?user=alice&stream=orders")
	start := first.want("sluice.hello", "*").ID
	f.order("alice", "1")
	one := first.want("message", "1").ID
	first.cancel()
	f.order("alice", "2")
	f.order("bob", "3")
	f.order("alice", "4")
	escaped := url.QueryEscape(start)
	for name, again := range map[string]*opened{
		"header":                f.get("/events?user=alice&stream=orders", "Last-Event-ID", one),
		"query":                 f.get("/events?user=alice&stream=orders&lastEventId=" + url.QueryEscape(one)),
		"header before query":   f.get("/events?user=alice&stream=orders&lastEventId="+escaped, "Last-Event-ID", one),
		"cursor before from":    f.get("/events?user=alice&stream=orders&from=last:3", "Last-Event-ID", one),
		"empty header is no id": f.get("/events?user=alice&stream=orders&lastEventId="+url.QueryEscape(one), "Last-Event-ID", ""),
	} {
		t.Run(name, func(t *testing.T) {
			hello := again.want("sluice.hello", `{"resume":"resumed","heartbeat":9000,"streams":["orders"]}`)
			if hello.ID != one {
				t.Errorf("hello's id is %s, want where it resumed, %s", hello.ID, one)
			}
			again.want("message", "2")
			again.want("message", "4")
		})
	}
}

func TestFromLast(t *testing.T) {
	f := begin(t, nil)
	for _, data := range []string{"1", "2", "3"} {
		f.order("alice", data)
	}
	s := f.get("/events?user=alice&from=last:2")
	s.want("sluice.hello", `{"resume":"replay","heartbeat":9000,"streams":["orders","news"]}`)
	s.want("message", "2")
	s.want("message", "3")
}

func TestStreamsAndSubject(t *testing.T) {
	f := begin(t, nil)
	both := f.get("/events?user=alice&stream=news&stream=orders")
	both.want("sluice.hello", `{"resume":"live","heartbeat":9000,"streams":["orders","news"]}`)
	only := f.get("/events?user=alice&stream=news")
	only.want("sluice.hello", "*")
	about := f.get("/events?user=alice&subject=o-2")
	about.want("sluice.hello", "*")

	f.publish(orders, stream.Event{Data: []byte("first"), Subject: []byte("o-1")}, "alice")
	f.publish(orders, stream.Event{Data: []byte("second"), Subject: []byte("o-2")}, "alice")
	f.publish(news, stream.Event{Name: "sale", Data: []byte("all"), Subject: []byte("o-2")})

	both.want("message", "first")
	both.want("message", "second")
	both.want("sale", "all")
	only.want("sale", "all")
	about.want("message", "second")
	about.want("sale", "all")
}

// TestStreamOfOthers: an answer that differed would tell which streams there are.
func TestStreamOfOthers(t *testing.T) {
	f := begin(t, nil)
	for _, query := range []string{"stream=payments", "stream=", "stream=orders,", "stream=ORDERS", "stream=orders%00", "stream=orders&stream=x"} {
		s := f.get("/events?user=alice&" + query)
		if body := s.body(); s.StatusCode != http.StatusForbidden || !strings.Contains(body, errNotYours.Error()) {
			t.Errorf("%s: %d %s", query, s.StatusCode, body)
		}
	}
}

func TestHostileParameters(t *testing.T) {
	f := begin(t, nil)
	for query, status := range map[string]int{
		"user=alice&subject=" + strings.Repeat("s", maxSubject+1):    400,
		"user=alice&subject=%ff":                                     400,
		"user=alice&from=" + strings.Repeat("9", 60_000)[:maxFrom+1]: 400,
		"user=alice&from=last:0":                                     400,
		"user=alice&from=last:-1":                                    400,
		"user=alice&from=since:now":                                  400,
		"user=alice&x=%zz":                                           401, // identity comes first, and can't be read either
		"user=" + strings.Repeat("u", 1025):                          401,
		"user=":                                                      401,
		"user=alice&x=" + strings.Repeat("x", listen.MaxHeaderBytes+64<<10): 431,
		"user=alice&lastEventId=" + strings.Repeat("x", 10_000):             200,
		"user=alice&lastEventId=orders@e:1~orders@e:1":                      200,
		"user=alice&lastEventId=orders@e:99999999999999999999999999999.1":   200,
	} {
		s := f.get("/events?" + query)
		if s.StatusCode != status {
			t.Errorf("%.60s: %d, want %d", query, s.StatusCode, status)
		}
		if status == 200 {
			s.want("sluice.reset", `{"reason":"invalid","partitions":[]}`)
			s.want("sluice.hello", "*")
		}
	}
}

// TestInjection sends CR, LF and NUL through every input: none of it may become a header
// line or a field.
func TestInjection(t *testing.T) {
	f := begin(t, func(c *Config) { c.CORS = cors.Config{Origins: []string{"https://shop.example"}} })
	evil := url.QueryEscape("x\r\nInjected: 1\r\n\r\ndata: injected\n\nid: injected\x00")
	for _, query := range []string{
		"user=" + evil,
		"user=alice&stream=" + evil,
		"user=alice&subject=" + evil,
		"user=alice&from=" + evil,
		"user=alice&lastEventId=" + evil,
		evil + "=" + evil,
	} {
		conn := f.raw("GET /events?" + query + " HTTP/1.0\n\n")
		conn.(*net.TCPConn).CloseWrite() // which ends the stream
		got, err := io.ReadAll(conn)
		if err != nil || len(got) == 0 {
			t.Fatalf("%s: %q, %v", query, got, err)
		}
		if strings.Contains(strings.ToLower(string(got)), "injected") {
			t.Errorf("%s: %s", query, got)
		}
	}
	for _, request := range []string{
		"GET /events?user=alice HTTP/1.1\nHost: x\nLast-Event-ID: a\rInjected: 1\n\n",
		"GET /events?user=alice HTTP/1.1\nHost: x\nOrigin: https://shop.example\x00\n\n",
		"GET /events?user=al\rice HTTP/1.1\nHost: x\n\n",
	} {
		conn := f.raw(request)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 400 || resp.Header.Get("Injected") != "" {
			t.Errorf("%q: %d %v", request, resp.StatusCode, resp.Header)
		}
	}
}

// TestHTTP2 reads a stream past several write deadlines: HTTP/2's would reset the stream
// if they stood while nothing is written.
func TestHTTP2(t *testing.T) {
	t.Parallel()
	f := begin(t, func(c *Config) {
		c.WriteTimeout = time.Second // a busy machine writes within that
		c.Heartbeat = 1200 * time.Millisecond
	})
	secure := httptest.NewUnstartedServer(nil)
	secure.Config = listen.NewHTTP(f.Handler(), f.cfg.Logger)
	secure.TLS = &tls.Config{NextProtos: []string{"h2"}}
	secure.EnableHTTP2 = true
	secure.StartTLS()
	t.Cleanup(secure.Close)

	clear := new(http.Protocols)
	clear.SetUnencryptedHTTP2(true)
	plain := &http.Client{Transport: &http.Transport{Protocols: clear}}
	t.Cleanup(plain.CloseIdleConnections)
	for name, s := range map[string]*opened{
		"h2c": f.getBy(plain, f.url+"/events?user=h2c"),
		"tls": f.getBy(secure.Client(), secure.URL+"/events?user=tls"),
	} {
		if s.ProtoMajor != 2 || s.Header.Get("Connection") != "" {
			t.Fatalf("%s: %s %v", name, s.Proto, s.Header)
		}
		hello := s.want("sluice.hello", "*")
		for range 3 {
			if e := s.want("sluice.heartbeat", "*"); !e.HasID || e.ID < hello.ID {
				t.Errorf("%s: heartbeat's id is %q", name, e.ID)
			}
		}
		f.order(name, "1")
		for e := (ssetest.Event{}); e.Data != "1"; {
			var err error
			if e, err = s.events.Next(); err != nil {
				t.Fatal(name, err)
			}
		}
		s.cancel()
	}
	eventually(t, "both are gone", f.empty)
}

func TestClientGone(t *testing.T) {
	f := begin(t, nil)
	for range 20 {
		s := f.get("/events?user=alice")
		s.want("sluice.hello", "*")
		s.cancel()
	}
	eventually(t, "all are gone", f.empty)
	if n := f.closings(gone); n != 20 {
		t.Errorf("%v closed as gone, want 20", n)
	}
}

// TestSlowClient: one that takes nothing is closed by the write deadline, and costs
// another nothing.
func TestSlowClient(t *testing.T) {
	f := begin(t, func(c *Config) { c.WriteTimeout = 50 * time.Millisecond })
	stuck := f.raw("GET /events?user=alice HTTP/1.1\nHost: x\n\n")
	readThrough(t, stuck, new(strings.Builder), "sluice.hello\ndata: ", "\n\n")
	other := f.get("/events?user=bob")
	other.want("sluice.hello", "*")
	large := strings.Repeat("x", 1<<20)
	for f.closings(slow) == 0 {
		f.order("alice", large)
		f.order("bob", "small")
		other.want("message", "small")
	}
	eventually(t, "only bob is left", func() bool { f.gate.mu.Lock(); defer f.gate.mu.Unlock(); return f.gate.inside == 1 })
}

// TestBodyRefused: nobody reads a body, so the answer doesn't wait for its end.
func TestBodyRefused(t *testing.T) {
	if everythingOnGoroutines {
		t.Skip("a request with a body is never held")
	}
	t.Parallel()
	f := begin(t, nil)
	conn := f.raw("GET /events?user=alice HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 400 {
		t.Errorf("%d %s %v", resp.StatusCode, body, err)
	}
}

func TestDrain(t *testing.T) {
	f := begin(t, func(c *Config) { c.DrainSpread = 20 * time.Millisecond })
	var streams []*opened
	for range 10 {
		s := f.get("/events?user=alice")
		s.want("sluice.hello", "*")
		streams = append(streams, s)
	}
	if err := f.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, s := range streams {
		e := s.want("sluice.closing", `{"reason":"draining","retry_ms":1500}`)
		if retry, ok := s.events.Retry(); e.ID == "" || !ok || retry != 1500*time.Millisecond {
			t.Errorf("id %q, retry %v", e.ID, retry)
		}
		s.wantEnd()
	}
	late := f.get("/events?user=alice", "Accept", "text/html, Text/Event-Stream;q=0.5")
	late.want("sluice.unavailable", `{"reason":"draining","retry_ms":1500}`)
	late.wantEnd()
	if refused := f.get("/events?user=alice", "Accept", "*/*"); refused.StatusCode != 503 || refused.Header.Get("Retry-After") != "2" {
		t.Errorf("%d %v", refused.StatusCode, refused.Header)
	}
	if n := f.closings(draining); n != 10 {
		t.Errorf("%v closed as draining, want 10", n)
	}
}

// TestDrainGivenUp: Close ends at once what Drain would have spread over an hour.
func TestDrainGivenUp(t *testing.T) {
	f := begin(t, func(c *Config) { c.DrainSpread = time.Hour })
	s := f.get("/events?user=alice")
	s.want("sluice.hello", "*")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Drain(ctx); err != context.Canceled {
		t.Fatalf("Drain = %v", err)
	}
	f.Close()
	s.want("sluice.closing", "*")
	s.wantEnd()
}

// TestOpenWaitsForKafka: history that doesn't answer within OpenTimeout is Kafka being
// away.
func TestOpenWaitsForKafka(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.OpenTimeout = 10 * time.Millisecond })
	f.hub.SetHistory(silent{})
	f.warm()
	l, err := listen.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.serve(l)
	s := f.get("/events?user=alice&from=earliest", "Accept", "text/event-stream")
	s.want("sluice.unavailable", `{"reason":"kafka","retry_ms":1500}`)
	s.wantEnd()
	eventually(t, "nothing is left", f.empty)
}

// silent is a Kafka that answers nothing.
type silent struct{}

func (silent) Bounds(ctx context.Context, _ int) (stream.Bounds, error) {
	<-ctx.Done()
	return stream.Bounds{}, ctx.Err()
}

func (silent) OffsetsAt(ctx context.Context, _ int, _ int64) ([]int64, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (silent) Read(ctx context.Context, _ int, _ string, _, _ []int64, _ func(stream.HistoryRun) error) error {
	<-ctx.Done()
	return ctx.Err()
}
