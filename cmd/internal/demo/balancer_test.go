package demo

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// backend is a gateway that says its name in each answer, and keeps streams open.
func backend(name string) *member {
	m := &member{pauses: make(chan struct{}), ready: make(chan struct{})}
	close(m.ready)
	var h http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, name)
		if r.URL.Path == "/events" {
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}
	})
	m.serving.Store(&h)
	return m
}

// site is a balancer before two such gateways.
func site(t *testing.T) (b *balancer, url string, visits chan visit) {
	t.Helper()
	visits = make(chan visit, 1)
	b = newBalancer([]*member{backend("one"), backend("two")}, visits)
	s := httptest.NewServer(b.handler())
	t.Cleanup(s.Close)
	return b, s.URL, visits
}

// call asks and returns the status and the first line.
func call(t *testing.T, method, url string, headers ...string) (*http.Response, *bufio.Scanner) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	lines := bufio.NewScanner(resp.Body)
	lines.Scan()
	return resp, lines
}

// A request before the first gateway serves waits for it.
func TestTheFirstRequestWaitsForAGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := &member{ready: make(chan struct{})}
		b := newBalancer([]*member{first, {}}, nil)
		answer := httptest.NewRecorder()
		go b.forward(answer, httptest.NewRequest("GET", "/state", nil))
		synctest.Wait()
		if answer.Body.Len() > 0 {
			t.Fatalf("answered %d %s before a gateway was there", answer.Code, answer.Body)
		}
		first.serving.Store(backend("one").serving.Load())
		close(first.ready)
		synctest.Wait()
		if got := answer.Body.String(); got != "one\n" {
			t.Errorf("answered %d %q", answer.Code, got)
		}
	})
}

// Requests go to the gateways in turn. While one is away the other has them all, and
// while both are, browsers are told to come again.
func TestTheBalancerLeadsToWhoIsThere(t *testing.T) {
	b, url, _ := site(t)
	three := func() (got []string) {
		for range 3 {
			_, lines := call(t, "GET", url+"/")
			got = append(got, lines.Text())
		}
		return got
	}
	if got := three(); !slices.Equal(got, []string{"one", "two", "one"}) {
		t.Errorf("answers of %q", got)
	}
	b.members[0].serving.Store(nil)
	if got := three(); !slices.Equal(got, []string{"two", "two", "two"}) {
		t.Errorf("with one gateway, answers of %q", got)
	}
	b.members[1].serving.Store(nil)
	if resp, _ := call(t, "GET", url+"/"); resp.StatusCode != 503 || resp.Header.Get("Refresh") == "" || resp.Header.Get("Retry-After") == "" {
		t.Errorf("with none: %s %v", resp.Status, resp.Header)
	}
}

// Cutting ends the stream of that tab, and of no other. Its next one is the other
// gateway's.
func TestACutConnectionIsOneTabs(t *testing.T) {
	_, url, _ := site(t)
	where := func(tab string) int {
		_, lines := call(t, "GET", url+"/demo/where?tab="+tab)
		var answer struct{ Gateway int }
		if err := json.Unmarshal(lines.Bytes(), &answer); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		return answer.Gateway
	}
	_, mine := call(t, "GET", url+"/events?tab=mine")
	_, other := call(t, "GET", url+"/events?tab=other")
	if mine.Text() != "one" || other.Text() != "two" || where("mine") != 1 || where("other") != 2 || where("nobody") != 0 {
		t.Errorf("streams of %s and %s, told %d and %d", mine.Text(), other.Text(), where("mine"), where("other"))
	}
	call(t, "POST", url+"/demo/cut?tab=mine")
	for mine.Scan() {
		t.Errorf("after the cut it says %s", mine.Text())
	}
	if at := where("other"); at != 2 {
		t.Errorf("the other tab's stream is at %d", at)
	}
}

// A button is pressed by the page, and by no page of another site; for a customer that
// there is.
func TestButtons(t *testing.T) {
	_, url, visits := site(t)
	for _, tt := range []struct {
		method, path string
		from         string // Sec-Fetch-Site
		status       int
		want         visit
	}{
		{"POST", "/demo/order?user=alice", "same-origin", 204, visit{"alice", 1}},
		{"POST", "/demo/fill?user=bob", "same-origin", 204, visit{"bob", fillOrders}},
		{"POST", "/demo/order?user=mallory", "same-origin", 404, visit{}},
		{"POST", "/demo/order?user=alice", "cross-site", 403, visit{}},
		{"POST", "/demo/stop?tab=x", "cross-site", 403, visit{}},
		{"POST", "/demo/stop?tab=x", "same-origin", 204, visit{}},
	} {
		resp, _ := call(t, tt.method, url+tt.path, "Sec-Fetch-Site", tt.from)
		if resp.StatusCode != tt.status {
			t.Errorf("%s from %s: %s", tt.path, tt.from, resp.Status)
		}
		var got visit
		select {
		case got = <-visits:
		default:
		}
		if got != tt.want {
			t.Errorf("%s from %s: %+v", tt.path, tt.from, got)
		}
	}
}

// A gateway that a page stops is away while the other serves, and comes back.
func TestAStoppedGatewayComesBack(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it is away for five seconds")
	}
	demo := start(t, "--rate", "20")
	resp := demo.get(t, "/events?user=alice&tab=me")
	where := func() string {
		_, lines := call(t, "GET", demo.url+"/demo/where?tab=me")
		return lines.Text()
	}
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	await := func(want string) {
		t.Helper()
		for !strings.Contains(where(), want) {
			<-again.C
		}
	}
	before := where()
	if !strings.Contains(before, `"there":[true,true]`) {
		t.Fatal(before)
	}
	call(t, "POST", demo.url+"/demo/stop?tab=me")
	await("false")
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if strings.Contains(lines.Text(), "draining") {
			await(`[true,true]`)
			return
		}
	}
	t.Error("the stream wasn't told")
}
