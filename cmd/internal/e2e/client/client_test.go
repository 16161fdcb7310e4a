package client

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"sluice/stream/ssetest"
)

// sink hands everything on.
type sink struct {
	events  chan ssetest.Event
	refused chan error
	asked   chan struct{}
}

func newSink() sink {
	return sink{make(chan ssetest.Event, 100), make(chan error, 100), make(chan struct{}, 100)}
}

func (s sink) Asked()                { s.asked <- struct{}{} }
func (s sink) Event(e ssetest.Event) { s.events <- e }
func (s sink) Refused(err error)     { s.refused <- err }

// gateway answers each connection with the next of its answers, and then holds it open.
// It hands on the Last-Event-ID that each request came with.
func gateway(t *testing.T, answers ...func(w http.ResponseWriter) (hold bool)) (base string, ids chan string) {
	t.Helper()
	ids = make(chan string, 100)
	next := make(chan func(http.ResponseWriter) bool, len(answers))
	for _, a := range answers {
		next <- a
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ids <- r.Header.Get("Last-Event-ID")
		select {
		case answer := <-next:
			if !answer(w) {
				return
			}
		default:
		}
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	return server.URL, ids
}

func says(text string, hold bool) func(http.ResponseWriter) bool {
	return func(w http.ResponseWriter) bool {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, text)
		w.(http.Flusher).Flush()
		return hold
	}
}

func TestResumesAtTheLastIDItWasSent(t *testing.T) {
	base, ids := gateway(t,
		says("id: a\ndata: one\n\nid: b\n\nid: c\ndata: cut o", false),
		says("data: no id of its own\n\n", false),
		says("id: d\ndata: two\n\n", true),
	)
	s := newSink()
	c := Start(t.Context(), base, url.Values{"user": {"alice"}}, s)
	defer c.Close()
	for _, want := range []string{"one", "no id of its own", "two"} {
		if e := <-s.events; e.Data != want {
			t.Errorf("was handed %q, want %q", e.Data, want)
		}
	}
	for i, want := range []string{"", "b", "b"} {
		if id := <-ids; id != want {
			t.Errorf("connection %d came with id %q, want %q", i+1, id, want)
		}
	}
	c.Drop()
	if id := <-ids; id != "d" {
		t.Errorf("after the drop it came with id %q, want %q", id, "d")
	}
}

func TestGoesToAnotherGateway(t *testing.T) {
	here, _ := gateway(t, says("id: a\ndata: one\n\n", true))
	there, ids := gateway(t)
	s := newSink()
	c := Start(t.Context(), here, nil, s)
	defer c.Close()
	<-s.events
	c.Go(there)
	if id := <-ids; id != "a" {
		t.Errorf("it came with id %q, want %q", id, "a")
	}
	<-s.asked
	<-s.asked
}

func TestStaysAwayUntilCalledBack(t *testing.T) {
	base, ids := gateway(t, says("id: a\ndata: one\n\n", true))
	s := newSink()
	c := Start(t.Context(), base, nil, s)
	defer c.Close()
	<-s.events
	<-ids
	c.Leave()
	c.Leave() // is no more than leaving once
	c.Drop()
	if n := len(ids); n != 0 {
		t.Errorf("%d connections while away", n)
	}
	c.Return()
	if id := <-ids; id != "a" {
		t.Errorf("it came back with id %q, want %q", id, "a")
	}
}

func TestReportsWhatEndsAnEventSource(t *testing.T) {
	base, _ := gateway(t,
		func(w http.ResponseWriter) bool {
			http.Error(w, "warming up", http.StatusServiceUnavailable)
			return false
		},
		func(w http.ResponseWriter) bool { fmt.Fprint(w, "hello"); return false },
		says("data: at last\n\n", true),
	)
	s := newSink()
	c := Start(t.Context(), base, nil, s)
	defer c.Close()
	for _, want := range []string{"503 Service Unavailable", "200 OK text/plain"} {
		if err := <-s.refused; !strings.Contains(err.Error(), want) {
			t.Errorf("refused by %v, want %s", err, want)
		}
	}
	<-s.events
}

func TestCloseEndsAClientThatIsAway(t *testing.T) {
	base, _ := gateway(t)
	c := Start(t.Context(), base, nil, newSink())
	c.Leave()
	c.Close()
	c.Leave() // and doesn't wait for what is gone
}
