package server

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/server/auth"
	"sluice/server/limit"
	"sluice/stream"
	"sluice/stream/cursor"
)

func evicting(n int) func(*Config) {
	return func(c *Config) {
		c.Auth = auth.None{}
		c.Limits = limit.Limits{PerUser: n, EvictOldest: true}
	}
}

func TestTheOldestStreamGivesWayToANewOne(t *testing.T) {
	f := begin(t, evicting(2))
	open := func(more ...string) *opened {
		return f.get("/events?user=alice", append([]string{"Accept", "text/event-stream"}, more...)...)
	}
	first, second := open(), open()
	first.want("sluice.hello", "*")
	second.want("sluice.hello", "*")
	third := open()
	third.want("sluice.hello", "*")
	closing := first.want("sluice.closing", `{"reason":"evicted","retry_ms":60000}`)
	first.wantEnd()
	if closing.ID == "" {
		t.Error("no id to come back with")
	}
	eventually(t, "it is counted no more", func() bool { return f.closings(evicted) == 1 })

	// The client that gave way is refused, and is told for how long.
	told := func(retry int) bool { return retry > 590_000 && retry <= 600_000 }
	isRefused := func() {
		t.Helper()
		back := open("Last-Event-ID", closing.ID)
		var said struct {
			Reason string
			Retry  int `json:"retry_ms"`
		}
		if err := json.Unmarshal([]byte(back.want("sluice.unavailable", "*").Data), &said); err != nil || said.Reason != limit.PerUser || !told(said.Retry) {
			t.Errorf("%+v, %v", said, err)
		}
		back.wantEnd()
		raw := f.get("/events?user=alice", "Last-Event-ID", closing.ID, "Accept", "text/plain")
		if retry, err := strconv.Atoi(raw.Header.Get("Retry-After")); raw.StatusCode != http.StatusTooManyRequests || err != nil || !told(1000*retry) {
			t.Errorf("%d, Retry-After %q", raw.StatusCode, raw.Header.Get("Retry-After"))
		}
	}
	for range 3 {
		isRefused()
	}
	f.get("/events?user=bob", "Last-Event-ID", closing.ID).want("sluice.hello", "*")

	// Another page at the same position evicts nobody, and is let in where there is room.
	position, _ := cursor.SplitNotes(closing.ID)
	open("Last-Event-ID", position).want("sluice.unavailable", `{"reason":"per_user","retry_ms":15000}`)
	third.cancel()
	eventually(t, "there is room, at nobody's cost", func() bool {
		back := open("Last-Event-ID", position)
		defer back.cancel()
		e, err := back.events.Next()
		return err == nil && e.Name == "sluice.hello"
	})
	isRefused() // also where there is room
	f.order("alice", "1")
	second.want("message", "1")
	if n := f.closings(evicted); n != 1 {
		t.Errorf("%v evictions", n)
	}
}

// A stream that is evicted while it is sent the state has no position, and is known again
// nevertheless.
func TestAStreamEvictedInItsSnapshotStaysAway(t *testing.T) {
	f := begin(t, evicting(1))
	f.large()
	conn, status := f.stallBy("/events?user=alice&stream=news&snapshot=1", "203.0.113.1", 256<<10)
	if status != "200" {
		t.Fatal(status)
	}
	f.get("/events?user=alice", "Accept", "text/event-stream").want("sluice.hello", "*")
	rest, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(rest), "\nid: ")
	id, _, _ := strings.Cut(after, "\n")
	if position, notes := cursor.SplitNotes(id); position != "" || len(notes) != 1 {
		t.Fatalf("the id %q", id)
	}
	f.get("/events?user=alice&stream=news&snapshot=1", "Accept", "text/event-stream", "Last-Event-ID", id).want("sluice.unavailable", "*")
}

// Pages that come back when they are told to don't evict each other.
func TestThirteenTabsForTenMinutesTakeOneEviction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := limit.NewEvictions()
		l := limit.New(limit.Limits{PerUser: 12})
		user := l.Callers("alice", netip.Addr{})[0]
		type tab struct {
			id    string
			open  bool
			again time.Time
		}
		tabs := make([]tab, 13)
		evictions := 0
		began := time.Now()
		for at := began; at.Before(began.Add(10 * time.Minute)); at = at.Add(time.Second) {
			<-time.After(time.Until(at))
			for i := range tabs {
				me := &tabs[i]
				if me.open || time.Now().Before(me.again) {
					continue
				}
				position, notes := cursor.SplitNotes(me.id)
				if left := e.Refuses(user, notes); left > 0 {
					me.again = time.Now().Add(left)
					continue
				}
				if _, why := l.Acquire("alice", netip.Addr{}); why == "" {
					me.open = true
					continue
				}
				me.again = time.Now().Add(15 * time.Second)
				if !e.MayEvict(user, position) {
					continue
				}
				evictions++
				oldest := &tabs[0]
				oldest.open, oldest.id, oldest.again = false, e.Remember(user, "position"), time.Now().Add(evictedRetry.duration())
				me.open = true
			}
		}
		if evictions != 1 {
			t.Errorf("%d evictions", evictions)
		}
	})
}

// A request that comes to no stream evicts none, however often it asks. It may have a
// used ticket, a position that Kafka can't be asked for, or be a probe of doctor's.
func TestNothingGivesWayToARequestThatComesToNoStream(t *testing.T) {
	f, key := backendWith(t, func(c *Config) { c.Limits = limit.Limits{PerUser: 1, EvictOldest: true} })
	ticket, used, _ := f.usedTicket(key)
	other := f.ticket(key, `{"user":"alice"}`).Ticket
	f.hub.SetHistory(silentKafka{})
	for range 3 {
		f.wantUsed("/events?ticket="+ticket, "Accept", "text/event-stream")
		away := f.get("/events?from=earliest&ticket="+other, "Accept", "text/event-stream")
		away.want("sluice.unavailable", `{"reason":"kafka","retry_ms":1500}`)
		away.wantEnd()
		f.get("/events?probe=1x1@10ms&ticket="+other, "Accept", "text/event-stream").want("sluice.unavailable", `{"reason":"per_user","retry_ms":15000}`)
	}
	f.order("alice", "1")
	used.want("message", "1")
	f.get("/events?ticket="+other, "Accept", "text/event-stream").want("sluice.hello", "*")
	used.want("sluice.closing", `{"reason":"evicted","retry_ms":60000}`)
	eventually(t, "one gave way", func() bool { return f.closings(evicted) == 1 })
}

// silentKafka answers nothing.
type silentKafka struct{ half }

func (silentKafka) Bounds(context.Context, int) (stream.Bounds, error) {
	return stream.Bounds{}, stream.ErrUnavailable
}

// What an evicted client is told never takes the place of a position that it has.
func TestAnEvictedStreamThatTheLogHasOvertakenKeepsItsPosition(t *testing.T) {
	f := newFixture(t, evicting(1))
	f.warm()
	sub, _, err := f.hub.Open(t.Context(), stream.Request{Streams: []int{orders}, User: "alice", Waker: f.hub.AddWaker(deaf{})})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	s := newSession(&f.rules, f.rules.now(), sub, time.Time{}, 0)
	for range 2 * logBytes >> 20 {
		f.order("alice", strings.Repeat("x", 1<<20))
	}
	f.hub.EvictOldest("alice", func(uint64) bool { return true })
	var out stream.Batch
	if s.fill(&f.rules, f.rules.now(), &out) != end || s.why != evicted {
		t.Fatalf("it ended as %v", s.why)
	}
	if text := string(bytes.Join(out.Bufs, nil)); strings.Contains(text, "id:") || !strings.Contains(text, "sluice.closing") {
		t.Errorf("it was told %q", text)
	}
}

// The stream of a once-ticket that is evicted while it is sent the state is still known
// as that ticket's.
func TestAOnceTicketEvictedInItsSnapshotIsKnown(t *testing.T) {
	f, key := backendWith(t, func(c *Config) { c.Limits = limit.Limits{PerUser: 1, EvictOldest: true} })
	f.large()
	ticket := f.ticket(key, onceForAlice).Ticket
	conn, status := f.stallBy("/events?stream=news&snapshot=1&ticket="+ticket, "203.0.113.1", 256<<10)
	if status != "200" {
		t.Fatal(status)
	}
	other := f.get("/events?ticket="+f.ticket(key, `{"user":"alice"}`).Ticket, "Accept", "text/event-stream")
	other.want("sluice.hello", "*")
	rest, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	ids := strings.Split(string(rest), "\nid: ")
	id, _, _ := strings.Cut(ids[len(ids)-1], "\n")
	if position, notes := cursor.SplitNotes(id); position != "" || len(notes) != 2 {
		t.Fatalf("the id %q", id)
	}
	other.cancel()
	f.rules.evictions.Forget() // ten minutes later
	eventually(t, "there is room", func() bool { return f.hub.Subscribers() == 0 })
	f.get("/events?stream=news&snapshot=1&ticket="+ticket, "Last-Event-ID", id).want("sluice.snapshot", "*")
}

func TestAPollGivesWayToNobody(t *testing.T) {
	f := begin(t, evicting(1))
	got := make(chan answered)
	go func() { got <- f.readState(pollPath("orders@e:0", "60s")) }()
	eventually(t, "it waits", func() bool { return f.metric("sluice_polls") == 1 })
	for range 3 {
		f.get("/events?user=alice", "Accept", "text/event-stream").want("sluice.unavailable", `{"reason":"per_user","retry_ms":15000}`)
	}
	f.order("alice", "1")
	if a := <-got; len(a.Events) != 1 {
		t.Errorf("%+v", a)
	}
}
