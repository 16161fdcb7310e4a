package wire_test

import (
	"strings"
	"testing"

	"sluice/cmd/sluice-bench/internal/wire"
	"sluice/server/ws"
)

func TestMessagesAreCounted(t *testing.T) {
	var sent []byte
	for _, text := range []string{
		`{"id":"orders@a:1","event":"sluice.hello","data":{"stream":"orders"}}`,
		`{"id":"orders@a:2","stream":"orders","data":{"event":"sluice.heartbeat"}}`,
		`{"stream":"orders","event":"sluice.no","data":1}`, // of a snapshot
		`{"event":"sluice.stale","data":{"since":"…"}}`,
		`{"id":"orders@a:3","stream":"orders","text":"` + strings.Repeat("x", 70_000) + `"}`,
		`{"id":"` + strings.Repeat("1", 300) + `","event":"sluice.heartbeat","data":{}}`,
		`pong`,
	} {
		sent = ws.AppendFrame(sent, ws.Text, []byte(text))
		sent = ws.AppendFrame(sent, ws.Ping, []byte(`{"event":"no message"}`))
	}
	sent = ws.AppendClose(sent, ws.GoingAway, "max_age")
	for _, size := range []int{1, 2, 3, 7, 126, 4096, len(sent)} {
		var m wire.Messages
		var got wire.Tally
		for p := sent; len(p) > 0; {
			n := min(size, len(p))
			m.Feed(p[:n], &got)
			p = p[n:]
		}
		if want := (wire.Tally{Events: 3, WithID: 2, Reserved: 3}); got != want {
			t.Errorf("in pieces of %d: %+v, want %+v", size, got, want)
		}
	}
}
