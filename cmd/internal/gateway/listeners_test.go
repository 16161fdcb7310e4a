package gateway

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
	"testing"
)

// Streams are served at a Unix socket, by either carrier, and so is what operators ask.
func TestStreamsOverAUnixSocket(t *testing.T) {
	for _, hold := range []bool{true, false} {
		c := cluster(t, 1)
		conf := shop(t, c, "")
		public := filepath.Join(t.TempDir(), "public.sock")
		conf.Hold, conf.Listen = hold, "unix:"+public
		g := start(t, conf)
		client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", public)
		}}}
		t.Cleanup(client.CloseIdleConnections)
		alice, _ := open(t, client, "http://gateway/events?user=alice")
		produce(t, c, "alice", `{"orderId":2}`)
		if e := next(t, alice); e.Data != `{"orderId":2}` {
			t.Errorf("hold %t: alice got %+v", hold, e)
		}
		if name := g.Addr().String(); name != public {
			t.Errorf("the gateway listens at %s, want %s", name, public)
		}
	}
}
