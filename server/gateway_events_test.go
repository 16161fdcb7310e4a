package server

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"sluice/stream"
	"sluice/stream/sse"
	"sluice/stream/ssetest"
)

// unheard is a waker that nobody waits at.
type unheard struct{}

func (unheard) Wake(uint32) {}

// What the gateway writes for a subscription that the log has overrun since its last Pull
// has no id line. Its position isn't known, and an empty id would clear the client's last
// one.
func TestNoEventHasAnEmptyID(t *testing.T) {
	h := stream.NewHub(stream.Config{Streams: []stream.Spec{{Name: "orders", ReplayBytes: 2000}}})
	defer h.Close()
	h.Begin(0, "e", []int64{0})
	h.SetWarm(0)
	sub, opening, err := h.Open(t.Context(), stream.Request{Streams: []int{0}, User: "alice", Waker: h.AddWaker(unheard{})})
	if err != nil {
		t.Fatal(err)
	}
	var b stream.Batch
	if pulled := sub.Pull(&b, 1<<20); pulled != stream.Drained {
		t.Fatal(pulled)
	}
	now := time.Unix(1_800_000_000, 0)
	wire := appendHello(appendOpening(nil, 1000, opening), opening.ID, hello{Resume: opening.Outcome, Heartbeat: 9000, Streams: []string{"orders"}})
	wire = appendHeartbeat(wire, sub, now) // known: at the head
	h.Publish(0, []stream.Event{{Offset: 0, Users: [][]byte{[]byte("alice")}, Data: bytes.Repeat([]byte("x"), 3000)}})
	if id := sub.AppendID(nil); len(id) != 0 {
		t.Fatalf("not overrun: at %s", id)
	}
	s := &session{sub: sub}
	for _, frame := range [][]byte{
		appendHeartbeat(nil, sub, now),
		appendClosing(nil, s.id(), dismissed, 1000), appendClosing(nil, s.id(), revoked, 1000), appendClosing(nil, s.id(), maxAge, 1000),
		appendExpiring(nil, 10, 1000), appendStale(nil, now), appendFresh(nil), appendUnavailable(nil, "kafka", 1000),
		sse.AppendEvent(nil, "", stream.ResetEvent, []byte("{}")),
	} {
		wire = append(wire, frame...)
	}
	for line := range strings.Lines(string(wire)) {
		if field, value, _ := strings.Cut(strings.TrimSpace(line), ":"); field == "id" && value == "" {
			t.Errorf("an empty id in %s", wire)
		}
	}
	events := ssetest.NewReader(bytes.NewReader(wire))
	count := 0
	for e, err := events.Next(); err == nil; e, err = events.Next() {
		if count++; e.ID != "orders@e:0" || e.HasID && count > 2 {
			t.Errorf("%s leaves the client at %q", e.Name, e.ID)
		}
	}
	if count != 11 {
		t.Errorf("%d events", count)
	}
}

// A poll that the log overruns between its last Pull and its answer keeps the position it
// is at.
func TestPollHasNoEmptyCursor(t *testing.T) {
	p := &page{format: jsonBody{}, id: "orders@e:3"}
	p.reached([]byte("orders@e:4"))
	p.reached(nil)
	if body := string(p.body()); !strings.Contains(body, `"cursor":"orders@e:4"`) {
		t.Error(body)
	}
}
