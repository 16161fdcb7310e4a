package server

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// The rule for Accept, by what clients send.
func TestAcceptsXML(t *testing.T) {
	for accept, want := range map[string]bool{
		"":                                  false,
		"*/*":                               false,
		"application/json":                  false,
		"application/xml":                   true,
		"Application/XML; charset=utf-8":    true,
		"application/xml, */*;q=0.1":        true,
		"text/plain, application/xml;q=0.5": true,
		"application/xml, application/json": false,
		"application/xml, application/json;q=0.1":   false,
		"application/xml, application/json;q=0":     true,
		"application/xml;q=0, */*":                  false,
		"application/xml;q=0.0":                     false,
		"application/xml, application/problem+json": true,
		"application/xhtml+xml":                     false,
		"text/xml":                                  false,
		"application/xmlx":                          false,
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": false, // a browser's tab
		"application/xml,text/html;q=0.1":                                 false,
		"text/event-stream, application/xml":                              true,
	} {
		if got := acceptsXML([]string{accept}); got != want {
			t.Errorf("%s: %v", accept, got)
		}
	}
	if !acceptsXML([]string{"text/plain", "application/xml"}) || acceptsXML([]string{"application/xml", "application/json"}) {
		t.Error("several header lines are one")
	}
}

func TestXML(t *testing.T) {
	f := begin(t, nil)
	f.about(orders, 1, "o-1", "order.placed", `{"total":1.50,"line items":[1,null],"note":"\u0000"}`, "alice")
	f.about(orders, 2, "o-2", "", "no <JSON>\n", "alice")
	deep := strings.Repeat("[", 300) + strings.Repeat("]", 300)
	f.about(orders, 3, "o-3", "deep", deep, "alice")
	state := f.get("/state?user=alice&stream=orders&format=xml")
	body := state.body()
	want := `<?xml version="1.0" encoding="UTF-8"?>
<state xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><cursor>orders@e:3</cursor><streams><item>orders</item></streams><since xsi:nil="true"></since><complete>true</complete><events>` +
		`<item><stream>orders</stream><subject>o-1</subject><time>2026-01-02T03:04:01.000Z</time><event>order.placed</event><data><total>1.50</total><entry key="line items"><item>1</item><item xsi:nil="true"></item></entry><note escaped="true">\u0000</note></data></item>` +
		`<item><stream>orders</stream><subject>o-2</subject><time>2026-01-02T03:04:02.000Z</time><text>no &lt;JSON&gt;` + "\n" + `</text></item>` +
		`<item><stream>orders</stream><subject>o-3</subject><time>2026-01-02T03:04:03.000Z</time><event>deep</event><text>` + deep + `</text></item></events></state>` + "\n"
	if body != want {
		t.Errorf("got %s\nwant %s", body, want)
	}
	if h := state.Header; h.Get("Content-Type") != "application/xml; charset=utf-8" || !strings.Contains(strings.Join(h.Values("Vary"), ", "), "Accept") {
		t.Errorf("%v", h)
	}

	page := f.get("/state?user=alice&stream=orders&cursor="+url.QueryEscape("orders@e:2"), "Accept", "application/xml")
	want = `<?xml version="1.0" encoding="UTF-8"?>
<page xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><cursor>orders@e:3</cursor><events><item><id>orders@e:3</id><event>deep</event><text>` + deep + `</text></item></events></page>` + "\n"
	if got := page.body(); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// A large state is written in runs, and is whole.
func TestLargeXML(t *testing.T) {
	f := begin(t, nil)
	f.catalog(1000, 1<<10)
	var got struct {
		Items []struct {
			Data string `xml:"data"`
		} `xml:"events>item"`
	}
	if err := xml.Unmarshal([]byte(f.get("/state?user=alice&stream=news&format=xml").body()), &got); err != nil || len(got.Items) != 1000 || len(got.Items[999].Data) != 1<<10 {
		t.Errorf("%d items: %v", len(got.Items), err)
	}
}

// The formats are different representations: each has a tag, and caches keep them apart.
func TestFormatsHaveTags(t *testing.T) {
	f := begin(t, nil)
	f.story()
	const path = "/state?user=alice"
	asJSON, asXML := f.get(path), f.get(path, "Accept", "application/xml")
	tag, other := asJSON.Header.Get("ETag"), asXML.Header.Get("ETag")
	if tag == other || asXML.Header.Get("Content-Type") == asJSON.Header.Get("Content-Type") {
		t.Fatalf("%s and %s", tag, other)
	}
	for _, tt := range []struct {
		query, tag, accept string
		status             int
	}{
		{"", tag, "*/*", http.StatusNotModified},
		{"", other, "*/*", http.StatusOK},
		{"", other, "application/xml", http.StatusNotModified},
		{"", tag, "application/xml", http.StatusOK},
		{"&format=xml", other, "application/json", http.StatusNotModified},
		{"&format=json", tag, "application/xml", http.StatusNotModified},
		{"&format=", tag, "*/*", http.StatusNotModified},
		{"&format=yaml", tag, "*/*", http.StatusBadRequest},
		{"&format=XML", tag, "*/*", http.StatusBadRequest},
		{"&format=xml&format=json", tag, "*/*", http.StatusBadRequest},
	} {
		s := f.get(path+tt.query, "If-None-Match", tt.tag, "Accept", tt.accept)
		if vary := strings.Join(s.Header.Values("Vary"), ", "); s.StatusCode != tt.status || tt.status != http.StatusBadRequest && !strings.Contains(vary, "Accept") {
			t.Errorf("%s, Accept %s, %s: %d, Vary %s", tt.query, tt.accept, tt.tag, s.StatusCode, vary)
		}
		if tt.status == http.StatusBadRequest && !strings.Contains(s.body(), `"urn:sluice:problem:format"`) {
			t.Errorf("%s: no problem of the format", tt.query)
		}
	}
	head, err := f.client.Head(f.url + path + "&format=xml")
	if err != nil || head.Header.Get("ETag") != other || !strings.HasPrefix(head.Header.Get("Content-Type"), xmlType) {
		t.Errorf("HEAD: %v %v", head, err)
	}
}

// What is refused is a problem in JSON, whatever was asked for. A reset is no problem.
func TestXMLProblems(t *testing.T) {
	f := begin(t, nil)
	refused := func(status int, query string) {
		t.Helper()
		for _, more := range []string{"&format=xml", ""} {
			s := f.get("/state?user=alice"+query+more, "Accept", "application/xml")
			if body := s.body(); s.StatusCode != status || s.Header.Get("Content-Type") != "application/problem+json" || !strings.Contains(body, "urn:sluice:problem:") {
				t.Errorf("%s: %d %v %s", query+more, s.StatusCode, s.Header, body)
			}
		}
	}
	refused(http.StatusForbidden, "&stream=payments")
	refused(http.StatusForbidden, "&stream=payments&cursor=orders@e:0")
	refused(http.StatusBadRequest, "&cursor=orders@e:0&wait=long")
	refused(http.StatusBadRequest, "&user=bob")
	refused(http.StatusBadRequest, "&subject=%ff")

	page := f.get("/state?user=alice&stream=orders&cursor=nonsense", "Accept", "application/xml")
	if body := page.body(); page.StatusCode != http.StatusOK || !strings.Contains(body, "<event>sluice.reset</event><data><reason>invalid</reason>") {
		t.Errorf("%d %s", page.StatusCode, body)
	}
	defer f.drainSoon()()
	refused(http.StatusServiceUnavailable, "")
	refused(http.StatusServiceUnavailable, "&cursor=orders@e:0&wait=1s")
}
