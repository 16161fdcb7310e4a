//go:build linux

package clients

import (
	"testing"
)

func TestARequestIsMadeFromTemplates(t *testing.T) {
	p := Plan{Addr: "127.0.0.1:8080", Path: "/events?user={user}&n={n}", Header: []string{"Authorization: Bearer {token}"}}
	const want = "GET /events?user=u7&n=7 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAccept: text/event-stream\r\n" +
		"Authorization: Bearer abc\r\nLast-Event-ID: orders@k:1.2\r\n\r\n"
	if got := string(p.request(7, "abc", "orders@k:1.2")); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
