package server

import (
	"cmp"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"sluice/server/metrics"
	"sluice/server/operators"
	"sluice/server/status"
)

// oneDelivery is a delivery that notes what operators do.
type oneDelivery struct {
	done  []string
	state string // "": running
}

func (o *oneDelivery) Deliveries() []status.Delivery {
	return []status.Delivery{{Name: "order-mail", State: cmp.Or(o.state, "running")}}
}

func (o *oneDelivery) change(what, name string) bool {
	if name != "order-mail" {
		return false
	}
	o.done = append(o.done, what)
	return true
}

func (o *oneDelivery) PauseDelivery(name string) bool  { return o.change("pause", name) }
func (o *oneDelivery) ResumeDelivery(name string) bool { return o.change("resume", name) }

// A process that only delivers has an admin address too: for operators, and not for pages
// of other origins.
func TestTheAdminAddressOfADeliverer(t *testing.T) {
	d := &oneDelivery{}
	h := NewDeliverAdmin(DeliverAdmin{Deliveries: d, Metrics: metrics.New(), Auth: operators.Auth{Token: "hush"}, Logger: slog.New(slog.DiscardHandler)})
	for _, tt := range []struct {
		method, path, token, origin string
		status                      int
		body                        string
	}{
		{"GET", "/livez", "", "", 200, `"live":true`},
		{"GET", "/readyz", "", "", 200, `{"ready":true,"deliveries":[{"name":"order-mail","ready":true,"state":"running"}]}`},
		{"GET", "/deliveries", "", "", 401, "operator"},
		{"GET", "/metrics", "wrong", "", 401, "operator"},
		{"POST", "/deliveries/order-mail/pause", "", "", 401, "operator"},
		{"GET", "/deliveries", "hush", "", 200, `"name":"order-mail"`},
		{"GET", "/metrics", "hush", "", 200, `sluice_delivery_state{delivery="order-mail",state="running"} 1`},
		{"POST", "/deliveries/order-mail/pause", "hush", "https://evil.example", 403, "cross-origin"},
		{"GET", "/deliveries/order-mail/pause", "hush", "", 405, "method-not-allowed"},
		{"POST", "/deliveries/other/pause", "hush", "", 404, "no such delivery"},
		{"POST", "/deliveries/order-mail/pause", "hush", "", 204, ""},
		{"POST", "/deliveries/order-mail/resume", "hush", "", 204, ""},
		{"GET", "/events", "hush", "", 404, "not-found"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), tt.method, tt.path, nil)
		if tt.token != "" {
			r.Header.Set("Authorization", "Bearer "+tt.token)
		}
		if tt.origin != "" {
			r.Header.Set("Origin", tt.origin)
			r.Header.Set("Sec-Fetch-Site", "cross-site")
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.body) {
			t.Errorf("%s %s: %d %s, want %d %s", tt.method, tt.path, w.Code, w.Body, tt.status, tt.body)
		}
	}
	for state, want := range map[string]int{"running": 200, "paused": 200, "starting": 503, "waiting": 503, "stopped": 503} {
		d.state = state
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/readyz", nil))
		if w.Code != want || !strings.Contains(w.Body.String(), `"state":"`+state+`"`) {
			t.Errorf("/readyz of a delivery that is %s: %d %s, want %d", state, w.Code, w.Body, want)
		}
	}
	if got := strings.Join(d.done, " "); got != "pause resume" {
		t.Errorf("done: %s", got)
	}
}
