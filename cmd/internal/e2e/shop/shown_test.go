package shop

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// shown is what a page shows of orders.
type shown struct {
	Connection string            `json:"connection"`
	Applied    int               `json:"applied"`
	Orders     map[string]onPage `json:"orders"`
	Twice      []string          `json:"twice"` // orders that have two lines
}

// onPage is one order on a page.
type onPage struct {
	Status   string `json:"status"`
	Events   int    `json:"events"`   // that came live
	Rendered string `json:"rendered"` // its status before any did; "": it wasn't there
}

func (p *tab) shows(list string) (s shown) {
	p.t.Helper()
	text := ask[string](p, fmt.Sprintf(`(() => {
		const orders = {}, twice = [];
		for (const {dataset: {order, status, events}} of document.querySelectorAll('[data-testid=%s] > li[data-order]')) {
			if (order in orders) twice.push(order);
			orders[order] = {status, events: Number(events), rendered: watched.rendered[order] ?? ""};
		}
		return JSON.stringify({
			orders, twice,
			connection: %s?.dataset.state ?? %[2]s?.textContent ?? "",
			applied: Number(%[3]s?.textContent.match(/\d+/)?.[0] ?? -1),
		});
	})()`, list, find("connection"), find("applied")))
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
	return s
}

// compare says what is different between what Kafka has of orders and what a page shows
// of them. missing can still come; wrong can't be mended by anything that comes.
func compare(orders map[string]account, page shown) (missing, wrong []string) {
	applied := 0
	for id, has := range orders {
		on, there := page.Orders[id]
		began := map[string]int{"placed": 1, "confirmed": 2}[on.Rendered]
		switch got := began + on.Events; {
		case !there:
			missing = append(missing, id+" is not there")
		case got < has.events:
			missing = append(missing, fmt.Sprintf("%s (%s) has had %d of %d events", id, on.Status, got, has.events))
		case got > has.events:
			wrong = append(wrong, fmt.Sprintf("%s has had %d events, and there are %d", id, got, has.events))
		case on.Status != has.status:
			wrong = append(wrong, fmt.Sprintf("%s is shown %s and is %s", id, on.Status, has.status))
		}
		applied += on.Events
	}
	for id := range page.Orders {
		if _, known := orders[id]; !known {
			wrong = append(wrong, id+" is shown, and is nobody's or another's")
		}
	}
	for _, id := range page.Twice {
		wrong = append(wrong, id+" has two lines")
	}
	if len(missing) == 0 && page.Applied != applied {
		wrong = append(wrong, fmt.Sprintf("the page says that %d events came live, and its orders had %d", page.Applied, applied))
	}
	slices.Sort(missing)
	slices.Sort(wrong)
	return missing, wrong
}

// exact waits until a page's list is what Kafka has, counted. Each order is there with
// its last status, and has had each of its events once. They came by the state that the
// page was rendered from, or live.
func (p *tab) exact(orders map[string]account) shown {
	p.t.Helper()
	return p.exactIn("orders", orders)
}

func (p *tab) exactIn(list string, orders map[string]account) (s shown) {
	p.t.Helper()
	await(p.t, func() string {
		s = p.shows(list)
		missing, wrong := compare(orders, s)
		if len(wrong) > 0 {
			p.t.Fatalf("%s (%s), of %d orders:\n%s", p.name, s.Connection, len(orders), strings.Join(wrong, "\n"))
		}
		if len(missing) > 0 {
			return fmt.Sprintf("%s (%s), of %d orders: %s", p.name, s.Connection, len(orders), strings.Join(missing[:min(10, len(missing))], "; "))
		}
		return ""
	})
	return s
}

// The comparison itself finds what may go wrong.
func TestCompare(t *testing.T) {
	kafka := map[string]account{"old": {2, "confirmed"}, "new": {2, "confirmed"}}
	for _, tt := range []struct {
		name           string
		page           shown
		missing, wrong int
	}{
		{"all there", shown{Applied: 3, Orders: map[string]onPage{"old": {"confirmed", 1, "placed"}, "new": {"confirmed", 2, ""}}}, 0, 0},
		{"an order lost", shown{Applied: 1, Orders: map[string]onPage{"old": {"confirmed", 1, "placed"}}}, 1, 0},
		{"an event lost before the last", shown{Applied: 2, Orders: map[string]onPage{"old": {"confirmed", 1, "placed"}, "new": {"confirmed", 1, ""}}}, 1, 0},
		{"the last event lost", shown{Applied: 2, Orders: map[string]onPage{"old": {"placed", 0, "placed"}, "new": {"confirmed", 2, ""}}}, 1, 0},
		{"an event twice", shown{Applied: 4, Orders: map[string]onPage{"old": {"confirmed", 2, "placed"}, "new": {"confirmed", 2, ""}}}, 0, 1},
		{"an event of the state again", shown{Applied: 3, Orders: map[string]onPage{"old": {"confirmed", 1, "confirmed"}, "new": {"confirmed", 2, ""}}}, 0, 1},
		{"a status that is another", shown{Applied: 3, Orders: map[string]onPage{"old": {"placed", 1, "placed"}, "new": {"confirmed", 2, ""}}}, 0, 1},
		{"another's order", shown{Applied: 3, Orders: map[string]onPage{"old": {"confirmed", 1, "placed"}, "new": {"confirmed", 2, ""}, "x": {"placed", 0, "placed"}}}, 0, 1},
		{"an order on two lines", shown{Applied: 3, Orders: map[string]onPage{"old": {"confirmed", 1, "placed"}, "new": {"confirmed", 2, ""}}, Twice: []string{"old"}}, 0, 1},
		{"a wrong sum", shown{Applied: 4, Orders: map[string]onPage{"old": {"confirmed", 1, "placed"}, "new": {"confirmed", 2, ""}}}, 0, 1},
	} {
		if missing, wrong := compare(kafka, tt.page); len(missing) != tt.missing || len(wrong) != tt.wrong {
			t.Errorf("%s: missing %q, wrong %q", tt.name, missing, wrong)
		}
	}
}
