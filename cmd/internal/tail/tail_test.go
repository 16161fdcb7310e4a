package tail

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
)

// run runs the command and returns its events, what it said and its status.
func run(t *testing.T, args ...string) (events []event, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	status = Run(t.Context(), append([]string{"--json"}, args...), &out, &errs)
	for dec := json.NewDecoder(&out); ; {
		var l line
		if err := dec.Decode(&l); err == io.EOF {
			return events, errs.String(), status
		} else if err != nil {
			t.Fatalf("output is no JSON: %v", err)
		}
		if l.Text != nil {
			l.Data = []byte(*l.Text)
		}
		events = append(events, event{ID: l.ID, Name: l.Event, Data: string(l.Data)})
	}
}

// feed serves a stream that is known beforehand, one connection after the other.
type feed struct {
	events []string // as on the wire, each with its end
	clean  bool     // a cut is a proper end of the body, not an abort
	cut    func(connection int) int

	mu  sync.Mutex // guards ids
	ids []string   // Last-Event-ID of each connection
}

// ServeHTTP writes the events after Last-Event-ID, cut off after cut bytes; -1 writes all
// and stays.
func (f *feed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := r.Header.Get("Last-Event-ID")
	f.mu.Lock()
	n := len(f.ids)
	f.ids = append(f.ids, id)
	f.mu.Unlock()

	from := 0
	if id != "" {
		fmt.Sscanf(id, "s@e:%d", &from)
	}
	body := strings.Join(f.events[from:], "")
	cut := f.cut(n)
	if cut >= 0 {
		body = body[:min(cut, len(body))]
	}
	w.Header().Set("Content-Type", "text/event-stream")
	io.WriteString(w, "retry: 1\n\n"+body)
	w.(http.Flusher).Flush()
	if cut < 0 {
		<-r.Context().Done()
	} else if !f.clean {
		panic(http.ErrAbortHandler)
	}
}

// wire is three events in one of the standard's line ends.
func wire(newline string) []string {
	var events []string
	for i, data := range []string{"first", "second\ntwo lines", "third \u00fc"} {
		text := fmt.Sprintf(": a comment\nid: s@e:%d\nevent: order.confirmed\n", i+1)
		for line := range strings.SplitSeq(data, "\n") {
			text += "data: " + line + "\n"
		}
		events = append(events, strings.ReplaceAll(text+"\n", "\n", newline))
	}
	return events
}

var wanted = []event{
	{"s@e:1", "order.confirmed", "first"},
	{"s@e:2", "order.confirmed", "second\ntwo lines"},
	{"s@e:3", "order.confirmed", "third \u00fc"},
}

// The first connection is cut off after each byte in turn, by an abort or by an end that
// looks proper. r3labs alone fails both: the first half of an event would be shown, and
// its id kept.
func TestCutAtEveryByte(t *testing.T) {
	for _, newline := range []string{"\n", "\r\n", "\r"} {
		for _, clean := range []bool{false, true} {
			t.Run(fmt.Sprintf("newline %q, clean %v", newline, clean), func(t *testing.T) {
				t.Parallel()
				events := wire(newline)
				for at := range len(strings.Join(events, "")) + 1 {
					cutAt(t, &feed{events: events, clean: clean}, at)
				}
			})
		}
	}
}

// cutAt follows a feed that is cut once, after so many bytes.
func cutAt(t *testing.T, f *feed, at int) {
	t.Helper()
	f.cut = func(n int) int {
		if n == 0 {
			return at
		}
		return -1
	}
	srv := httptest.NewServer(f)
	got, stderr, status := run(t, srv.URL, "--count", "3")
	srv.Close()
	if status != 0 || !reflect.DeepEqual(got, wanted) {
		t.Fatalf("cut after %d bytes: status %d, events %q, stderr %q", at, status, got, stderr)
	}
	if at == len(strings.Join(f.events, "")) {
		return // all of it came at once: there may be no second connection
	}
	if want := idAfter(f.events, at); len(f.ids) > 1 && f.ids[1] != want || len(f.ids) < 2 && want != "s@e:3" {
		t.Fatalf("cut after %d bytes: resumed by %q; want %q", at, f.ids[1:], want)
	}
}

// idAfter is the id of the last event that is whole within the first n bytes.
// A CR ends a line by itself, so the LF after the last CR may be missing.
func idAfter(events []string, n int) string {
	id := ""
	for i, e := range events {
		n -= len(strings.TrimSuffix(e, "\n"))
		if strings.HasSuffix(e, "\n") && !strings.HasSuffix(e, "\r\n") {
			n--
		}
		if n < 0 {
			break
		}
		if strings.HasSuffix(e, "\r\n") {
			n--
		}
		id = fmt.Sprintf("s@e:%d", i+1)
	}
	return id
}

// Each connection lives one byte longer than the last: hundreds of cuts in one run.
func TestCutAgainAndAgain(t *testing.T) {
	f := &feed{events: wire("\n"), cut: func(n int) int { return n }}
	srv := httptest.NewServer(f)
	defer srv.Close()
	got, stderr, status := run(t, srv.URL, "--count", "3")
	if status != 0 || !reflect.DeepEqual(got, wanted) {
		t.Fatalf("status %d, events %q", status, got)
	}
	if n := strings.Count(stderr, "trying again"); n > 3 {
		t.Errorf("said %d times that the server is away; want once an outage:\n%s", n, stderr)
	}
}

func TestLongData(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	f := &feed{
		events: []string{"id: s@e:1\ndata: " + long + "\n\n", "id: s@e:2\ndata: short\n\n", "id: s@e:3\ndata: " + strings.Repeat(long, 4) + "\n\n"},
		cut: func(n int) int {
			if n == 0 {
				return 1 << 19
			}
			return -1
		},
	}
	srv := httptest.NewServer(f)
	defer srv.Close()
	got, _, status := run(t, srv.URL, "--count", "3")
	if status != 0 || len(got) != 3 {
		t.Fatalf("status %d, %d events; want 0, 3", status, len(got))
	}
	for i, size := range []int{1 << 20, 5, 4 << 20} {
		if len(got[i].Data) != size {
			t.Errorf("event %d has %d bytes; want %d", i, len(got[i].Data), size)
		}
	}
}

func TestTooLongEnds(t *testing.T) {
	f := &feed{events: []string{"data: " + strings.Repeat("x", maxEvent+1) + "\n\n"}, cut: func(int) int { return -1 }}
	srv := httptest.NewServer(f)
	defer srv.Close()
	_, stderr, status := run(t, srv.URL)
	if status != 1 || !strings.Contains(stderr, "longer than 16 MiB") {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
}

// A gateway names its heartbeat, and then falls silent.
func TestSilenceReconnects(t *testing.T) {
	f := &feed{events: wire("\n"), cut: func(int) int { return -1 }}
	var silent sync.Once
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first := false
		silent.Do(func() { first = true })
		if !first {
			f.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "retry: 1\nevent: sluice.hello\ndata: {\"heartbeat\":10}\n\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	defer srv.Close()
	got, stderr, status := run(t, srv.URL, "--count", "3", "--quiet")
	if status != 0 || !reflect.DeepEqual(got, wanted) {
		t.Fatalf("status %d, events %q", status, got)
	}
	if !strings.Contains(stderr, errSilent.Error()) {
		t.Errorf("stderr %q doesn't say why it reconnected", stderr)
	}
}

// Refusals end the command and show why; what only needs waiting is said once and waited
// for.
func TestAnswers(t *testing.T) {
	const problem = `{"type":"about:blank","title":"No identity","detail":"Send a token\u001b[31m."}`
	for _, tt := range []struct {
		code   int
		kind   string
		status int
		stderr string
	}{
		{401, "application/problem+json", 1, "401 Unauthorized: No identity: Send a token\uFFFD[31m."},
		{403, "application/problem+json", 1, "403 Forbidden: No identity"},
		{404, "application/problem+json", 1, "404 Not Found: No identity"},
		{204, "text/event-stream", 1, "204 No Content"},
		{200, "text/html", 1, "no event stream"},
		{429, "application/problem+json", 0, "429 Too Many Requests: No identity: Send a token\uFFFD[31m.; trying again"},
		{503, "text/html", 0, "503 Service Unavailable"},
	} {
		f := &feed{events: wire("\n"), cut: func(int) int { return -1 }}
		var asked int // only one connection at a time
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if asked++; asked == 1 { // sets the pace
				w.Header().Set("Content-Type", "text/event-stream")
				io.WriteString(w, "retry: 1\n\n")
			} else if asked < 5 {
				w.Header().Set("Content-Type", tt.kind)
				w.WriteHeader(tt.code)
				if tt.code != 204 {
					io.WriteString(w, problem)
				}
			} else {
				f.ServeHTTP(w, r)
			}
		}))
		got, stderr, status := run(t, srv.URL, "--count", "3")
		srv.Close()
		if status != tt.status {
			t.Errorf("%d: status %d; want %d", tt.code, status, tt.status)
		}
		if status == 0 && !reflect.DeepEqual(got, wanted) {
			t.Errorf("%d: events %q", tt.code, got)
		}
		if status == 1 && !strings.Contains(stderr, tt.stderr) {
			t.Errorf("%d: stderr %q; want %q in it", tt.code, stderr, tt.stderr)
		}
		if n := strings.Count(stderr, "trying again"); n != 1 {
			t.Errorf("%d: said %d times that the server is away; want once:\n%s", tt.code, n, stderr)
		}
	}
}

// Nobody listens at first: tail says so once and comes again.
func TestRefusedConnection(t *testing.T) {
	var out, errs bytes.Buffer
	srv := httptest.NewUnstartedServer(nil)
	address := srv.Listener.Addr().String()
	srv.Listener.Close()
	ctx, cancel := context.WithCancel(t.Context())
	errors := writerFunc(func(p []byte) (int, error) {
		cancel() // Ctrl-C as soon as it says something
		return errs.Write(p)
	})
	if status := Run(ctx, []string{address}, &out, errors); status != 0 {
		t.Errorf("status %d after Ctrl-C; want 0", status)
	}
	if got := errs.String(); got != "sluice tail: connect: connection refused; trying again\n" {
		t.Errorf("stderr %q", got)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestCtrlCWhileReading(t *testing.T) {
	f := &feed{events: wire("\n"), cut: func(int) int { return -1 }}
	srv := httptest.NewServer(f)
	defer srv.Close()
	ctx, cancel := context.WithCancel(t.Context())
	var out bytes.Buffer
	status := Run(ctx, []string{srv.URL}, writerFunc(func(p []byte) (int, error) {
		cancel()
		return out.Write(p)
	}), io.Discard)
	if status != 0 || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("status %d, output %q; want 0 and the one event before Ctrl-C", status, out.String())
	}
}

// What is asked for reaches the gateway; a rotated token is read again.
func TestRequest(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	write := func(text string) {
		if err := os.WriteFile(token, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("one\n")
	var requests []*http.Request // one connection at a time
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests = append(requests, r)
		w.Header().Set("Content-Type", "text/event-stream")
		if len(requests) == 1 {
			write("two\n")
			io.WriteString(w, "retry: 1\nid: moved\n\n") // no event: only the position moves
			return
		}
		io.WriteString(w, "id: next\ndata:\n\n")
	}))
	defer srv.Close()
	got, _, status := run(t, "--user", "alice", srv.URL+"?x=1", "--stream", "a,b", "--subject", "o-1", "--from", "last:5",
		"--last-event-id", "start", "--header", "X-One: 1", "--header", "x-one: 2", "--token-file", token, "--count", "1")
	if want := []event{{"next", "message", ""}}; status != 0 || !reflect.DeepEqual(got, want) {
		t.Fatalf("status %d, events %q; want %q", status, got, want)
	}
	for i, want := range []struct{ id, token string }{{"start", "Bearer one"}, {"moved", "Bearer two"}} {
		r := requests[i]
		if r.URL.Path != "/events" || r.URL.Query().Encode() != "from=last%3A5&stream=a%2Cb&subject=o-1&user=alice&x=1" {
			t.Errorf("asked for %s", r.URL)
		}
		if h := r.Header; h.Get("Last-Event-ID") != want.id || h.Get("Authorization") != want.token || h.Get("X-One") != "1, 2" {
			t.Errorf("connection %d: headers %v", i, h)
		}
	}
}

func TestCertificates(t *testing.T) {
	f := &feed{events: wire("\n"), cut: func(int) int { return -1 }}
	srv := httptest.NewTLSServer(f)
	srv.Config.ErrorLog = nil
	defer srv.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, certificatePEM(srv), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		flags  []string
		status int
	}{
		{nil, 1},
		{[]string{"--insecure"}, 0},
		{[]string{"--ca-file", ca}, 0},
		{[]string{"--ca-file", ca + ".missing"}, 2},
	} {
		_, stderr, status := run(t, append(tt.flags, srv.URL, "--count", "3")...)
		if status != tt.status {
			t.Errorf("%v: status %d, stderr %q; want %d", tt.flags, status, stderr, tt.status)
		}
		if status == 1 && !strings.Contains(stderr, "--ca-file names its authority") {
			t.Errorf("stderr %q doesn't name the cure", stderr)
		}
	}
}
