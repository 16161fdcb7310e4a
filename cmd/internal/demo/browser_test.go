package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/cmd/internal/gateway"
	"sluice/cmd/internal/tail"
	"sluice/stream/ssetest"
	"sluice/web"
)

// needs returns the first of the programs that is installed. Without any the test skips,
// or fails where all must run.
func needs(t *testing.T, programs ...string) string {
	t.Helper()
	if testing.Short() {
		t.Skipf("none of %q with -short", programs)
	}
	for _, name := range programs {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("SLUICE_TEST_ALL") == "1" {
		t.Fatalf("needs one of %q", programs)
	}
	t.Skipf("needs one of %q", programs)
	return ""
}

// tab is a browser's page, and what the browser complained about.
type tab struct {
	context.Context
	mu     sync.Mutex // guards faults
	faults []string
}

func browser(t *testing.T) *tab {
	t.Helper()
	path := needs(t, "chromium", "chromium-browser", "google-chrome", "chrome")
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &tab{Context: ctx}
	err := chromedp.Listen(ctx, func(event any) {
		var fault string
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			fault = fmt.Sprint(e.ExceptionDetails)
		case *log.EventEntryAdded: // what breaks the content security policy is here
			if e.Entry.Source != "network" { // a connection lost on purpose
				fault = e.Entry.Text
			}
		}
		if fault != "" {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.faults = append(b.faults, fault)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Errorf("the browser didn't end: %v", err)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.faults) > 0 {
			t.Errorf("the browser says %q", b.faults)
		}
	})
	return b
}

func (b *tab) do(t *testing.T, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(b.Context, actions...); err != nil {
		t.Fatal(err)
	}
}

// eval returns the value of an expression, or of the promise that it is.
func eval[T any](t *testing.T, b *tab, expression string) T {
	t.Helper()
	v, err := chromedp.Run(b.Context, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// until waits for a condition on the page. chromedp's own Poll makes a function from a
// string, which the page's content security policy forbids.
func until(t *testing.T, b *tab, condition string) {
	t.Helper()
	eval[bool](t, b, `new Promise(resolve => {
		const look = () => (`+condition+`) ? resolve(true) : setTimeout(look, 20);
		look();
	})`)
}

// What the tests look at.
const (
	confirmed = `document.querySelectorAll('.order[data-status="confirmed"]').length`
	numbers   = `[...document.querySelectorAll(".number")].map(e => e.textContent).join(" ")`
)

func textOf(t *testing.T, b *tab, id string) string {
	t.Helper()
	return eval[string](t, b, fmt.Sprintf(`document.getElementById(%q).innerText`, id))
}

// The page in a real browser: orders turn confirmed, another user has others, by keyboard
// alone, and nothing breaks the content security policy.
func TestPageInABrowser(t *testing.T) {
	b := browser(t)
	demo := start(t, "--rate", "20")
	b.do(t, chromedp.Navigate(demo.url))
	until(t, b, confirmed+" >= 3")
	alices := eval[string](t, b, numbers)
	if state := textOf(t, b, "state"); state != "live" {
		t.Errorf("state %q", state)
	}
	if id := textOf(t, b, "id"); !strings.Contains(id, "orders@") {
		t.Errorf("id %q", id)
	}
	if curl := textOf(t, b, "curl"); curl != "curl -N '"+demo.url+"/events?user=alice'" {
		t.Errorf("curl %q", curl)
	}
	b.do(t, chromedp.Focus("input[value=alice]"), chromedp.KeyEvent(kb.ArrowRight))
	until(t, b, `document.querySelector("input[value=bob]").checked && `+confirmed+" >= 3")
	bobs := " " + eval[string](t, b, numbers) + " "
	for number := range strings.FieldsSeq(alices) {
		if strings.Contains(bobs, " "+number+" ") {
			t.Errorf("bob sees alice's %s", number)
		}
	}
}

// still is a gateway with an embedded Kafka that only the test writes to.
func still(t *testing.T) (url string, cluster *kfake.Cluster, restart func()) {
	t.Helper()
	cluster = embedded(t)
	o := options{listen: "127.0.0.1:0", admin: "127.0.0.1:0"}
	var g *gateway.Gateway
	begin := func() {
		c, findings := o.settings(cluster.ListenAddrs()[0], nil)
		if faults := findings.Faults(); len(faults) > 0 {
			t.Fatal(faults)
		}
		var err error
		setup := gateway.Options{Config: c, Log: zerolog.Nop(), Page: page(web.Demo, func(string) string { return console(reachable(g.AdminAddr())) })}
		if g, err = startGateway(t.Context(), setup); err != nil {
			t.Fatal(err)
		}
		o.listen = g.Addr().String()
	}
	end := func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		g.Stop(ctx) // running out of time is fine: streams are ended at once then
	}
	begin()
	t.Cleanup(func() { end() })
	return "http://" + o.listen, cluster, func() { end(); begin() }
}

// write writes alice's records, in order.
func write(t *testing.T, cluster *kfake.Cluster, values ...string) {
	t.Helper()
	producer := client(t, cluster)
	for _, value := range values {
		if err := producer.ProduceSync(t.Context(), &kgo.Record{Topic: orderTopic, Key: []byte("alice"), Value: []byte(value)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

// seen is one event as each reader saw it.
type seen struct {
	ID    string `json:"id"`
	Event string `json:"event"`
	Data  string `json:"data"`
}

// payloads are what is hard to carry; the first of its lines has the event's name where
// there is one.
var payloads = []string{
	`{"type":"order.placed","orderId":"o-1"}`,
	"two\nlines\r\nand\rthree",
	"id: forged\n\nevent: forged\ndata: forged",
	": no comment",
	" leading space",
	"\ufeffbyte order mark",
	"",
	`{"type":"naïve name","text":"grüß 😀"}`,
	"not \xff UTF-8 \xe2\x82",
	strings.Repeat("long ", 150_000),
	`{"type":"order.confirmed","orderId":"o-1"}`,
}

// curl, a browser and the r3labs client read the same ids and the same data.
func TestReadersAgree(t *testing.T) {
	curl := needs(t, "curl")
	b := browser(t)
	url, cluster, _ := still(t)
	write(t, cluster, payloads...)
	address := url + "/events?user=alice&stream=orders&from=earliest"

	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, curl, "-sN", address)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var byCurl []seen
	for wire := ssetest.NewReader(out); len(byCurl) < len(payloads); {
		e, err := wire.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(e.Name, "sluice.") {
			byCurl = append(byCurl, seen{e.ID, e.Name, e.Data})
		}
	}
	cancel()
	cmd.Wait() // killed: that is how curl ends

	var text strings.Builder
	if status := tail.Run(t.Context(), []string{"--json", "--quiet", "--count", fmt.Sprint(len(payloads)), address}, &text, os.Stderr); status != 0 {
		t.Fatalf("tail: status %d", status)
	}
	var byTail []seen
	for line := range strings.Lines(text.String()) {
		var l struct {
			seen
			Data json.RawMessage `json:"data"` // as it was sent, where that is JSON
			Text string          `json:"text"`
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		l.seen.Data = l.Text + string(l.Data)
		byTail = append(byTail, l.seen)
	}

	b.do(t, chromedp.Navigate(url))
	byBrowser := eval[[]seen](t, b, fmt.Sprintf(`new Promise(resolve => {
		const got = [], source = new EventSource(%q);
		for (const name of ["message", "order.placed", "order.confirmed", "naïve name", "forged"]) {
			source.addEventListener(name, e => {
				got.push({id: e.lastEventId, event: e.type, data: e.data});
				if (got.length === %d) { source.close(); resolve(got); }
			});
		}
	})`, address, len(payloads)))

	if byCurl[6].Data != "" || byCurl[1].Data != "two\nlines\nand\nthree" || byCurl[10].Event != "order.confirmed" {
		t.Errorf("curl read %.200q", byCurl)
	}
	for name, got := range map[string][]seen{"the browser": byBrowser, "the r3labs client": byTail} {
		for i, want := range byCurl {
			if i >= len(got) || !reflect.DeepEqual(got[i], want) {
				t.Errorf("%s, event %d: %.200q; curl read %.200q", name, i, got[min(i, len(got)):min(i+1, len(got))], want)
			}
		}
	}
}

// The gateway is started anew under an open page: the page opens a new EventSource, which
// resumes, and what was written meanwhile is there once.
func TestPageOverARestart(t *testing.T) {
	b := browser(t)
	url, cluster, restart := still(t)
	order := func(id string) string {
		return fmt.Sprintf(`{"type":"order.placed","status":"placed","orderId":%q,"shop":"S","total":1,"currency":"EUR"}`, id)
	}
	write(t, cluster, order("before"))
	b.do(t, chromedp.Navigate(url))
	until(t, b, numbers+` === "before"`)
	restart()
	write(t, cluster, order("after"))
	until(t, b, numbers+` === "after before"`)
	count, notes := textOf(t, b, "count"), textOf(t, b, "notes")
	if count != "2" || !strings.Contains(notes, "resumed where it was") {
		t.Errorf("%s events; the page says %q", count, notes)
	}
}

// The page counts by the numbers of updates: a hole is what was lost, and a number that
// is not above the newest came twice.
func TestThePageCountsWhatIsLost(t *testing.T) {
	b := browser(t)
	url, cluster, _ := still(t)
	update := func(n int) string {
		return fmt.Sprintf(`{"type":"order.placed","status":"placed","orderId":"o-%d","update":%d}`, n, n)
	}
	write(t, cluster, update(7), update(8))
	b.do(t, chromedp.Navigate(url))
	until(t, b, `document.getElementById("update").textContent === "8"`)
	if score := textOf(t, b, "score"); score != "lost 0 · twice 0" {
		t.Error(score)
	}
	write(t, cluster, update(11), update(11), `{"type":"order.placed","orderId":"without"}`, update(12))
	until(t, b, `document.getElementById("update").textContent === "12"`)
	if score := textOf(t, b, "score"); score != "lost 2 · twice 1" {
		t.Error(score)
	}
}

// The page's address names the user: it may be sent to somebody, and loaded again.
func TestTheAddressNamesTheUser(t *testing.T) {
	b := browser(t)
	demo := start(t, "--rate", "20")
	const chosen = `document.querySelector("input[name=user]:checked").value`
	b.do(t, chromedp.Navigate(demo.url+"/?user=bob"))
	until(t, b, chosen+` === "bob" && `+confirmed+" >= 1")
	b.do(t, chromedp.Focus("input[value=bob]"), chromedp.KeyEvent(kb.ArrowRight))
	until(t, b, `location.search === "?user=carol"`)
	b.do(t, chromedp.Reload())
	until(t, b, chosen+` === "carol" && `+confirmed+" >= 1")
	if curl := textOf(t, b, "curl"); !strings.HasSuffix(curl, "/events?user=carol'") {
		t.Error(curl)
	}
	b.do(t, chromedp.Navigate(demo.url+"/?user=nobody"))
	until(t, b, `location.search === "?user=alice"`)
}

// Seven tabs in the background would take all connections that a browser has for the
// site. So such a tab has no stream, and resumes when somebody looks at it.
func TestATabInTheBackgroundHasNoStream(t *testing.T) {
	b := browser(t)
	demo := start(t, "--rate", "20")
	b.do(t, chromedp.Navigate(demo.url))
	until(t, b, confirmed+" >= 1")
	turn := func(state string) {
		eval[bool](t, b, `Object.defineProperty(document, "visibilityState", {value: "`+state+`", configurable: true}) && document.dispatchEvent(new Event("visibilitychange"))`)
	}
	turn("hidden")
	until(t, b, `document.getElementById("state").textContent === "away"`)
	eval[bool](t, b, `fetch("demo/fill?user=alice", {method: "POST"}).then(r => r.ok)`)
	before := eval[int](t, b, `Number(document.getElementById("update").textContent)`)
	turn("visible")
	until(t, b, fmt.Sprintf(`Number(document.getElementById("update").textContent) >= %d`, before+2*fillOrders))
	if score := textOf(t, b, "score"); score != "lost 0 · twice 0" {
		t.Error(score)
	}
}
