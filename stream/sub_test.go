package stream

import (
	"testing"
	"time"
)

func TestEndUserEndsHisAndNoOneElses(t *testing.T) {
	h := NewHub(Config{Streams: []Spec{{Name: "orders", Replay: time.Hour}}})
	defer h.Close()
	h.Begin(0, "e", []int64{0})
	h.SetWarm(0)
	waker := h.AddWaker(noWaker{})
	subs := map[string][]Sub{}
	for _, user := range []string{"alice", "alice", "alicea", "Alice", "bob"} {
		s, _, err := h.Open(t.Context(), Request{Streams: []int{0}, User: user, Waker: waker})
		if err != nil {
			t.Fatal(err)
		}
		subs[user] = append(subs[user], s)
	}
	if n := h.EndUser("alice"); n != 2 {
		t.Errorf("ended %d", n)
	}
	if n := h.EndUser("nobody"); n != 0 {
		t.Errorf("ended %d of nobody's", n)
	}
	subs["bob"][0].End()
	for user, list := range subs {
		want := Drained
		if user == "alice" || user == "bob" {
			want = Ended
		}
		for _, s := range list {
			var b Batch
			if got := s.Pull(&b, 1000); got != want {
				t.Errorf("%s: %v, want %v", user, got, want)
			}
			s.Close()
			s.End() // of one that is closed does nothing
		}
	}
}
