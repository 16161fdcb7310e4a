package eventbridge_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/deliver"
	"sluice/broker/deliver/cloudtest"
	"sluice/broker/deliver/eventbridge"
)

// fake is a bus that answers as told, given the details of a request's entries.
func fake(t *testing.T, maxEntry int, answer func(details []string) (status int, body string)) *eventbridge.Target {
	t.Helper()
	cloudtest.Credentials(t)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var all struct{ Entries []struct{ Detail string } }
		body, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(body, &all)
		var details []string
		for _, e := range all.Entries {
			details = append(details, e.Detail)
		}
		status, text := answer(details)
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(s.Close)
	target, err := eventbridge.New(eventbridge.Config{Region: cloudtest.Region, Source: "shop", Endpoint: s.URL, MaxEntryBytes: maxEntry, Concurrency: 1})
	if err != nil {
		t.Fatal(err)
	}
	return target
}

func messages(details ...string) (all []*deliver.Message) {
	for i, d := range details {
		rec := &kgo.Record{Topic: "orders", Offset: int64(i), Timestamp: time.UnixMilli(1769860800123)}
		all = append(all, &deliver.Message{Record: rec, ID: fmt.Sprint("orders/0/", i), Name: "changed", Data: []byte(d), IsJSON: true})
	}
	return all
}

func taken(n int) string {
	return `{"FailedEntryCount":0,"Entries":[` + strings.TrimSuffix(strings.Repeat(`{"EventId":"1"},`, n), ",") + `]}`
}

func causes(outcomes []deliver.Outcome) string {
	var all []string
	for _, o := range outcomes {
		all = append(all, fmt.Sprint(o.Verdict, o.Cause))
	}
	return strings.Join(all, " ")
}

// A batch that is too large for one request goes in several, and an entry that is too
// large in none.
func TestABatchKeepsToTheSize(t *testing.T) {
	var requests []int
	target := fake(t, 1000, func(details []string) (int, string) {
		requests = append(requests, len(details))
		return 200, taken(len(details))
	})
	body := func(n int) string { return `"` + strings.Repeat("x", n-2) + `"` }
	// An entry has 14 bytes for its time, and source, detail type and id: 35 in all.
	got := target.SendBatch(t.Context(), messages(body(300), body(300), body(400), body(965), body(966), "{}", body(2000)))
	if want := "0 0 0 0 2too_large 0 2too_large"; causes(got) != want {
		t.Errorf("%s, want %s", causes(got), want)
	}
	if fmt.Sprint(requests) != "[2 1 1 1]" {
		t.Errorf("requests of %v entries", requests)
	}
	if !got[4].NotAsked {
		t.Error("AWS is said to have refused what it wasn't asked")
	}
}

// A request that AWS refuses as a whole goes again, each entry alone.
func TestTheFaultOfOneIsNotTheOthers(t *testing.T) {
	target := fake(t, 1<<18, func(details []string) (int, string) {
		if strings.Contains(strings.Join(details, ""), "bad") {
			return 400, `{"__type":"ValidationException","message":"1 validation error"}`
		}
		return 200, taken(len(details))
	})
	if got := causes(target.SendBatch(t.Context(), messages("1", "bad", "3"))); got != "0 1validation 0" {
		t.Error(got)
	}
}

// What AWS says nothing of counts as not delivered. Once it is down, the rest isn't
// tried.
func TestNothingIsDeliveredWithoutAWord(t *testing.T) {
	if got := causes(fake(t, 1<<18, func([]string) (int, string) { return 200, taken(1) }).SendBatch(t.Context(), messages("1", "2"))); got != "0 1unanswered" {
		t.Error(got)
	}
	if got := causes(fake(t, 1<<18, func([]string) (int, string) { return 200, `{"Entries":[{}]}` }).SendBatch(t.Context(), messages("1"))); got != "1unanswered" {
		t.Error(got)
	}
	requests := 0
	target := fake(t, 1<<10, func([]string) (int, string) { requests++; return 503, "a proxy" })
	large := `"` + strings.Repeat("x", 900) + `"`
	got := target.SendBatch(t.Context(), messages(large, large))
	if requests != 1 || got[0].Verdict != deliver.Failed || !got[0].Down || got[1].Verdict != deliver.Pending {
		t.Errorf("%d requests: %+v", requests, got)
	}
}

// A name that AWS doesn't take would have it refuse the whole request.
func TestALongNameIsRefusedBefore(t *testing.T) {
	target := fake(t, 1<<18, func(details []string) (int, string) { return 200, taken(len(details)) })
	all := messages("1", "2")
	all[0].Name = strings.Repeat("ü", 129)
	if got := causes(target.SendBatch(t.Context(), all)); got != "2invalid_argument 0" {
		t.Error(got)
	}
}
