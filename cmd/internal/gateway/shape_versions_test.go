package gateway

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Views of one topic: two versions for buyers, one for sellers, one that staff may read,
// and one that reads the records as text.
const views = `
  orders-v1: {topic: orders, user: value:buyer, subject: value:id, transform: '{id, status}', deprecated: {since: 2026-11-01, successor: orders-v2}}
  orders-v2: {topic: orders, user: value:buyer, subject: value:cart, event: value:status, filter: '.status != "draft"', drop: [cost]}
  sales: {topic: orders, user: value:seller, subject: value:id, keep: [id, cost]}
  board: {topic: orders, audience: everyone, access: [staff], subject: value:id, drop: [buyer, seller]}
  raw: {topic: orders, decode: text, user: key, access: [audit]}
`

func newViews(t *testing.T) *shaping {
	t.Helper()
	return newShapingFor(t, []string{"orders"}, fmt.Sprintf(`{jwt: {secret: %q, from: [header, "query:token"]}}`, inquestKey), views[1:])
}

// order produces an order of alice's, which bob sells.
func (s *shaping) order(id, status string) {
	s.t.Helper()
	s.produce(kgo.Record{Topic: "orders", Key: []byte("audit"), Value: fmt.Appendf(nil, `{"id":%q,"cart":"c-1","buyer":"alice","seller":"bob","status":%q,"cost":7}`, id, status)})
}

// stateOf is what /state says to a caller, as "stream subject data" each.
func (s *shaping) stateOf(token, streams string) (all []string) {
	s.t.Helper()
	status, body := get(s.t, s.public("/state?token="+token+"&stream="+streams))
	if status != http.StatusOK {
		return []string{fmt.Sprint(status)}
	}
	var state struct {
		Events []struct {
			Stream, Subject string
			Data            json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(body), &state); err != nil {
		s.t.Fatalf("%v: %s", err, body)
	}
	for _, e := range state.Events {
		all = append(all, e.Stream+" "+e.Subject+" "+string(e.Data))
	}
	slices.Sort(all)
	return all
}

// Each view of a topic has its own shape, state, subjects, owners and access.
func TestViewsOfATopicKeepApart(t *testing.T) {
	s := newViews(t)
	alice, bob, sam, auditor := token("alice"), token("bob"), token("sam", "staff"), token("audit", "audit")
	buyer := s.follow("stream=orders-v1,orders-v2&token=" + alice)
	seller := s.follow("token=" + bob) // all that bob may read: sales has the events that are his
	staff := s.follow("stream=board&token=" + sam)
	audit := s.follow("stream=raw&token=" + auditor)

	s.order("o-1", "draft")
	s.order("o-1", "paid")
	s.order("o-2", "draft")
	full := func(id, status string) string {
		return fmt.Sprintf(`{"id":%q,"cart":"c-1","buyer":"alice","seller":"bob","status":%q,"cost":7}`, id, status)
	}
	for _, one := range []struct {
		who  string
		next func() string
		want []string
	}{
		{"alice", buyer, []string{`{"id":"o-1","status":"draft"}`, `{"id":"o-1","status":"paid"}`, `{"id":"o-2","status":"draft"}`, `paid {"id":"o-1","cart":"c-1","buyer":"alice","seller":"bob","status":"paid"}`}},
		{"bob", seller, []string{`{"id":"o-1","cost":7}`, `{"id":"o-1","cost":7}`, `{"id":"o-2","cost":7}`}},
		{"sam", staff, []string{`{"id":"o-1","cart":"c-1","status":"draft","cost":7}`, `{"id":"o-1","cart":"c-1","status":"paid","cost":7}`, `{"id":"o-2","cart":"c-1","status":"draft","cost":7}`}},
		{"the auditor", audit, []string{full("o-1", "draft"), full("o-1", "paid"), full("o-2", "draft")}},
	} {
		var got []string
		for range one.want {
			got = append(got, one.next())
		}
		// Events of two streams come in any order. Those of alice's second one have a name.
		slices.SortStableFunc(got, func(a, b string) int { return cmp.Compare(strings.Index(a, "{"), strings.Index(b, "{")) })
		if !slices.Equal(got, one.want) {
			t.Errorf("events of %s: %q; want %q", one.who, got, one.want)
		}
	}

	for _, one := range []struct {
		who, token, streams string
		want                []string
	}{
		// The draft takes the place of the paid order in the view that is by cart, and isn't
		// shown.
		{"alice", alice, "orders-v1,orders-v2", []string{`orders-v1 o-1 {"id":"o-1","status":"paid"}`, `orders-v1 o-2 {"id":"o-2","status":"draft"}`}},
		{"alice", alice, "sales", nil},
		{"alice", alice, "board", []string{"403"}},
		{"alice", alice, "raw", []string{"403"}},
		{"bob", bob, "sales", []string{`sales o-1 {"id":"o-1","cost":7}`, `sales o-2 {"id":"o-2","cost":7}`}},
		{"bob", bob, "orders-v1,orders-v2", nil},
		{"sam", sam, "board", []string{`board o-1 {"id":"o-1","cart":"c-1","status":"paid","cost":7}`, `board o-2 {"id":"o-2","cart":"c-1","status":"draft","cost":7}`}},
		{"sam", sam, "sales,orders-v1", nil},
	} {
		if got := s.stateOf(one.token, one.streams); !slices.Equal(got, one.want) {
			t.Errorf("/state of %s for %s: %q; want %q", one.streams, one.who, got, one.want)
		}
	}
	s.order("o-3", "paid")
	if got := s.stateAfter(alice, "orders-v2", "c-1"); len(got) != 1 || !strings.HasPrefix(got[0], `orders-v2 c-1 {"id":"o-3"`) {
		t.Errorf("a paid order after the draft: %q", got)
	}
}

// stateAfter waits for a subject to be in a state.
func (s *shaping) stateAfter(token, stream, subject string) []string {
	s.t.Helper()
	s.until(s.public("/state?token="+token+"&stream="+stream), has(`"subject":"`+subject+`"`))
	return s.stateOf(token, stream)
}

// An id has a position in the views that it was written for, and in no other.
func TestIDsOfViewsOfATopicKeepApart(t *testing.T) {
	s := newViews(t)
	alice := token("alice")
	position := func(stream string) string {
		t.Helper()
		body := s.until(s.public("/state?token="+alice+"&stream="+stream), has(`"cursor":"`+stream+"@"))
		var state struct{ Cursor string }
		if err := json.Unmarshal([]byte(body), &state); err != nil {
			t.Fatal(err)
		}
		return url.QueryEscape(state.Cursor)
	}
	v1, v2 := position("orders-v1"), position("orders-v2")
	s.order("o-1", "paid")
	s.order("o-2", "draft")
	for _, tt := range []struct{ query, want string }{
		{"stream=orders-v1&lastEventId=" + v1, `{"id":"o-1","status":"paid"}`},
		{"stream=orders-v2&lastEventId=" + v2, `paid {"id":"o-1","cart":"c-1","buyer":"alice","seller":"bob","status":"paid"}`},
	} {
		if got := s.follow(tt.query + "&token=" + alice)(); got != tt.want {
			t.Errorf("%s: %s; want %s", tt.query, got, tt.want)
		}
	}
	// The id of one view is no position in another: there the page begins live, and is told
	// so.
	next := s.followAll("stream=orders-v2&lastEventId=" + v1 + "&token=" + alice)
	if got := next(); !strings.HasPrefix(got, `sluice.hello {"resume":"live"`) {
		t.Errorf("another view's id: %s", got)
	}
	s.order("o-4", "paid")
	if got := next(); !strings.Contains(got, `"id":"o-4"`) {
		t.Errorf("after it: %s", got)
	}
}

// A caller who may read one view learns nothing of another, and no record crosses over.
func TestAViewTellsNothingOfAnother(t *testing.T) {
	s := newViews(t)
	bob := token("bob")
	for _, stream := range []string{"board", "raw", "nothing"} {
		status, body := get(t, s.public("/events?stream="+stream+"&token="+bob))
		if status != http.StatusForbidden || strings.Contains(body, "staff") {
			t.Errorf("%s: %d %s", stream, status, body)
		}
	}
	_, found := get(t, s.public("/.well-known/sluice?token="+bob))
	for _, hidden := range []string{"board", `"raw"`, "staff"} {
		if strings.Contains(found, hidden) {
			t.Errorf("discovery tells of %s: %s", hidden, found)
		}
	}
	s.order("o-1", "paid")
	var d decided
	body := s.until(s.admin("/decisions?topic=orders&partition=0&offset=0&user=bob"), func(_ int, body string) bool {
		return json.Unmarshal([]byte(body), &d) == nil && len(d.Records) == 5
	})
	causes := make(map[string]string)
	for _, r := range d.Records {
		causes[r.Stream] = r.Cause
	}
	for stream, want := range map[string]string{"orders-v1": "wrong_user", "orders-v2": "wrong_user", "sales": "not_connected", "raw": "wrong_user"} {
		if causes[stream] != want {
			t.Errorf("%s: %s, want %s: %s", stream, causes[stream], want, body)
		}
	}
}
