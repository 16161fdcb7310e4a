package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"sluice/server/limit"
	"sluice/stream"
)

// catalog publishes a state of n subjects of so many bytes each, for everyone.
func (f *fixture) catalog(n, bytes int) {
	data := `"` + strings.Repeat("x", bytes) + `"`
	for i := range n {
		f.about(news, i%60, fmt.Sprint("sku-", i), "price", data)
	}
}

// large is a state that fits into no socket's buffers.
func (f *fixture) large() { f.catalog(100, 100<<10) }

// stall asks for something large, and takes no more of it than the status line.
func (f *fixture) stall(path, ip string) (net.Conn, string) {
	f.t.Helper()
	return f.stallBy(path, ip, 4<<10)
}

// stallBy is stall with so much of a receive buffer. The rest comes slowly through a
// small one.
func (f *fixture) stallBy(path, ip string, buffer int) (net.Conn, string) {
	f.t.Helper()
	conn := f.raw("GET " + path + " HTTP/1.1\nHost: x\nX-Forwarded-For: " + ip + "\n\n")
	if err := conn.(*net.TCPConn).SetReadBuffer(buffer); err != nil {
		f.t.Fatal(err)
	}
	line := make([]byte, 12)
	if _, err := io.ReadFull(conn, line); err != nil {
		f.t.Fatal(err)
	}
	return conn, string(line[9:])
}

// A state that takes many writes is whole, and one that fits into one has a length.
func TestStateComesInRuns(t *testing.T) {
	f := begin(t, nil)
	f.catalog(1000, 1<<10)
	a := f.readState("/state?user=alice&stream=news")
	if len(a.Events) != 1000 || a.Cursor != "news@e:1000" || a.Events[999].Subject == "" {
		t.Errorf("%d events at %s", len(a.Events), a.Cursor)
	}
	if s := f.get("/state?user=alice&stream=news"); s.ContentLength != -1 {
		t.Errorf("a length of %d", s.ContentLength)
	}
	if s := f.get("/state?user=alice&stream=news&subject=sku-1"); s.ContentLength < 1<<10 {
		t.Errorf("a small one has a length of %d", s.ContentLength)
	}
	r, err := f.client.Head(f.url + "/state?user=alice&stream=news")
	if err != nil || r.StatusCode != http.StatusOK || r.Header.Get("ETag") == "" {
		t.Errorf("HEAD: %v, %v", r, err)
	}
}

// Clients that ask for a state and don't take it share what it holds, and are given it
// back.
func TestStalledStatesShareOneList(t *testing.T) {
	f := begin(t, limitedBy(limit.Limits{StateBytes: 64 << 20}))
	f.large()
	alone := f.one("/state?user=alice&stream=news")
	before := inUse()
	const many = 60
	var conns []net.Conn
	for i := range many {
		path := "/state?user=u&stream=news"
		if i%2 == 1 {
			path = "/events?user=u&stream=news&snapshot=1"
		}
		conn, status := f.stall(path, fmt.Sprint("203.0.113.", i%4))
		if status != "200" {
			t.Fatalf("%d: %s", i, status)
		}
		conns = append(conns, conn)
	}
	if held := f.stateBudget.InUse(); held != alone {
		t.Errorf("%d bytes are held, one alone has %d", held, alone)
	}
	if grown := int64(inUse()) - int64(before); grown > 40<<20 {
		t.Errorf("%d clients that take nothing of 10 MB cost %d MB", many, grown>>20)
	}
	for _, c := range conns {
		c.Close()
	}
	eventually(t, "all is given back", func() bool { return f.stateBudget.InUse() == 0 && f.empty() })
	if n := f.stateBudget.Readers(); n != 0 || len(f.snapshots.sent) != 0 {
		t.Errorf("%d callers, %d snapshots are left", n, len(f.snapshots.sent))
	}
}

// one is what one stalled request holds.
func (f *fixture) one(path string) int64 {
	conn, _ := f.stall(path, "203.0.113.99")
	held := f.stateBudget.InUse()
	conn.Close()
	eventually(f.t, "it is given back", func() bool { return f.stateBudget.InUse() == 0 })
	return held
}

// Beyond the budget a state is refused as other limits refuse, by caller before by
// gateway. A client that has the state already, or only asks whether it changed, is not
// concerned.
func TestStatesBeyondTheBudgetAreRefused(t *testing.T) {
	f := begin(t, limitedBy(limit.Limits{StateBytes: 25 << 20}))
	f.large()
	path := func(ip string) string { return "/state?stream=news&user=" + ip } // each address has a user
	conn, status := f.stall(path("203.0.113.1"), "203.0.113.1")
	if status != "200" {
		t.Fatal(status)
	}
	change := func() { f.about(news, 1, "sku-1", "price", `"new"`) }
	ask := func(ip string, headers ...string) *opened { return f.get(path(ip), append(address(ip), headers...)...) }
	refused := func(who string, s *opened) {
		t.Helper()
		if s.StatusCode != http.StatusServiceUnavailable || s.Header.Get("Retry-After") != "15" || !strings.Contains(s.body(), "urn:sluice:problem:unavailable") {
			t.Errorf("%s: %d, Retry-After %q", who, s.StatusCode, s.Header.Get("Retry-After"))
		}
	}
	change()
	refused("the caller's own share", ask("203.0.113.1"))
	refused("the user's own share", f.get(path("203.0.113.1"), address("203.0.113.5")...))
	second, status := f.stall(path("203.0.113.2"), "203.0.113.2")
	if status != "200" {
		t.Fatalf("another caller: %s", status)
	}
	change()
	refused("a third state", ask("203.0.113.3"))
	if s := ask("203.0.113.3", "If-None-Match", "*"); s.StatusCode != http.StatusNotModified {
		t.Errorf("a 304 is %d", s.StatusCode)
	}
	if s := f.get(path("203.0.113.3")+"&subject=sku-2", address("203.0.113.3")...); s.StatusCode != http.StatusOK {
		t.Errorf("one subject, which there is room for: %d", s.StatusCode)
	}
	browser := f.get("/events?user=eve&stream=news&snapshot=1", append(address("203.0.113.4"), "Accept", eventStream)...)
	if text := browser.body(); !strings.Contains(text, `{"reason":"state_bytes","retry_ms":15000}`) {
		t.Errorf("a browser was told %s", text)
	}
	if n := f.metricOf("sluice_unavailable_total", limit.StateBytes); n < 3 {
		t.Errorf("counted %v", n)
	}
	conn.Close()
	second.Close()
	eventually(t, "there is room again", func() bool { return f.stateBudget.InUse() == 0 })
	if s := ask("203.0.113.1"); s.StatusCode != http.StatusOK {
		t.Errorf("afterwards: %d", s.StatusCode)
	}
}

// A snapshot that ends in the middle gives no position: there is none before all of it is
// sent.
func TestSnapshotThatEndsEarlyHasNoID(t *testing.T) {
	t.Parallel()
	f := begin(t, limitedBy(limit.Limits{StateBytes: 64 << 20}))
	f.large()
	conn, status := f.stallBy("/events?user=alice&stream=news&snapshot=1", "203.0.113.1", 256<<10)
	if status != "200" {
		t.Fatal(status)
	}
	f.hub.EndUser("alice")
	r := bufio.NewReader(conn)
	events, last := 0, ""
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			break
		}
		switch line = strings.TrimSpace(line); {
		case strings.HasPrefix(line, "id:"):
			t.Errorf("there is a line %.80s", line)
		case strings.HasPrefix(line, "event: "):
			events, last = events+1, line
		}
	}
	if last != "event: sluice.closing" || events > 90 {
		t.Errorf("%d events, the last one %s", events, last)
	}
	eventually(t, "all is given back", func() bool { return f.stateBudget.InUse() == 0 && f.empty() })
}

// A client that takes too long over a snapshot is closed once others need the room.
func TestSlowSnapshotsMakeRoom(t *testing.T) {
	f := begin(t, limitedBy(limit.Limits{StateBytes: 25 << 20}))
	f.large()
	for i := range 2 {
		f.about(news, 1, "sku-1", "price", fmt.Sprint(i))
		if _, status := f.stall(fmt.Sprint("/events?stream=news&snapshot=1&user=", i), fmt.Sprint("203.0.113.", i)); status != "200" {
			t.Fatal(status)
		}
	}
	f.about(news, 1, "sku-1", "price", `"new"`)
	ask := func() int { return f.get("/state?user=alice&stream=news", address("203.0.113.9")...).StatusCode }
	if status := ask(); status != http.StatusServiceUnavailable {
		t.Fatalf("there is room: %d", status)
	}
	f.snapshots.mu.Lock()
	for _, send := range f.snapshots.sent {
		send.until = time.Now().Add(-time.Second)
	}
	f.snapshots.mu.Unlock()
	if status := ask(); status != http.StatusOK {
		t.Errorf("the slow are not cut: %d", status)
	}
}

// A state request counts against the limits of its user and address, separately from
// their streams.
func TestStatesAtATimeAreLimited(t *testing.T) {
	f := begin(t, limitedBy(limit.Limits{PerUser: 1, PerIP: 2}))
	f.large()
	f.get("/events?user=alice", address("203.0.113.1")...).want("sluice.hello", "*")
	const path = "/state?user=alice&stream=news"
	first, status := f.stall(path, "203.0.113.1")
	if status != "200" {
		t.Fatalf("beside a stream: %s", status)
	}
	if _, status := f.stall(path, "203.0.113.2"); status != "429" {
		t.Errorf("a second of one user: %s", status)
	}
	if _, status := f.stall("/state?user=bob&stream=news", "203.0.113.1"); status != "200" {
		t.Errorf("a second of one address: %s", status)
	}
	if _, status := f.stall("/state?user=carol&stream=news", "203.0.113.1"); status != "429" {
		t.Errorf("a third of one address: %s", status)
	}
	first.Close()
	eventually(t, "there is room again", func() bool { return f.get(path, address("203.0.113.2")...).StatusCode == http.StatusOK })
}

// What the events of a state say doesn't depend on who else reads it meanwhile.
func TestSharedStateIsEachCallersOwn(t *testing.T) {
	f := begin(t, nil)
	f.about(orders, 1, "o-1", "", `"alices"`, "alice")
	f.about(orders, 2, "o-2", "", `"bobs"`, "bob")
	f.about(news, 3, "n", "", `"all"`)
	for user, want := range map[string]string{"alice": `"alices" "all"`, "bob": `"bobs" "all"`} {
		if got := strings.Join(f.readState("/state?user="+user).data(), " "); got != want {
			t.Errorf("%s has %s; want %s", user, got, want)
		}
	}
}

// A client that waits for a state for longer than OpenTimeout comes back: to an
// EventSource any status but 200 would be the end.
func TestWhoWaitsTooLongForAStateComesBack(t *testing.T) {
	f := begin(t, func(c *Config) { c.OpenTimeout = 20 * time.Millisecond })
	f.catalog(10, 10)
	begun, release, over := make(chan bool), make(chan bool), make(chan error)
	go func() { // one who makes the state that the others wait for, and takes its time
		_, err := f.hub.ShareState(t.Context(), stream.StateRequest{Streams: []int{news}}, func(*stream.StatePart) error {
			begun <- true
			<-release
			return nil
		})
		over <- err
	}()
	<-begun
	if s := f.get("/state?user=alice&stream=news"); s.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("the state: %s", s.Status)
	}
	s := f.get("/events?user=alice&stream=news&snapshot=1", "Accept", "text/event-stream")
	s.want("sluice.unavailable", `{"reason":"state_bytes","retry_ms":15000}`)
	s.wantEnd()
	close(release)
	if err := <-over; err != nil {
		t.Error(err)
	}
	f.get("/events?user=alice&stream=news&snapshot=1", "Accept", "text/event-stream").want("sluice.snapshot", "*")
	if inUse := f.stateBudget.InUse(); inUse < 0 {
		t.Errorf("%d in use", inUse)
	}
}
