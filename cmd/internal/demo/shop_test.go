package demo

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

// Each order is placed once and confirmed once, in this order, for one customer, within
// the bounds.
func TestShops(t *testing.T) {
	const rate, orders = 10, 1000
	s := openShops(rate, 1)
	type seen struct {
		placed, confirmed time.Duration
		customer          string
	}
	got := map[string]*seen{}
	var last time.Duration
	announced := 0
	for confirmed := 0; confirmed < orders; {
		h := s.next()
		if h.at < last {
			t.Fatalf("%s after %v", h.value, last)
		}
		last = h.at
		if h.topic == announcementTopic {
			announced++
			continue
		}
		var o order
		if err := json.Unmarshal(h.value, &o); err != nil {
			t.Fatal(err)
		}
		if h.topic != orderTopic || string(h.key) != o.Customer || !slices.Contains(users, o.Customer) || o.Type != "order."+o.Status {
			t.Fatalf("topic %s, key %s, value %s", h.topic, h.key, h.value)
		}
		switch before := got[o.ID]; {
		case before == nil && o.Status == "placed":
			got[o.ID] = &seen{placed: h.at, customer: o.Customer}
		case before != nil && before.confirmed == 0 && before.customer == o.Customer && o.Status == "confirmed":
			before.confirmed = h.at
			if took := h.at - before.placed; took < minConfirm || took > maxConfirm {
				t.Errorf("%s was confirmed after %v", o.ID, took)
			}
			confirmed++
		default:
			t.Fatalf("%s after %+v", h.value, before)
		}
	}
	if want := int(last/(time.Second/rate)) + 1; len(got) != want {
		t.Errorf("%d orders in %v; want %d", len(got), last, want)
	}
	if want := int((last-firstNews)/betweenNews) + 1; announced != want {
		t.Errorf("%d announcements in %v; want %d", announced, last, want)
	}
}

// Page and tests rely on the shape of a record.
func TestOrderOnTheWire(t *testing.T) {
	o := order{ID: "o-77", Customer: "alice", Shop: "Velo & Sons", Total: "23.90", Currency: "EUR"}
	const want = `{"orderId":"o-77","type":"order.confirmed","status":"confirmed","update":1,"customer":"alice","shop":"Velo & Sons","total":23.90,"currency":"EUR"}`
	if got := string(openShops(1, 1).update(o, 0, "confirmed").value); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestSameSeedSameStory(t *testing.T) {
	tell := func() string {
		var story strings.Builder
		for s := openShops(1, 7); story.Len() < 10_000; {
			story.Write(s.next().value)
		}
		return story.String()
	}
	if tell() != tell() {
		t.Error("told twice, the story differs")
	}
}
