package client

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"sluice/stream/ssetest"
)

// pollSink hands on polls too.
type pollSink struct {
	sink
	polled chan struct{}
}

func newPollSink() pollSink { return pollSink{newSink(), make(chan struct{}, 10000)} }

func (s pollSink) Polled() { s.polled <- struct{}{} }

// counting is a gateway whose events are the numbers up to last, of which it answers with
// at most page after a cursor.
func counting(t *testing.T, last, page int) (base string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/events" {
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, "id: 0\nevent: sluice.hello\ndata: {}\n\n")
			return
		}
		if got := r.URL.Query(); r.URL.Path != "/state" || got.Get("user") != "alice" || got.Get("wait") != "1s" {
			t.Errorf("it asks for %v", r.URL)
		}
		cursor, err := strconv.Atoi(r.URL.Query().Get("cursor"))
		if err != nil {
			t.Error(err)
		}
		var events []any
		end := min(cursor+page, last)
		for n := cursor + 1; n <= end; n++ {
			events = append(events, map[string]any{"id": strconv.Itoa(n), "event": "number", "data": n})
		}
		if len(events) == 0 {
			<-r.Context().Done() // so that the client doesn't ask in a circle
			return
		}
		json.NewEncoder(w).Encode(map[string]any{"cursor": strconv.Itoa(end), "events": events})
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestPollsGoOnWhereTheOneBeforeEnded(t *testing.T) {
	s := newPollSink()
	const last = 1000
	s.events, s.asked = make(chan ssetest.Event, last), make(chan struct{}, last)
	c := Poll(t.Context(), counting(t, last, 7), url.Values{"user": {"alice"}}, "1s", rand.New(rand.NewPCG(1, 2)), s)
	defer c.Close()
	for n := 1; n <= last; n++ {
		if e := <-s.events; e.Data != strconv.Itoa(n) || e.Name != "number" || e.ID != e.Data {
			t.Fatalf("was handed %+v, want number %d", e, n)
		}
	}
	if polls := len(s.polled); polls <= last/7 {
		t.Errorf("%d polls: it never took only a part of an answer", polls)
	}
}

func TestMixedClientsKeepTheirPosition(t *testing.T) {
	next, polled := 0, false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at := r.URL.Query().Get("cursor")
		switch r.URL.Path {
		case "/events":
			at = r.Header.Get("Last-Event-ID")
		case "/ws":
			at = r.URL.Query().Get("lastEventId")
		}
		if want := strconv.Itoa(next); at != want && next > 0 {
			t.Errorf("%s comes with position %q, want %s", r.URL.Path, at, want)
		}
		polled = !polled && r.URL.Path == "/state"
		if r.URL.Path == "/state" && !polled { // ends the polls
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		next++ // answers end at once, so only one request runs at a time
		if r.URL.Path == "/events" {
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprintf(w, "id: %d\ndata: stream\n\n", next)
			return
		}
		if r.URL.Path == "/ws" {
			conn, err := websocket.Accept(w, r, nil)
			if err != nil {
				t.Error(err)
				return
			}
			conn.Write(r.Context(), websocket.MessageText, fmt.Appendf(nil, `{"id":"%d","text":"socket"}`, next))
			conn.Close(websocket.StatusServiceRestart, "draining")
			return
		}
		fmt.Fprintf(w, `{"cursor":"%d","events":[{"id":"%[1]d","text":"polls"}]}`, next)
	}))
	t.Cleanup(server.Close)
	s := newPollSink()
	c := Mix(t.Context(), server.URL, url.Values{"user": {"alice"}}, "", rand.New(rand.NewPCG(1, 1)), s)
	defer c.Close()
	kinds := make(map[string]int)
	for kinds["polls"] < 3 || kinds["stream"] < 3 || kinds["socket"] < 3 {
		e := <-s.events
		kinds[e.Data]++
	}
}

func TestPollsKeepWhatCameBeforeTheyAreToComeBackLater(t *testing.T) {
	s := newPollSink()
	cursors := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/events" {
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, "id: 0\n\nevent: sluice.hello\ndata: {}\n\n")
			return
		}
		cursors <- r.URL.Query().Get("cursor")
		if len(cursors) == 1 {
			fmt.Fprint(w, `{"cursor":"1","events":[{"id":"1","data":1},{"id":"1","event":"sluice.unavailable","data":{}}]}`)
			return
		}
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	c := Poll(t.Context(), server.URL, url.Values{"user": {"alice"}}, "", rand.New(rand.NewPCG(1, 1)), s)
	t.Cleanup(c.Close)
	if e := <-s.events; e.Data != "1" {
		t.Errorf("was handed %+v", e)
	}
	<-s.asked
	<-s.asked
	<-s.asked
	if first, second := <-cursors, <-cursors; first != "0" || second != "1" {
		t.Errorf("it asked at %q and then at %q", first, second)
	}
}

func TestPollsReportWhatIsWrong(t *testing.T) {
	for _, tt := range []struct{ name, answer, said string }{
		{"no progress", `{"cursor":"0","events":[{"id":"1","data":1}]}`, "its own cursor again"},
		{"no cursor", `{"events":[]}`, "without a cursor"},
		{"no id", `{"cursor":"1","events":[{"data":1}]}`, "without an id"},
		{"no JSON", `<html>`, "invalid character"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newPollSink()
			base, _ := gateway(t, says("id: 0\nevent: sluice.hello\ndata: {}\n\n", false), says(tt.answer, false))
			c := Poll(t.Context(), base, url.Values{"user": {"alice"}}, "", rand.New(rand.NewPCG(1, 1)), s)
			defer c.Close()
			if err := <-s.refused; !strings.Contains(err.Error(), tt.said) {
				t.Errorf("it says %v, want %q", err, tt.said)
			}
		})
	}
}
