package deprecation

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

var streams = Streams{
	"v1":  {Since: at("2026-11-01T00:00:00Z"), Sunset: at("2027-05-01T00:00:00Z"), Successor: "v3"},
	"v2":  {Since: at("2026-12-01T12:30:00+01:00"), Sunset: at("2027-04-01T00:00:00Z"), Successor: "v3"},
	"old": {Since: at("2020-01-01T00:00:00Z")},
	"odd": {Since: at("2026-11-01T00:00:00Z"), Successor: "staff"},
}

func mayRead(name string) bool { return name != "staff" }

func TestHeader(t *testing.T) {
	for _, tt := range []struct{ names, want string }{
		{"v3", ""},
		{"v1", `@1793491200|Sat, 01 May 2027 00:00:00 GMT|<?stream=v3>; rel="successor-version"`},
		{"v1,v2,news", `@1793491200|Thu, 01 Apr 2027 00:00:00 GMT|<?stream=v3,news>; rel="successor-version"`},
		{"news,v2,v3", `@1796124600|Thu, 01 Apr 2027 00:00:00 GMT|<?stream=news,v3>; rel="successor-version"`},
		{"old", `@1577836800||`},
		{"odd", `@1793491200||`},
		{"old,v1", `@1577836800|Sat, 01 May 2027 00:00:00 GMT|<?stream=old,v3>; rel="successor-version"`},
	} {
		h := make(http.Header)
		streams.SetHeader(h, strings.Split(tt.names, ","), mayRead)
		got := strings.Join([]string{h.Get("Deprecation"), h.Get("Sunset"), h.Get("Link")}, "|")
		if got != tt.want && !(tt.want == "" && len(h) == 0) {
			t.Errorf("%s: %s; want %s", tt.names, got, tt.want)
		}
	}
}

// Proxies have little room for a header.
func TestALongLinkIsLeftOut(t *testing.T) {
	names := []string{"v1"}
	for i := range 100 {
		names = append(names, fmt.Sprintf("stream-%d", i))
	}
	h := make(http.Header)
	streams.SetHeader(h, names, mayRead)
	if h.Get("Deprecation") == "" || h.Get("Link") != "" {
		t.Errorf("%v", h)
	}
}

func TestNotices(t *testing.T) {
	for _, tt := range []struct{ names, want string }{
		{"v3", "null"},
		{"v1,v3", `{"v1":{"since":"2026-11-01","sunset":"2027-05-01","successor":"v3"}}`},
		{"v2,odd", `{"odd":{"since":"2026-11-01"},"v2":{"since":"2026-12-01T11:30:00Z","sunset":"2027-04-01","successor":"v3"}}`},
	} {
		got, err := json.Marshal(streams.Notices(strings.Split(tt.names, ","), mayRead))
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: %s, %v; want %s", tt.names, got, err, tt.want)
		}
	}
}
