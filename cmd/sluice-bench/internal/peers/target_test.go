//go:build linux

package peers

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAMetricIsReadByItsWholeName(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metrics" {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, "# HELP a_total of all\na_total_more 1\na_total{of=\"some\"} 2\na_total 1.5e+06\n")
	}))
	defer s.Close()
	sluice := Target{Admin: strings.TrimPrefix(s.URL, "http://")}
	if v, err := sluice.Metric(t.Context(), "a_total"); v != 1_500_000 || err != nil {
		t.Errorf("%v, %v", v, err)
	}
	if v, err := sluice.Metric(t.Context(), "b_total"); err == nil || !strings.Contains(err.Error(), "b_total") {
		t.Errorf("a metric that isn't there: %v, %v", v, err)
	}
}
