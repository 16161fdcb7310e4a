package server

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"sluice/stream/cursor"
)

const onceForAlice = `{"user":"alice","once":true}`

// usedTicket is a once-ticket of alice's with the stream that it opened, and that
// stream's first id.
func (f *fixture) usedTicket(key string) (ticket string, first *opened, id string) {
	f.t.Helper()
	ticket = f.ticket(key, onceForAlice).Ticket
	first = f.get("/events?ticket=" + ticket)
	return ticket, first, first.want("sluice.hello", "*").ID
}

// wantUsed asks with a used ticket, and is refused.
func (f *fixture) wantUsed(path string, headers ...string) {
	f.t.Helper()
	if s := f.get(path, headers...); s.StatusCode != http.StatusUnauthorized || !strings.Contains(s.body(), "identity-used") {
		f.t.Errorf("%.100s %q: %d, want 401", path, headers, s.StatusCode)
	}
}

// A browser comes back to the URL of its EventSource with the last id that it got.
func TestTheStreamOfAOnceTicketComesBack(t *testing.T) {
	f, key := backend(t)
	ticket, s, id := f.usedTicket(key)
	for n, data := range []string{"1", "2", "3"} {
		s.cancel()
		f.order("alice", data)
		at, header := "/events?ticket="+ticket, []string{"Last-Event-ID", id}
		if n == 1 { // a page that opens a new EventSource
			at, header = at+"&lastEventId="+url.QueryEscape(id), nil
		}
		s = f.get(at, header...)
		s.want("sluice.hello", `{"resume":"resumed","heartbeat":9000,"streams":["orders","news"]}`)
		id = s.want("message", data).ID
	}
	// The URL's own position, from before the ticket was used, is no proof, nor does it
	// hinder.
	s = f.get("/events?lastEventId=orders@e:0~news@e:0&ticket="+ticket, "Last-Event-ID", id)
	s.want("sluice.hello", "*")
	f.order("alice", "4")
	s.want("message", "4")
	f.wantUsed("/events?ticket=" + ticket)
}

func TestAUsedTicketIsRefusedWithAnyOtherID(t *testing.T) {
	f, key := backend(t)
	ticket, _, own := f.usedTicket(key)
	_, _, second := f.usedTicket(key)
	bob := f.get("/events?ticket="+f.ticket(key, `{"user":"bob","once":true}`).Ticket).want("sluice.hello", "*").ID
	plain := f.get("/events?ticket="+f.ticket(key, `{"user":"alice"}`).Ticket).want("sluice.hello", "*").ID
	position, notes := cursor.SplitNotes(own)
	if len(notes) != 1 || plain != position {
		t.Fatalf("ids %q and %q", own, plain)
	}
	flipped := []byte(own)
	flipped[len(flipped)-3] ^= 1
	for name, id := range map[string]string{
		"none":                          "",
		"of another ticket of the user": second,
		"of another user's":             bob,
		"of a stream without once":      plain,
		"made up":                       plain + "~.AAAAAAAAAAAAAAAAAAAAAA",
		"of no note":                    plain + "~.",
		"changed":                       string(flipped),
		"cut short":                     own[:len(own)-1],
		"not at its end":                notes[0] + "~" + position,
	} {
		t.Run(name, func(t *testing.T) {
			f.wantUsed("/events?ticket="+ticket, "Last-Event-ID", id)
			f.wantUsed("/events?ticket=" + ticket + "&lastEventId=" + url.QueryEscape(id))
			f.wantUsed("/state?ticket="+ticket, "Last-Event-ID", id)
			f.wantUsed("/state?ticket=" + ticket + "&cursor=" + url.QueryEscape(plain))
		})
	}
	// What the ticket's own stream was sent is good with its own ticket, and a mere position
	// with another one.
	f.get("/events?ticket="+ticket, "Last-Event-ID", own).want("sluice.hello", "*")
	f.get("/events?ticket="+f.ticket(key, onceForAlice).Ticket, "Last-Event-ID", own).
		want("sluice.hello", `{"resume":"resumed","heartbeat":9000,"streams":["orders","news"]}`)
}

// Another gateway, and the one after a restart, know by the id that the stream was there.
// Without the id they take no ticket that may have been used before they began.
func TestAOnceTicketOnAnotherGateway(t *testing.T) {
	f, key := backend(t)
	ticket, _, id := f.usedTicket(key)
	unused := f.ticket(key, onceForAlice)
	eventually(t, "the clock has gone on", func() bool { return f.ticket(key, onceForAlice).Expires.After(unused.Expires) })
	restarted, _ := backend(t)
	restarted.wantUsed("/events?ticket=" + ticket)
	restarted.wantUsed("/events?ticket=" + unused.Ticket)
	restarted.get("/events?ticket="+ticket, "Last-Event-ID", id).want("sluice.hello", "*")
	restarted.wantUsed("/events?ticket=" + ticket)
}

// A stream that begins with the state has no position until all of it is sent. What the
// page has got by then is enough.
func TestASnapshotOfAOnceTicketComesBack(t *testing.T) {
	f, key := backend(t)
	f.about(orders, 1, "o-1", "order.confirmed", `{}`, "alice")
	ticket := f.ticket(key, onceForAlice).Ticket
	cut := f.get("/events?snapshot=1&ticket=" + ticket)
	id := cut.want("sluice.snapshot", "*").ID
	if position, notes := cursor.SplitNotes(id); position != "" || len(notes) != 1 {
		t.Fatalf("the id %q", id)
	}
	cut.cancel()
	s := f.get("/events?snapshot=1&ticket="+ticket, "Last-Event-ID", id)
	s.want("sluice.snapshot", "*")
	s.want("order.confirmed", "{}")
	s.want("sluice.hello", `{"resume":"snapshot","heartbeat":9000,"streams":["orders","news"]}`)
}

func TestPollsOfAOnceTicketGoOn(t *testing.T) {
	f, key := backend(t)
	ticket := f.ticket(key, onceForAlice).Ticket
	poll := func(cursor string) string {
		return f.readState("/state?ticket=" + ticket + "&cursor=" + url.QueryEscape(cursor)).Cursor
	}
	first := poll("orders@e:0~news@e:0")
	f.order("alice", "1")
	if second := poll(first); second == first {
		t.Errorf("the cursor is still %q", second)
	}
	f.wantUsed("/state?ticket=" + ticket + "&cursor=orders@e:0~news@e:0")
}

// A page may be rendered from the state and open its stream there, with one ticket.
func TestTheStateOfAOnceTicketLeadsToItsStream(t *testing.T) {
	f, key := backend(t)
	ticket := f.ticket(key, onceForAlice).Ticket
	for range 2 { // HEAD only looks
		r, err := f.client.Head(f.url + "/state?ticket=" + ticket)
		if err != nil || r.StatusCode != http.StatusOK {
			t.Fatalf("%v, %v", r, err)
		}
	}
	at := f.readState("/state?ticket=" + ticket).Cursor
	f.wantUsed("/state?ticket=" + ticket)
	f.order("alice", "1")
	s := f.get("/events?ticket=" + ticket + "&lastEventId=" + url.QueryEscape(at))
	s.want("sluice.hello", "*")
	s.want("message", "1")
}
