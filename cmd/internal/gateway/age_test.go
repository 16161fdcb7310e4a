package gateway

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"sluice/stream/ssetest"
)

// A stream of max_connection_age is told so and ends. Its client comes back, here to
// another gateway each time. It has every record once and in order: those before the end,
// while it was away, and after.
func TestAStreamOfMaxConnectionAgeEndsAndComesBackWithoutALoss(t *testing.T) {
	t.Parallel()
	c := cluster(t, 2)
	conf := shop(t, c, "max_connection_age: 10s\n")
	if conf.MaxConnectionAge != 10*time.Second {
		t.Fatalf("an age of %v", conf.MaxConnectionAge)
	}
	conf.MaxConnectionAge = 400 * time.Millisecond // the least that can be written is long for a test
	gateways := []*Gateway{start(t, conf), start(t, conf)}
	id, sent, got := "", 0, 0
	write := func() {
		t.Helper()
		produce(t, c, "alice", fmt.Sprint(sent))
		sent++
	}
	take := func(e ssetest.Event) {
		t.Helper()
		if e.Name != "order.confirmed" || e.Data != fmt.Sprint(got) {
			t.Fatalf("got %+v, want record %d", e, got)
		}
		got++
	}
	for age := range 4 {
		began := time.Now()
		r, connection := open(t, http.DefaultClient, "http://"+gateways[age%2].Addr().String()+"/events?user=alice&lastEventId="+url.QueryEscape(id))
		write()
		for {
			e := next(t, r)
			id = e.ID
			if e.Name == "sluice.closing" {
				if want := `{"reason":"max_age","retry_ms":`; len(e.Data) < len(want) || e.Data[:len(want)] != want {
					t.Fatalf("it ends with %+v", e)
				}
				break
			}
			take(e)
			if sent < 20*(age+1) {
				write()
			}
		}
		// Held connections are looked at in steps of 128 ms, and may end by one of them too
		// early.
		if lasted := time.Since(began); lasted < conf.MaxConnectionAge/2 {
			t.Errorf("it lasted %v", lasted)
		}
		if e, err := r.Next(); err != io.EOF {
			t.Fatalf("after the end: %+v, %v", e, err)
		}
		connection.Close()
		write() // nobody is there
	}
	conf.MaxConnectionAge = 0
	r, _ := open(t, http.DefaultClient, "http://"+start(t, conf).Addr().String()+"/events?user=alice&lastEventId="+url.QueryEscape(id))
	for got < sent {
		take(next(t, r))
	}
}
