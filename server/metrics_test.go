package server

import (
	"io"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sluice/server/metrics"
	"sluice/server/status"
	"sluice/stream"
)

// TestMetrics compares the whole of what is ours in a scrape after a little of
// everything.
func TestMetrics(t *testing.T) {
	f := begin(t, func(c *Config) {
		c.Source = statuses{{Name: "orders", Warm: true, Fetching: true, Behind: 7, LSOLag: 2, Jumps: map[string]uint64{"retention": 0, "truncated": 4}, Records: 3, Events: 1, Refused: map[string]uint64{"no_user": 2}, Held: []status.HeldPartition{{Partition: 3, Offset: 42, Reason: "decode_error"}}}, {Name: "news", Behind: -1, LSOLag: -1}}
		c.Metrics = metrics.New()
	})
	f.level.Set(slog.LevelInfo)
	s := f.get("/events?user=hidden-user&subject=hidden-subject&lastEventId=hidden")
	s.want("sluice.reset", "*")
	s.want("sluice.hello", "*")
	f.publish(orders, stream.Event{Data: []byte("1"), Subject: []byte("hidden-subject")}, "hidden-user")
	s.want("message", "1")
	s.cancel()
	f.get("/events")
	eventually(t, "gone", f.empty)
	scrape := func() string {
		w := httptest.NewRecorder()
		f.Admin().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		text, err := io.ReadAll(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	text := scrape()
	got := regexp.MustCompile(`(?m)^sluice_.*$`).FindAllString(text, -1)
	want := strings.Fields(strings.ReplaceAll(`
sluice_admin_login_failures_total{reason="missing"}·0
sluice_admin_login_failures_total{reason="wrong"}·0
sluice_auth_failures_total{reason="algorithm"}·0
sluice_auth_failures_total{reason="audience"}·0
sluice_auth_failures_total{reason="expired"}·0
sluice_auth_failures_total{reason="issuer"}·0
sluice_auth_failures_total{reason="key"}·0
sluice_auth_failures_total{reason="malformed"}·0
sluice_auth_failures_total{reason="missing"}·1
sluice_auth_failures_total{reason="no_expiry"}·0
sluice_auth_failures_total{reason="not_yet_valid"}·0
sluice_auth_failures_total{reason="revoked"}·0
sluice_auth_failures_total{reason="session"}·0
sluice_auth_failures_total{reason="signature"}·0
sluice_auth_failures_total{reason="used"}·0
sluice_auth_failures_total{reason="user"}·0
sluice_catchup_failures_total{stream="news"}·0
sluice_catchup_failures_total{stream="orders"}·0
sluice_connections·0
sluice_connections_by_carrier{carrier="goroutine"}·0
sluice_connections_by_carrier{carrier="held"}·0
sluice_connections_by_carrier{carrier="websocket"}·0
sluice_events_total{stream="news"}·0
sluice_events_total{stream="orders"}·1
sluice_events_written_total·1
sluice_held_offset{partition="3",reason="decode_error",stream="orders"}·42
sluice_log_bytes{stream="news"}·0
sluice_log_bytes{stream="orders"}·217
sluice_log_entries{stream="news"}·0
sluice_log_entries{stream="orders"}·1
sluice_polls·0
sluice_probes·0
sluice_reader_jumps_total{reason="retention",stream="orders"}·0
sluice_reader_jumps_total{reason="truncated",stream="orders"}·4
sluice_records_refused_total{reason="no_user",stream="orders"}·2
sluice_records_total{stream="news"}·0
sluice_records_total{stream="orders"}·3
sluice_resets_total{reason="invalid",stream=""}·1
sluice_state_bytes{stream="news"}·0
sluice_state_bytes{stream="orders"}·429
sluice_state_bytes_held·0
sluice_state_subjects{stream="news"}·0
sluice_state_subjects{stream="orders"}·1
sluice_stream_deliveries_total{stream="news"}·0
sluice_stream_deliveries_total{stream="orders"}·1
sluice_stream_fetching{stream="news"}·0
sluice_stream_fetching{stream="orders"}·1
sluice_stream_held_partitions{stream="news"}·0
sluice_stream_held_partitions{stream="orders"}·1
sluice_stream_lag_records{stream="orders"}·7
sluice_stream_lso_lag_records{stream="orders"}·2
sluice_stream_stale{stream="news"}·0
sluice_stream_stale{stream="orders"}·0
sluice_stream_stale_seconds{stream="news"}·0
sluice_stream_stale_seconds{stream="orders"}·0
sluice_stream_subscribers{stream="news"}·0
sluice_stream_subscribers{stream="orders"}·0
sluice_stream_warm{stream="news"}·0
sluice_stream_warm{stream="orders"}·1
sluice_streams_closed_total{reason="draining"}·0
sluice_streams_closed_total{reason="evicted"}·0
sluice_streams_closed_total{reason="expiring"}·0
sluice_streams_closed_total{reason="gone"}·1
sluice_streams_closed_total{reason="kafka"}·0
sluice_streams_closed_total{reason="lagged"}·0
sluice_streams_closed_total{reason="max_age"}·0
sluice_streams_closed_total{reason="operator"}·0
sluice_streams_closed_total{reason="reload"}·0
sluice_streams_closed_total{reason="revoked"}·0
sluice_streams_closed_total{reason="slow"}·0
sluice_streams_closed_total{reason="withdrawn"}·0
sluice_streams_opened_total{outcome="reset"}·1
sluice_unavailable_total{reason="connections"}·0
sluice_unavailable_total{reason="connects"}·0
sluice_unavailable_total{reason="per_ip"}·0
sluice_unavailable_total{reason="per_ip_catchups"}·0
sluice_unavailable_total{reason="per_ip_connects"}·0
sluice_unavailable_total{reason="per_ip_probes"}·0
sluice_unavailable_total{reason="per_ip_requests"}·0
sluice_unavailable_total{reason="per_user"}·0
sluice_unavailable_total{reason="per_user_catchups"}·0
sluice_unavailable_total{reason="publish_bytes"}·0
sluice_unavailable_total{reason="publish_keys"}·0
sluice_unavailable_total{reason="publish_rate"}·0
sluice_unavailable_total{reason="state_bytes"}·0
`, "\n", " "))
	for i := range want {
		want[i] = strings.ReplaceAll(want[i], "·", " ")
	}
	got = slices.DeleteFunc(got, func(line string) bool { // these are not the same each time
		return strings.HasPrefix(line, "sluice_written_bytes_total ") || strings.HasPrefix(line, "sluice_holder_wakes_total ")
	})
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if strings.Contains(text, "hidden") || strings.Contains(f.logs.String(), "hidden") {
		t.Errorf("what a client sent is in the metrics or the log:\n%s\n%s", text, f.logs)
	}
}
