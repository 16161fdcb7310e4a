package server

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sluice/server/auth"
)

// Envoy, Linkerd and others write Transfer-Encoding: chunked into a GET without a body.
func TestAGETWithAnEmptyChunkedBodyIsOneWithoutABody(t *testing.T) {
	for _, goroutines := range []bool{false, true} {
		f := begin(t, func(c *Config) { c.Goroutines = c.Goroutines || goroutines })
		for request, want := range map[string]string{
			"GET /events?user=alice HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n0\n\n":                       "200 OK",
			"GET /events?user=alice HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\nTrailer: X-A\n\n0\nX-A: 1\n\n": "200 OK",
			"HEAD /events?user=alice HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\nConnection: close\n\n0\n\n":   "200 OK",
			"GET /state?user=alice HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\nConnection: close\n\n0\n\n":     "200 OK",
			"GET /events?user=alice HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n2\nhi\n0\n\n":                "400 Bad Request",
			"GET /events?user=alice HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\nzz\n":                        "400 Bad Request",
			"POST /events?user=alice HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n0\n\n":                      "405 Method Not Allowed",
			"GET /events?user=alice HTTP/1.1\nHost: x\nContent-Length: 0\n\n":                                     "200 OK",
		} {
			status, err := bufio.NewReader(f.raw(request)).ReadString('\n')
			if err != nil || strings.TrimSpace(status) != "HTTP/1.1 "+want {
				t.Errorf("%q: %q, %v; want %s", request, status, err, want)
			}
		}
	}
}

// The stream goes on as any other, and the connection has no deadline left.
func TestAStreamAfterAnEmptyChunkedBodyLives(t *testing.T) {
	f := begin(t, nil)
	conn := f.raw("GET /events?user=alice HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n0\n\n")
	got := new(strings.Builder)
	readThrough(t, conn, got, "sluice.hello\ndata: ", "\n\n")
	f.order("alice", "1")
	readThrough(t, conn, got, "data: 1", "\n\n")
	conn.Close()
	eventually(t, "it is noticed that the client has gone", f.empty)
}

// OverHTTP/2 the end of a request can come in a separate frame.
func TestAGETOverHTTP2ThatEndsInAFrameOfItsOwnIsOneWithoutABody(t *testing.T) {
	f := begin(t, nil)
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	client := &http.Client{Transport: &http.Transport{Protocols: protocols}}
	defer client.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+"/events?user=alice", io.MultiReader(strings.NewReader("")))
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = -1
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.ProtoMajor != 2 {
		t.Errorf("%s %s", resp.Proto, resp.Status)
	}
}

func TestAStreamIsFoundHoweverItsPathIsWritten(t *testing.T) {
	f := begin(t, func(c *Config) {
		c.APIKeys = oneKey(apiKey)
		c.Page = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "the page") })
	})
	for target, want := range map[string]string{
		"GET /events?user=a": "200", "GET /events/?user=a": "200", "GET //events?user=a": "200", "GET /%65vents?user=a": "200",
		"GET //%65vents//?user=a": "200", "GET ///state/?user=a": "200", "GET /.well-known//sluice": "200", "GET /%6fpenapi.json/": "200",
		"POST //events": "405", "POST //revoke": "405", "POST /revoke/": "405", "POST /revoke": "401", "GET /events/x?user=a": "the page",
		"GET /docs/": "Documentation", "GET /eventss?user=a": "the page",
	} {
		method, path, _ := strings.Cut(target, " ")
		conn := f.raw(method + " " + path + " HTTP/1.1\nHost: x\nContent-Length: 0\nConnection: close\n\n")
		answer := bufio.NewReader(conn)
		resp, err := http.ReadResponse(answer, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscanf(want, "%d", new(int)); err == nil {
			if got := fmt.Sprint(resp.StatusCode); got != want {
				t.Errorf("%s: %s, want %s", target, got, want)
			}
			if resp.StatusCode == 405 && path == "//events" && resp.Header.Get("Allow") != "GET, HEAD, OPTIONS" {
				t.Errorf("%s: Allow %q", target, resp.Header.Get("Allow"))
			}
			continue
		}
		if want == "the page" {
			if body, _ := io.ReadAll(resp.Body); string(body) != want {
				t.Errorf("%s: %d %s", target, resp.StatusCode, body)
			}
		}
	}
}

// A proxy may drop Accept, or write */*. An EventSource that was told an error would
// never come back.
func TestAnEventSourceWhoseAcceptIsLostIsToldToWaitInAStream(t *testing.T) {
	f := newFixture(t, nil) // not warm: all have to wait
	for _, tt := range []struct {
		path    string
		headers []string
		stream  bool
	}{
		{"/events", []string{"Accept", "text/event-stream"}, true},
		{"/events", nil, false},
		{"/events", []string{"Accept", "*/*"}, false},
		{"/events", []string{"Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty", "Sec-Fetch-Site", "same-origin"}, true},
		{"/events", []string{"Accept", "*/*", "Sec-Fetch-Mode", "cors"}, true},
		{"//events/", []string{"Accept", "*/*", "Sec-Fetch-Mode", "cors"}, true},
		{"/events", []string{"Accept", "*/*;q=0.8", "Last-Event-ID", "orders@e:1"}, true},
		{"/events?lastEventId=orders@e:1", []string{"Accept", "*/*"}, false},
		{"/events", []string{"Accept", "application/json", "Sec-Fetch-Mode", "cors", "Last-Event-ID", "orders@e:1"}, false},
		{"/events", []string{"Accept", "text/html, */*", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, false},
		{"/events", []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, false},
		{"/state", []string{"Accept", "*/*", "Sec-Fetch-Mode", "cors"}, false},
		{"/state?cursor=orders@e:1", []string{"Accept", "*/*", "Sec-Fetch-Mode", "cors", "Last-Event-ID", "x"}, false},
		{"/state", []string{"Accept", "text/event-stream"}, true},
	} {
		sep := "?"
		if strings.Contains(tt.path, "?") {
			sep = "&"
		}
		w := inquire(f.Handler(), tt.path+sep+"user=alice", tt.headers...)
		if stream := w.Code == 200 && strings.HasPrefix(w.Body.String(), "retry: "); stream != tt.stream || !stream && w.Code != 503 {
			t.Errorf("%s %q: %d %s", tt.path, tt.headers, w.Code, w.Body)
		}
	}
}

// An image of another site's page brings the visitor's cookies along.
func TestWhatAnotherSiteEmbedsUsesUpNoStream(t *testing.T) {
	f := begin(t, func(c *Config) { c.Limits.PerUser = 1 })
	for _, path := range []string{"/events", "/state"} {
		for _, tt := range []struct {
			headers []string
			refused bool
		}{
			{[]string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"}, true},
			{[]string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "script"}, true},
			{[]string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, true},
			{[]string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "object"}, true},
			{[]string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Purpose", "prefetch;prerender"}, true},
			{[]string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "websocket"}, true},
			{[]string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"}, false},
			{[]string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"}, false},
			{[]string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, false},
			{[]string{"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"}, false},
			{[]string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, false},
			{nil, false},
		} {
			s := f.get(path+"?user=alice", tt.headers...)
			if (s.StatusCode == http.StatusForbidden) != tt.refused || !tt.refused && s.StatusCode != http.StatusOK {
				t.Errorf("%s %q: %d", path, tt.headers, s.StatusCode)
			}
			s.cancel()
			eventually(t, "the stream has ended", f.empty)
		}
	}
}

func TestAStreamIsNobodyElsesToKeep(t *testing.T) {
	f := newFixture(t, nil)
	f.warm()
	w := inquire(f.Handler(), "/events?user=alice&probe=1x0@10ms")
	h := w.Header()
	for name, want := range map[string]string{"Cache-Control": "private, no-store", "Vary": "Authorization, Cookie", "Content-Type": "text/event-stream; charset=utf-8", "Incremental": "?1"} {
		if got := strings.Join(h.Values(name), ", "); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// A back end asks for many tickets, and ends many sessions: over one connection.
func TestBackEndsKeepTheirConnection(t *testing.T) {
	tickets, err := auth.NewTickets([]byte(strings.Repeat("k", 32)), 0)
	if err != nil {
		t.Fatal(err)
	}
	f := begin(t, func(c *Config) { c.APIKeys, c.Tickets = oneKey(apiKey), tickets })
	conn, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	for _, tt := range []struct {
		path, body string
		status     int
	}{
		{"/tickets", `{"user":"alice"}`, 201}, {"/tickets", `{"user":`, 400}, {"/tickets", `{"user":"alice"} `, 201},
		{"/revoke", `{"user":"bob"}`, 200}, {"/revoke", `{}`, 400}, {"/tickets", `{"user":"alice"}`, 201},
	} {
		for _, chunked := range []bool{false, true} {
			framing, body := fmt.Sprintf("Content-Length: %d", len(tt.body)), tt.body
			if chunked {
				framing, body = "Transfer-Encoding: chunked", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(tt.body), tt.body)
			}
			fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n%s\r\n\r\n%s", tt.path, apiKey, framing, body)
			resp, err := http.ReadResponse(answers, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != tt.status || resp.Close {
				t.Fatalf("%s %s, chunked %t: %d, closes %t, %v", tt.path, tt.body, chunked, resp.StatusCode, resp.Close, err)
			}
		}
	}
	// What is too long is not read on for the next.
	fmt.Fprintf(conn, "POST /tickets HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", apiKey, 1<<20, strings.Repeat(" ", maxTicketBody+1))
	if resp, err := http.ReadResponse(answers, nil); err != nil || resp.StatusCode != 400 || !resp.Close {
		t.Errorf("%+v, %v", resp, err)
	}
}

// Behind a path of a proxy, /shop/sluice/openapi.json, tools ask below it.
func TestTheDescriptionsServersAreRelative(t *testing.T) {
	f := newFixture(t, nil)
	for _, h := range []http.Handler{f.Handler(), f.Admin()} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/openapi.json", nil))
		var d struct{ Servers []struct{ URL string } }
		if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil || len(d.Servers) != 1 || d.Servers[0].URL != "." {
			t.Errorf("%+v, %v", d, err)
		}
	}
}
