package server

import (
	"net/http"
	"strings"
	"testing"
)

// Of several positions the last counts: a polyfill appends its own to the URL it was
// given, and some proxies and clients repeat a header.
func TestTheLastPositionCounts(t *testing.T) {
	f := begin(t, nil)
	for _, data := range []string{"0", "1", "2"} {
		f.order("alice", data)
	}
	for _, tt := range []struct {
		name, query string
		headers     []string
		want        string
	}{
		{"old, then new", "&lastEventId=orders@e:0&lastEventId=orders@e:2", nil, "2"},
		{"new, then old", "&lastEventId=orders@e:2&lastEventId=orders@e:0", nil, "0"},
		{"three", "&lastEventId=orders@e:0&lastEventId=orders@e:0&lastEventId=orders@e:1", nil, "1"},
		{"an empty one is none", "&lastEventId=orders@e:2&lastEventId=", nil, "2"},
		{"the header before the query", "&lastEventId=orders@e:0&lastEventId=orders@e:1", []string{"Last-Event-ID", "orders@e:2"}, "2"},
		{"an empty header is none", "&lastEventId=orders@e:0&lastEventId=orders@e:1", []string{"Last-Event-ID", ""}, "1"},
		{"two headers in one line", "", []string{"Last-Event-ID", "orders@e:0, orders@e:2"}, "2"},
		{"two headers", "", []string{"Last-Event-ID", "orders@e:0", "Last-Event-ID", "orders@e:2"}, "2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := f.get("/events?user=alice&stream=orders"+tt.query, tt.headers...)
			s.want("sluice.hello", "*")
			s.want("message", tt.want)
		})
	}
	if a := f.readState("/state?user=alice&stream=orders&cursor=orders@e:0&cursor=orders@e:2"); len(a.Events) != 1 || string(a.Events[0].Data) != "2" {
		t.Errorf("a poll at two cursors: %q", a.data())
	}
}

// What a request can have only one of is refused where it has two, since one of them
// would be left out in silence. The same value twice is one value, and streams add up.
func TestDoubledParameters(t *testing.T) {
	f := begin(t, nil)
	for path, want := range map[string]string{
		"/events?user=alice&user=bob": "user",

		"/events?user=alice&from=live&from=earliest":              "from",
		"/events?user=alice&snapshot=1&snapshot=":                 "snapshot",
		"/events?ticket=a&ticket=b":                               "ticket",
		"/state?user=alice&cursor=orders@e:0&wait=1s&wait=2s":     "wait",
		"/state?user=alice&user=":                                 "user",
		"/.well-known/sluice?user=alice&user=bob":                 "user",
		"/state?user=alice&user=alice&subject=a&subject=b":        "",
		"/state?user=alice&stream=orders&stream=news":             "",
		"/state?user=alice&stream=orders,news&stream=news&other=": "",
	} {
		s := f.get(path)
		body := s.body()
		switch {
		case want == "" && s.StatusCode != http.StatusOK:
			t.Errorf("%s: %d %s", path, s.StatusCode, body)
		case want != "" && (s.StatusCode != http.StatusBadRequest || !strings.Contains(body, `"urn:sluice:problem:`+want+`"`)):
			t.Errorf("%s: %d %s", path, s.StatusCode, body)
		}
	}
}
