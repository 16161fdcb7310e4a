package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"sort"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"sluice/cmd/internal/e2e/proxy"
	"sluice/stream/ssetest"
)

// longestID is how many characters an id may have, as the gateway's metrics say.
const longestID = 7500

// The longest id comes through each proxy of deploy/proxies as it is there by default, in
// the header and in the query. The request also has what a browser says. The gateway
// resumes at the id. So it is no longer than proxies take.
func TestProxiesPassTheLongestID(t *testing.T) {
	kafka, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	if err := kafka.CreateTopic("orders", 1, nil); err != nil {
		t.Fatal(err)
	}
	g := readyGateway(bounded(t), t, fmt.Sprintf(`
kafka: {brokers: [%q]}
auth: none
streams:
  orders: {topic: orders, user: key}
`, kafka.ListenAddrs()[0]))
	if bound, err := g.Metric(bounded(t), "sluice_id_length_max_chars"); err != nil || bound != longestID {
		t.Fatalf("the bound is %v, %v", bound, err)
	}
	// As long as can be: a stream that the gateway doesn't know, and then where it stands,
	// so that nothing may be cut off.
	end := "~" + hello(t, g.URL()+"/events?user=alice", "", "live")
	id := "elsewhere@kZ3fQ1:1" + strings.Repeat(".1", longestID/2)
	id = strings.TrimSuffix(id[:longestID-len(end)-1], ".") + "1"
	id += strings.Repeat("1", longestID-len(id)-len(end)) + end

	pass := func(t *testing.T, at string) {
		ask := at + "/events?user=alice&stream=orders"
		hello(t, ask, id, "resumed")
		hello(t, ask+"&"+url.Values{"lastEventId": {id}}.Encode(), "", "resumed")
	}
	t.Run("none", func(t *testing.T) { pass(t, g.URL()) })
	for _, p := range proxy.Recipes {
		t.Run(p.Name, func(t *testing.T) {
			need(t, p.Command, p.DebianPackage)
			pass(t, p.Run(bounded(t), t, g.URL(), "https://shop.example"))
		})
	}
}

// hello opens a stream as a browser does, which has to begin in this way, and returns the
// id that it begins at.
func hello(t *testing.T, at, lastEventID, resume string) string {
	t.Helper()
	header := asBrowser()
	if lastEventID != "" {
		header.Set("Last-Event-ID", lastEventID)
	}
	response, err := get(bounded(t), at, header)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	e, err := ssetest.NewReader(response.Body).Next()
	if err != nil || e.Name != "sluice.hello" || !strings.Contains(e.Data, `"resume":"`+resume+`"`) {
		t.Fatalf("status %d, then %+v, %v; want it %s", response.StatusCode, e, err, resume)
	}
	return e.ID
}

// asBrowser is about what Chromium says with a request of an EventSource, with 1,000
// characters of cookies.
func asBrowser() http.Header {
	return http.Header{
		"Accept": {"text/event-stream"}, "Accept-Encoding": {"gzip, deflate, br, zstd"}, "Accept-Language": {"de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7"},
		"Cache-Control": {"no-cache"}, "Pragma": {"no-cache"}, "Origin": {"https://shop.example"}, "Referer": {"https://shop.example/account/orders/2026-11-24/o-77"},
		"User-Agent":     {"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"},
		"Sec-Fetch-Dest": {"empty"}, "Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Site": {"same-site"}, "Cookie": {"session=" + strings.Repeat("c", 992)},
	}
}

// TestWhatProxiesTake measures the longest id that each proxy hands on, and Node's own
// server takes, with their defaults. Run it with -v: the table in
// deploy/proxies/README.md is its output.
func TestWhatProxiesTake(t *testing.T) {
	behind := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, len(r.Header.Get("Last-Event-ID"))+len(r.URL.Query().Get("lastEventId")))
	}))
	behind.Config.MaxHeaderBytes = 4 << 20
	behind.Start()
	t.Cleanup(behind.Close)
	const most = 1 << 20 // more isn't tried
	longest := func(send func(n int) *http.Request) int {
		return sort.Search(most, func(n int) bool {
			response, err := http.DefaultClient.Do(send(n + 1))
			if err != nil {
				return true
			}
			response.Body.Close()
			return response.StatusCode != http.StatusOK
		})
	}
	measure := func(t *testing.T, at string) {
		request := func(url string) *http.Request {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header = asBrowser()
			return r
		}
		header := longest(func(n int) *http.Request {
			r := request(at + "/events")
			r.Header.Set("Last-Event-ID", strings.Repeat("1", n))
			return r
		})
		query := longest(func(n int) *http.Request {
			return request(at + "/events?lastEventId=" + strings.Repeat("1", n))
		})
		t.Logf("longest id: %d characters in the header, %d in the query (of %d tried)", header, query, most)
		if header < longestID || query < longestID {
			t.Errorf("less than an id may have, %d", longestID)
		}
	}
	for _, p := range proxy.Recipes {
		t.Run(p.Name, func(t *testing.T) {
			need(t, p.Command, p.DebianPackage)
			measure(t, p.Run(bounded(t), t, behind.URL, "https://shop.example"))
		})
	}
	t.Run("Node", func(t *testing.T) {
		need(t, "node", "nodejs")
		s := proxy.NewSetup(t, behind.URL, "https://shop.example")
		_, port, _ := strings.Cut(s.Listen, ":")
		node := exec.Command("node", "-e", `require("http").createServer((_, answer) => answer.end()).listen(`+port+`, "127.0.0.1")`)
		s.Start(bounded(t), t, node, http.DefaultClient, "http://"+s.Listen)
		measure(t, "http://"+s.Listen)
	})
}
