package e2e

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"sluice/cmd/internal/e2e/gateway"
)

const (
	unavailable = "sluice.unavailable"
	closing     = "sluice.closing"
)

// pageClose is what a page sees of a WebSocket that is refused, or ends.
type pageClose struct {
	event  string // of the last message; "": nothing is said
	reason string
	code   int
	unseen string // why no page sees it in this test
}

const byStatus = "pages are not told of a status, and this one stays one"

// pageCloses are all reasons.
var pageCloses = []pageClose{
	{closing, "max_age", 1001, ""},
	{closing, "draining", 1012, ""},
	{closing, "operator", 1012, ""},
	{closing, "reload", 1012, ""},
	{closing, "withdrawn", 1013, ""},
	{closing, "expiring", 4401, ""},
	{closing, "revoked", 4401, ""},
	{closing, "lagged", 4408, ""},
	{closing, "evicted", 4429, ""},
	{"", "slow", 4408, ""},

	{unavailable, "draining", 1012, ""},
	{unavailable, "warming", 1013, ""},
	{unavailable, "kafka", 1013, ""},
	{unavailable, "identity", 1013, ""},
	{unavailable, "withdrawn", 1013, ""},
	{unavailable, "connections", 1013, ""},
	{unavailable, "connects", 1013, ""},
	{unavailable, "per_user", 1013, ""},
	{unavailable, "per_user_catchups", 1013, ""},
	{unavailable, "per_ip", 1013, ""},
	{unavailable, "per_ip_connects", 1013, ""},
	{unavailable, "per_ip_catchups", 1013, ""},
	{unavailable, "state_bytes", 1013, ""},
	{unavailable, "per_ip_requests", 1006, byStatus},
	{unavailable, "overloaded", 1013, "no page can use up a gateway's descriptors: see TestOverloaded in server"},
	{unavailable, "probes", 1013, "no WebSocket is a probe"},
	{unavailable, "per_ip_probes", 1013, "no WebSocket is a probe"},
	{unavailable, "publish_bytes", 1013, "no WebSocket publishes"},
	{unavailable, "publish_keys", 1013, "no WebSocket publishes"},
	{unavailable, "publish_rate", 1013, "no WebSocket publishes"},

	{unavailable, "identity-missing", 4401, ""},
	{unavailable, "identity-malformed", 4401, ""},
	{unavailable, "identity-algorithm", 4401, ""},
	{unavailable, "identity-signature", 4401, ""},
	{unavailable, "identity-expired", 4401, ""},
	{unavailable, "identity-no_expiry", 4401, ""},
	{unavailable, "identity-not_yet_valid", 4401, ""},
	{unavailable, "identity-issuer", 4401, ""},
	{unavailable, "identity-audience", 4401, ""},
	{unavailable, "identity-user", 4401, ""},
	{unavailable, "identity-session", 4401, ""},
	{unavailable, "identity-used", 4401, ""},
	{unavailable, "identity-revoked", 4401, ""},
	{unavailable, "identity-key", 4401, "it is of API keys, which are for back ends"},
	{unavailable, "stream", 4403, ""},
	{unavailable, "subject", 4403, ""},
	{unavailable, "scope", 4403, "it is of a developer's key, which is for programs; it goes the way of stream"},
	{unavailable, "cross-origin", 1006, byStatus},

	// What a client does wrong.
	{"", "a frame is not masked", 1002, "browsers mask: see the tests of server/ws"},
	{"", "messages are text", 1003, ""},
	{"", "a text is not UTF-8", 1007, "browsers send UTF-8: see TestClientFaults in server"},
	{"", "too many messages", 1008, ""},
	{"", "a message is too long", 1009, ""},
}

// pageCloseOf is the row of an event and a reason.
func pageCloseOf(t *testing.T, event, reason string) *pageClose {
	t.Helper()
	for i := range pageCloses {
		if p := &pageCloses[i]; p.event == event && p.reason == reason {
			return p
		}
	}
	t.Fatalf("pageCloses has no row for %s %s", event, reason)
	return nil
}

// reasonsSaid are the reasons that a gateway's description and metrics name, each with
// its event.
func reasonsSaid(t *testing.T, g *gateway.Gateway) (said []pageClose) {
	t.Helper()
	var described struct {
		Components struct {
			Schemas map[string]struct {
				Properties struct{ Reason struct{ Enum []string } }
			}
		}
		Paths map[string]map[string]struct {
			Responses map[string]json.RawMessage
		}
	}
	response, err := get(bounded(t), g.URL()+"/openapi.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&described); err != nil {
		t.Fatal(err)
	}
	for schema, event := range map[string]string{"Closing": closing, "Unavailable": unavailable} {
		for _, reason := range described.Components.Schemas[schema].Properties.Reason.Enum {
			said = append(said, pageClose{event: event, reason: reason})
		}
	}
	for _, status := range []string{"401", "403"} {
		text := string(described.Paths["/ws"]["get"].Responses[status])
		text, _, _ = strings.Cut(text, `"example"`)
		for _, problem := range regexp.MustCompile(`urn:sluice:problem:([a-z_-]+)`).FindAllStringSubmatch(text, -1) {
			said = append(said, pageClose{event: unavailable, reason: problem[1]})
		}
	}
	if len(said) < 35 {
		t.Fatalf("/openapi.json names only %v", said)
	}
	for name := range metrics(t, g) {
		reason, counted := strings.CutPrefix(name, `sluice_streams_closed_total{reason="`)
		if reason = strings.TrimSuffix(reason, `"}`); counted && reason != "gone" {
			said = append(said, pageClose{reason: reason})
		}
	}
	return said
}

// everyReasonHasARow fails for a reason that a gateway may give and pageCloses lacks.
func everyReasonHasARow(t *testing.T, g *gateway.Gateway) {
	t.Helper()
	for _, s := range reasonsSaid(t, g) {
		found := false
		for _, p := range pageCloses {
			found = found || p.reason == s.reason && (p.event == s.event || s.event == "")
		}
		if !found {
			t.Errorf("pageCloses has no row for %s %s", s.event, s.reason)
		}
	}
}
