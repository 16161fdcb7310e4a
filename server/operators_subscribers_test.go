package server

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"sluice/server/limit"
	"sluice/server/operators"
	"sluice/stream"
)

func (f *fixture) subscribers(query string) operators.SubscriberList {
	f.t.Helper()
	var list operators.SubscriberList
	f.operate(http.MethodGet, "/subscribers"+query, http.StatusOK, &list)
	return list
}

func TestSubscribersAreListed(t *testing.T) {
	trusted := limit.Proxies{Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Header: "X-Forwarded-For"}
	f := begin(t, func(c *Config) { c.Proxies = trusted })
	f.get("/events?user=alice", "X-Forwarded-For", "203.0.113.7").want("sluice.hello", "*")
	f.get("/events?user=bob&stream=orders&subject=o-1", "X-Forwarded-For", "2001:db8:1:2:3:4:5:6").want("sluice.hello", "*")
	list := f.subscribers("")
	if list.Open != 2 || len(list.Subscribers) != 2 || list.Next != "" {
		t.Fatalf("%+v", list)
	}
	carrier := byHolder
	if everythingOnGoroutines {
		carrier = byGoroutine
	}
	for _, s := range list.Subscribers {
		if time.Since(s.Since) > time.Minute || time.Until(s.Since) > 0 || s.Carrier != carrier.String() || s.State != "live" || s.Behind == nil || *s.Behind != 0 || s.ID == "" {
			t.Errorf("%+v", s)
		}
		switch s.User {
		case "alice":
			if s.Address != "203.0.113.7" || fmt.Sprint(s.Streams) != "[orders news]" || s.Position != "orders@e:0~news@e:0" {
				t.Errorf("%+v", s)
			}
		case "bob":
			if s.Address != "2001:db8:1:2::/64" || fmt.Sprint(s.Streams) != "[orders]" || s.Subject != "o-1" {
				t.Errorf("%+v", s)
			}
		default:
			t.Errorf("who is %+v", s)
		}
	}
	if one := f.subscribers("?user=bob"); len(one.Subscribers) != 1 || one.Subscribers[0].User != "bob" {
		t.Errorf("bob's: %+v", one)
	}
	if one := f.subscribers("?stream=news"); len(one.Subscribers) != 1 || one.Subscribers[0].User != "alice" {
		t.Errorf("of news: %+v", one)
	}
	page := f.subscribers("?limit=1")
	rest := f.subscribers("?limit=1&after=" + page.Next)
	if page.Next == "" || len(page.Subscribers) != 1 || len(rest.Subscribers) != 1 || page.Subscribers[0].ID == rest.Subscribers[0].ID {
		t.Errorf("pages: %+v, %+v", page, rest)
	}
	for _, query := range []string{"?limit=0", "?limit=1001", "?limit=x", "?after=-1", "?after=4294967296", "?user=%zz"} {
		f.operate(http.MethodGet, "/subscribers"+query, http.StatusBadRequest, nil)
	}
	f.operate(http.MethodGet, "/subscribers?stream=nothing", http.StatusNotFound, nil)
	f.hub.Open(t.Context(), stream.Request{Streams: []int{orders}, User: "dave"}) // not arrived yet
	if list := f.subscribers(""); len(list.Subscribers) != 2 {
		t.Errorf("somebody is listed of whom nothing is known: %+v", list)
	}
}

func TestOperatorsCloseASubscriber(t *testing.T) {
	f := begin(t, nil)
	alice, bob := f.get("/events?user=alice"), f.get("/events?user=bob")
	alice.want("sluice.hello", "*")
	bob.want("sluice.hello", "*")
	id := f.subscribers("?user=alice").Subscribers[0].ID
	f.operate(http.MethodDelete, "/subscribers/"+id, http.StatusNoContent, nil)
	if line := `msg="an operator closed a connection" audit=true`; !strings.Contains(f.logs.String(), line) {
		t.Errorf("the log lacks %s", line)
	}
	e := alice.want("sluice.closing", `{"reason":"operator","retry_ms":1500}`)
	if e.ID != "orders@e:0~news@e:0" {
		t.Errorf("comes back at %q", e.ID)
	}
	alice.wantEnd()
	eventually(t, "closed", func() bool { return f.closings(dismissed) == 1 && f.hub.Subscribers() == 1 })
	f.operate(http.MethodDelete, "/subscribers/"+id, http.StatusNotFound, nil)

	again := f.get("/events?user=alice") // may have the same slot
	again.want("sluice.hello", "*")
	f.operate(http.MethodDelete, "/subscribers/"+id, http.StatusNotFound, nil)
	run, key, _ := strings.Cut(f.subscribers("?user=alice").Subscribers[0].ID, "-")
	f.operate(http.MethodDelete, "/subscribers/"+strings.Repeat("0", len(run))+"-"+key, http.StatusNotFound, nil) // of another run of the gateway
	for _, forged := range []string{"x", "--", run + "-1", run + "-zz-1", run + "-1-100000000", run + "--1-1", run + "-01-01", run + "-ffffffff-ffffffff"} {
		f.operate(http.MethodDelete, "/subscribers/"+forged, http.StatusNotFound, nil)
	}
	f.order("alice", "1")
	again.want("message", "1")
	f.order("bob", "2")
	bob.want("message", "2")
}

func TestOperatorsCloseAPoll(t *testing.T) {
	f := begin(t, nil)
	answered := make(chan string)
	go func() {
		answered <- f.get("/state?user=alice&cursor=" + url.QueryEscape("orders@e:0~news@e:0") + "&wait=60s").body()
	}()
	eventually(t, "polling", func() bool { return len(f.subscribers("").Subscribers) == 1 })
	s := f.subscribers("").Subscribers[0]
	if s.Carrier != "poll" || s.User != "alice" {
		t.Errorf("%+v", s)
	}
	f.operate(http.MethodDelete, "/subscribers/"+s.ID, http.StatusNoContent, nil)
	if got := <-answered; got != `{"cursor":"orders@e:0~news@e:0","events":[]}`+"\n" {
		t.Errorf("answered %s", got)
	}
}

// A page that an operator happens to visit must not close anybody's streams.
func TestOtherSitesCloseNobody(t *testing.T) {
	f := begin(t, nil)
	alice := f.get("/events?user=alice")
	alice.want("sluice.hello", "*")
	path := "/subscribers/" + f.subscribers("").Subscribers[0].ID
	for _, header := range [][2]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://elsewhere.example"}} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodDelete, path, nil)
		r.Header.Set(header[0], header[1])
		f.Admin().ServeHTTP(w, r)
		if w.Code != http.StatusForbidden || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", header, w.Code, w.Body)
		}
	}
	if s := f.get(path); s.StatusCode != http.StatusNotFound {
		t.Errorf("public: %d", s.StatusCode)
	}
	f.order("alice", "1")
	alice.want("message", "1")
}
