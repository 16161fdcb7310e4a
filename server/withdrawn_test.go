package server

import (
	"net/http"
	"strings"
	"testing"
)

// A stream that is withdrawn ends its followers with a reason, is left out of what is
// asked for without a name, and is waited for by name. The others go on.
func TestWithdrawnStreamIsToldAndLeftOut(t *testing.T) {
	f := begin(t, nil)
	both, one := f.get("/events?user=alice"), f.get("/events?user=alice&stream=orders")
	both.want("sluice.hello", "*")
	one.want("sluice.hello", "*")
	f.order("alice", "a")
	last := both.want("message", "a")
	one.want("message", "a")

	f.hub.Withdraw(news, true)
	both.want("sluice.closing", `{"reason":"withdrawn","retry_ms":1500}`)
	both.wantEnd()
	f.order("alice", "b")
	one.want("message", "b")

	again := f.get("/events?user=alice", "Last-Event-ID", last.ID)
	if e := again.want("sluice.hello", "*"); !strings.Contains(e.Data, `"resume":"resumed"`) || !strings.Contains(e.Data, `"streams":["orders"]`) {
		t.Errorf("%+v", e)
	}
	again.want("message", "b")

	for _, path := range []string{"/events?user=alice&stream=news", "/state?user=alice&stream=news", "/state?user=alice&stream=orders,news&cursor=" + last.ID} {
		if r := f.get(path); r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") != "15" {
			t.Errorf("%s: %s, Retry-After %s", path, r.Status, r.Header.Get("Retry-After"))
		}
	}
	waits := f.get("/events?user=alice&stream=news", "Accept", "text/event-stream")
	waits.want("sluice.unavailable", `{"reason":"withdrawn","retry_ms":15000}`)
	waits.wantEnd()
	if r := f.get("/state?user=alice"); r.StatusCode != http.StatusOK || !strings.Contains(r.body(), `"streams":["orders"]`) {
		t.Errorf("the state of the others: %s", r.Status)
	}

	f.hub.Withdraw(orders, true)
	if r := f.get("/events?user=alice"); r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("with nothing left: %s", r.Status)
	}
	f.hub.Withdraw(orders, false)
	f.hub.Withdraw(news, false)
	back := f.get("/events?user=alice", "Last-Event-ID", last.ID)
	back.want("sluice.hello", "*")
	back.want("message", "b")
}
