package bench

import (
	"testing"
	"time"
)

func TestARequestIsMadeFromTemplates(t *testing.T) {
	p := plan{Addr: "127.0.0.1:8080", Path: "/events?user={user}&n={n}", Header: []string{"Authorization: Bearer {token}"}}
	const want = "GET /events?user=u7&n=7 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAccept: text/event-stream\r\n" +
		"Authorization: Bearer abc\r\nLast-Event-ID: orders@k:1.2\r\n\r\n"
	if got := string(p.request(7, "abc", "orders@k:1.2")); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAPayloadCarriesItsStamp(t *testing.T) {
	at := time.Unix(1_790_000_000, 123_456_789)
	data := payload(at, 42, "u7", 300)
	if len(data) != 300 {
		t.Errorf("%d bytes, want 300", len(data))
	}
	for _, framed := range []string{string(data), `{"meta":1,"event":` + string(data)} {
		got, n, ok := parseStamp([]byte(framed[:stampMax]))
		if !ok || !got.Equal(at) || n != 42 {
			t.Errorf("%s: %v, %d, %v", framed[:stampMax], got, n, ok)
		}
	}
	if _, _, ok := parseStamp([]byte(`{"at":12,"x":1}`)); ok {
		t.Error("a stamp without number was taken for one")
	}
}
