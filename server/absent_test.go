package server

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"sluice/server/listen"
	"sluice/server/status"
)

// One missing topic keeps no page from the events of the others, by no route.
func TestAMissingTopicKeepsNoPageFromTheOthers(t *testing.T) {
	for _, goroutines := range []bool{false, true} {
		source := new(changing)
		long := time.Now().Add(-time.Minute)
		source.Store(&statuses{{Name: "orders", Warm: true}, {Name: "news", UnreadableSince: long}})
		f := newFixture(t, func(c *Config) {
			c.Source, c.Goroutines = source, goroutines
		})
		f.hub.Begin(orders, "e", []int64{0})
		f.hub.SetWarm(orders)
		l, err := listen.Listen(t.Context(), "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		f.serve(l)

		page := f.get("/events?user=alice")
		page.want("sluice.hello", `{"resume":"live","heartbeat":9000,"streams":["orders"]}`)
		f.order("alice", "1")
		id := page.want("message", "1").ID
		named := f.get("/events?user=alice&stream=orders,news")
		named.want("sluice.hello", `{"resume":"live","heartbeat":9000,"streams":["orders"]}`)
		if a := f.readState("/state?user=alice&cursor=" + url.QueryEscape(id)); len(a.Events) != 0 || a.Cursor == "" {
			t.Errorf("a poll: %+v", a)
		}
		if resp, err := f.client.Get(f.url + "/state?user=alice"); err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("the state: %v, %v", resp, err)
		}
		f.get("/events?user=alice&stream=news", "Accept", "text/event-stream").want("sluice.unavailable", "*")

		f.hub.Begin(news, "e", []int64{0})
		f.hub.SetWarm(news)
		for _, p := range []*opened{page, named} {
			if e := p.want("sluice.closing", `{"reason":"reload","retry_ms":1500}`); e.ID == "" {
				t.Error("it ends without an id")
			}
		}
		source.Store(&statuses{{Name: "orders", Warm: true}, {Name: "news", Warm: true}})
		f.absence = status.Absence{} // a second later
		back := f.get("/events?user=alice", "Last-Event-ID", id)
		back.want("sluice.reset", `{"reason":"invalid","stream":"news","partitions":[]}`)
		back.want("sluice.hello", `{"resume":"reset","heartbeat":9000,"streams":["orders","news"]}`)
	}
}
