package server

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"sluice/stream"
)

// several is a query of so many different values of a parameter.
func several(parameter string, n int) string {
	query := url.Values{}
	for i := range n {
		query.Add(parameter, fmt.Sprint("v-", i))
	}
	return query.Encode()
}

func TestFiftySubjectsAndEvents(t *testing.T) {
	f := begin(t, nil)
	query := "/events?user=alice&stream=orders&" + several("subject", 50) + "&" + several("event", 50)
	s := f.get(query)
	hello := s.want("sluice.hello", "*")
	f.about(orders, 1, "v-50", "v-0", "another subject", "alice")
	f.about(orders, 2, "v-0", "v-50", "another event", "alice")
	f.about(orders, 3, "v-0", "", "no name", "alice")
	f.about(orders, 4, "v-49", "v-49", "mine", "alice")
	s.want("v-49", "mine")

	// Order and repeats are no other filter.
	turned := f.get("/events?user=alice&stream=orders&"+several("event", 50)+"&"+several("subject", 50)+"&subject=v-7&event=v-7,v-8", "Last-Event-ID", hello.ID)
	if again := turned.want("sluice.hello", "*"); !strings.Contains(again.Data, `"resumed"`) {
		t.Errorf("the same filter: %s", again.Data)
	}
	turned.want("v-49", "mine")
	other := f.get("/events?user=alice&stream=orders&"+several("subject", 49)+"&"+several("event", 50), "Last-Event-ID", hello.ID)
	other.want(stream.ResetEvent, `{"reason":"scope","stream":"orders","partitions":[]}`)
}

func TestFilterBounds(t *testing.T) {
	f := begin(t, nil)
	for query, want := range map[string]string{
		several("subject", 51):                     "subject",
		several("event", 51):                       "event",
		"event=" + strings.Repeat("a,b,", 1_000):   "",
		"event=" + strings.Repeat("x", maxEvent+1): "event",
		"event=%ff":             "event",
		"subject=a&subject=%ff": "subject",
		"subject=a&subject=" + strings.Repeat("s", 1025):    "subject",
		several("subject", 50) + "&subject=v-1&subject=v-2": "",
		"event=,,&subject=&subject=":                        "",
		"event=a&event=b,c&event=":                          "",
	} {
		for _, path := range []string{"/events?user=alice&stream=orders&", "/state?user=alice&stream=orders&", "/state?user=alice&stream=orders&cursor=orders@e:0&"} {
			s := f.get(path + query)
			status := http.StatusOK
			if want != "" {
				status = http.StatusBadRequest
			}
			if s.StatusCode != status {
				t.Errorf("%s%.60s: %d", path, query, s.StatusCode)
			}
			if want == "" {
				continue
			}
			if body := s.body(); !strings.Contains(body, `"urn:sluice:problem:`+want+`"`) || !strings.Contains(body, "The "+want+" parameter") {
				t.Errorf("%s%.60s: %s", path, query, body)
			}
		}
	}
}

// event narrows what follows: a poll and a stream. It narrows no state and no snapshot.
func TestEventNarrowsNoState(t *testing.T) {
	f := begin(t, nil)
	f.about(orders, 1, "o-1", "order.placed", `1`, "alice")
	f.about(orders, 2, "o-2", "order.confirmed", `2`, "alice")
	f.about(orders, 3, "o-3", "order.placed", `3`, "alice")
	const path = "/state?user=alice&stream=orders&event=order.confirmed"
	state := f.readState(path)
	if got := state.data(); !slices.Equal(got, []string{"1", "2", "3"}) {
		t.Errorf("the state is %q", got)
	}
	some := f.readState(path + "&subject=o-3&subject=o-1&subject=o-9")
	if got := some.data(); !slices.Equal(got, []string{"1", "3"}) {
		t.Errorf("of some subjects the state is %q", got)
	}
	snapshot := f.get("/events?user=alice&stream=orders&event=order.confirmed&snapshot=1&subject=o-2&subject=o-1")
	snapshot.want("sluice.snapshot", `{"since":null,"complete":true,"subjects":2}`)
	snapshot.want("order.placed", `1`)
	snapshot.want("order.confirmed", `2`)
	snapshot.want("sluice.hello", `{"resume":"snapshot","heartbeat":9000,"streams":["orders"]}`)

	// What comes after each of them is narrowed.
	f.about(orders, 4, "o-1", "order.placed", `4`, "alice")
	f.about(orders, 5, "o-1", "order.confirmed", `5`, "alice")
	snapshot.want("order.confirmed", `5`)
	page := f.readState(path + "&cursor=" + url.QueryEscape(state.Cursor))
	if got := page.data(); !slices.Equal(got, []string{"5"}) {
		t.Errorf("after the state comes %q", got)
	}
	resumed := f.get("/events?user=alice&stream=orders&subject=o-1&subject=o-3&subject=o-9&event=order.confirmed", "Last-Event-ID", some.Cursor)
	resumed.want("sluice.hello", `{"resume":"resumed","heartbeat":9000,"streams":["orders"]}`)
	resumed.want("order.confirmed", `5`)

	// A long poll waits for what its filter leaves.
	got := make(chan answered)
	go func() { got <- f.readState(path + "&wait=60s&cursor=" + url.QueryEscape(page.Cursor)) }()
	eventually(t, "the poll waits", func() bool { return f.metric("sluice_polls") == 1 })
	f.about(orders, 6, "o-1", "order.placed", `6`, "alice")
	f.about(orders, 7, "o-9", "order.confirmed", `7`, "alice")
	if a := <-got; !slices.Equal(a.data(), []string{"7"}) {
		t.Errorf("the poll got %q", a.data())
	}
}

// A ticket for one subject is for no other, whatever the request names.
func TestATicketsSubjectIsTheOnlyOne(t *testing.T) {
	f, key := backend(t)
	ticket := f.ticket(key, `{"stream":"orders","subject":"o-77","ttl":"10m"}`).Ticket
	for query, status := range map[string]int{
		"&subject=o-77":                 http.StatusOK,
		"&subject=o-77&subject=o-77":    http.StatusOK,
		"&subject=o-77&event=a,b":       http.StatusOK,
		"&subject=o-77&subject=o-78":    http.StatusForbidden,
		"&" + several("subject", 2):     http.StatusForbidden,
		"&subject=&subject=o-78":        http.StatusForbidden,
		"&subject=o-77&subject=o-77%20": http.StatusForbidden,
	} {
		for _, path := range []string{"/events?ticket=", "/state?ticket="} {
			if s := f.get(path + ticket + query); s.StatusCode != status {
				t.Errorf("%s…%s: %d, want %d", path, query, s.StatusCode, status)
			}
		}
	}
	guest := f.get("/events?event=sent,lost&ticket=" + ticket)
	guest.want("sluice.hello", "*")
	f.publish(orders, stream.Event{Subject: []byte("o-77"), Name: "paid", Data: []byte("1")}, "alice")
	f.publish(orders, stream.Event{Subject: []byte("o-78"), Name: "sent", Data: []byte("2")}, "alice")
	f.publish(orders, stream.Event{Subject: []byte("o-77"), Name: "sent", Data: []byte("3")}, "alice")
	guest.want("sent", "3")
}
