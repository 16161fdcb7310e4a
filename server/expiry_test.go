package server

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"sluice/server/auth"
)

// TestExpiry follows a stream through the life of its token, in the clock of a bubble. It
// sees an hour of heartbeats, the warning, the end, and the refusal of a client that
// comes back with the same token.
func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		secret := []byte("0123456789abcdef0123456789abcdef")
		key, err := auth.SecretKey(secret)
		if err != nil {
			t.Fatal(err)
		}
		source, err := auth.NewJWT(auth.JWTConfig{Keys: key})
		if err != nil {
			t.Fatal(err)
		}
		exp := time.Now().Add(time.Hour)
		// Pipes have no descriptor to hold, and the bubble's clock is not the kernel's.
		f := newFixture(t, func(c *Config) { c.Auth, c.Goroutines = source, true })
		f.warm()
		l := newPipes()
		f.serve(l)
		f.client.Transport.(*http.Transport).DialContext = l.dial
		authorization := "Bearer " + sign(t, secret, map[string]any{"sub": "alice", "exp": exp})

		s := f.get("/events", "Authorization", authorization)
		s.want("sluice.hello", "*")
		before := time.Now()
		beats := 0
		for {
			e, err := s.events.Next()
			if err != nil {
				t.Fatal(err)
			}
			if gap := time.Since(before); gap > 9*time.Second {
				t.Fatalf("silent for %v", gap)
			}
			before = time.Now()
			if e.Name != "sluice.heartbeat" {
				if e.Name != "sluice.closing" || e.Data != `{"reason":"expiring","ends_in_ms":10000,"retry_ms":1500}` {
					t.Errorf("got %s %s", e.Name, e.Data)
				}
				break
			}
			beats++
		}
		if beats < 398 || beats > 499 {
			t.Errorf("%d heartbeats in an hour, want one every 7.2 to 9 s", beats)
		}
		if left := time.Until(exp); left != 10*time.Second {
			t.Errorf("told %v before the end, want 10 s", left)
		}
		if e, err := s.events.Next(); err == nil && e.Name != "sluice.heartbeat" { // one may be due meanwhile
			t.Errorf("got %v", e)
		} else if err == nil {
			s.wantEnd()
		} else if err != io.EOF {
			t.Errorf("%v, want the clean end", err)
		}
		if late := time.Since(exp); late != 0 {
			t.Errorf("ended %v after exp", late)
		}

		again := f.get("/events", "Authorization", authorization)
		again.want("sluice.hello", "*")
		again.want("sluice.closing", `{"reason":"expiring","ends_in_ms":5000,"retry_ms":1500}`)
		again.wantEnd()
		if refused := f.get("/events", "Authorization", authorization); refused.StatusCode != http.StatusUnauthorized {
			t.Errorf("after the leeway: %d, want 401", refused.StatusCode)
		}
		if n := f.closings(expiring); n != 2 {
			t.Errorf("%v closed as expiring, want 2", n)
		}
	})
}

func sign(t *testing.T, secret []byte, claims map[string]any) string {
	t.Helper()
	token := jwt.New()
	for name, value := range claims {
		if err := token.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	signed, err := jwt.Sign(token, jwt.WithKey(jwa.HS256(), secret))
	if err != nil {
		t.Fatal(err)
	}
	return string(signed)
}

// pipes is a listener in memory: a bubble's clock stands still while real sockets are
// waited for.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }
