package server

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/server/auth"
	"sluice/server/response"
	"sluice/stream"
	"sluice/stream/ssetest"
)

// closingsSent has sessions end in every way that they can, and returns the reasons that
// are told.
func closingsSent(t *testing.T) []string {
	var told []string
	for _, way := range []struct {
		expires, age time.Duration
		cold         bool // news can't be read yet
		end          func(*fixture, stream.Sub)
	}{
		{expires: time.Nanosecond},
		{age: time.Nanosecond},
		{end: func(_ *fixture, sub stream.Sub) { sub.End() }},
		{end: func(_ *fixture, sub stream.Sub) { sub.Dismiss() }},
		{end: func(f *fixture, _ stream.Sub) { f.hub.Close() }},
		{end: func(f *fixture, _ stream.Sub) { f.hub.Withdraw(orders, true) }},
		{end: func(f *fixture, _ stream.Sub) { f.hub.EvictOldest("alice", func(uint64) bool { return true }) }},
		{cold: true, end: func(f *fixture, _ stream.Sub) { f.hub.Begin(news, "e", []int64{0}); f.hub.SetWarm(news) }},
		{end: func(f *fixture, _ stream.Sub) {
			for range 2 * logBytes >> 20 {
				f.order("alice", strings.Repeat("x", 1<<20))
			}
		}},
	} {
		f := newFixture(t, nil)
		request := stream.Request{Streams: []int{orders}, User: "alice", Waker: f.hub.AddWaker(deaf{})}
		if way.cold {
			f.hub.Begin(orders, "e", []int64{0})
			f.hub.SetWarm(orders)
			request.Absent = []int{news}
		} else {
			f.warm()
		}
		sub, _, err := f.hub.Open(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		var expires time.Time
		if way.expires > 0 {
			expires = time.Now().Add(way.expires)
		}
		s := newSession(&f.rules, f.rules.now(), sub, expires, way.age)
		if way.end != nil {
			way.end(f, sub)
		}
		var b stream.Batch
		if v := s.fill(&f.rules, f.rules.now()+1, &b); v != end {
			t.Fatalf("verdict %d", v)
		}
		reader := ssetest.NewReader(bytes.NewReader(bytes.Join(b.Bufs, nil)))
		for e, err := reader.Next(); err == nil; e, err = reader.Next() {
			var data struct{ Reason string }
			if err := json.Unmarshal([]byte(e.Data), &data); err != nil || e.Name != "sluice.closing" {
				t.Fatalf("%s %s: %v", e.Name, e.Data, err)
			}
			told = append(told, data.Reason)
		}
	}
	slices.Sort(told)
	return slices.Compact(told)
}

// listedIn are the names in the first column of the table below a heading, in order.
func listedIn(page, heading string) (names []string) {
	_, table, _ := strings.Cut(page, heading)
	table, _, _ = strings.Cut(table, "\n#")
	for row := range strings.Lines(table) {
		if !strings.HasPrefix(row, "|") {
			continue
		}
		first, _, _ := strings.Cut(row[1:], "|")
		for _, name := range regexp.MustCompile("`([a-z_-]+)`").FindAllStringSubmatch(first, -1) {
			names = append(names, name[1])
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// resetReasons are those of the package that sends them.
func resetReasons() []string {
	file, err := os.ReadFile("../stream/event.go")
	if err != nil {
		panic(err)
	}
	var names []string
	for _, m := range regexp.MustCompile(`\sReason\w+ +Reason = "(\w+)"`).FindAllSubmatch(file, -1) {
		names = append(names, string(m[1]))
	}
	slices.Sort(names)
	return names
}

// Each type that a problem can have is in the documentation, and no other.
func TestEveryProblemTypeIsListed(t *testing.T) {
	page, err := os.ReadFile("../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, withEverything)
	want := []string{"host", "method-not-allowed"} // of no route that is described
	for _, document := range [][]byte{f.openapi.public.Text, f.openapi.admin.Text} {
		for _, m := range regexp.MustCompile(response.ProblemPrefix+`([a-z_-]+)`).FindAllSubmatch(document, -1) {
			want = append(want, string(m[1]))
		}
	}
	slices.Sort(want)
	want = slices.Compact(want)
	if listed := listedIn(string(page), "\n## Answers\n"); !slices.Equal(listed, want) {
		t.Errorf("docs/troubleshooting.md lists\n%q\nand /openapi.json\n%q", listed, want)
	}
}

// What the documentation and both descriptions list is what can be sent, no more and no
// less.
func TestEveryReasonIsListedAndSent(t *testing.T) {
	closing := closingReasons()
	slices.Sort(closing)
	if sent := closingsSent(t); !slices.Equal(sent, closing) {
		t.Errorf("sluice.closing is sent with %q, described with %q", sent, closing)
	}
	page, err := os.ReadFile("../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	for event, want := range map[string][]string{"sluice.closing": closing, "sluice.unavailable": unavailableReasons(), "sluice.reset": resetReasons()} {
		if listed := listedIn(string(page), "\n### "+event+"\n"); !slices.Equal(listed, want) {
			t.Errorf("docs/troubleshooting.md lists %q for %s, want %q", listed, event, want)
		}
	}
	for _, reason := range auth.Reasons {
		if !strings.Contains(string(page), "`identity-"+string(reason)+"`") {
			t.Errorf("docs/troubleshooting.md has no identity-%s", reason)
		}
	}
	f := begin(t, nil)
	for path, schemas := range map[string][]string{"/openapi.json": {"Closing", "Unavailable", "Reset"}, "/asyncapi.json?user=alice": {"Closing", "Unavailable", "Reset"}} {
		resp, err := f.client.Get(f.url + path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d, %v", path, resp.StatusCode, err)
		}
		var d struct {
			Components struct {
				Schemas map[string]struct {
					Properties map[string]struct{ Enum []string }
				}
			}
		}
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatal(err)
		}
		for _, name := range schemas {
			want := map[string][]string{"Closing": closing, "Unavailable": unavailableReasons(), "Reset": resetReasons()}[name]
			listed := slices.Sorted(slices.Values(d.Components.Schemas[name].Properties["reason"].Enum))
			if !slices.Equal(listed, want) {
				t.Errorf("%s lists %q for %s, want %q", path, listed, name, want)
			}
		}
	}
}
