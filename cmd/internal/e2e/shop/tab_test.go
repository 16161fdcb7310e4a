package shop

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// watch runs in each page before anything of the page's own does. It notes how each order
// first stood there, and if that was before any live event. It notes when the page first
// said that the order was confirmed, and what the content security policy forbade.
const watch = `
	window.watched = {rendered: {}, confirmed: {}};
	{
		const look = li => {
			const {order, status, events} = li.dataset;
			if (order === undefined || status === undefined) return;
			watched.rendered[order] ??= events === "0" ? status : "";
			if (status === "confirmed") watched.confirmed[order] ??= performance.timeOrigin + performance.now();
		};
		new MutationObserver(records => {
			for (const {target, addedNodes} of records) {
				if (target.dataset) look(target);
				for (const node of addedNodes) if (node.querySelectorAll) [node, ...node.querySelectorAll("[data-order]")].forEach(n => n.dataset && look(n));
			}
		}).observe(document, {subtree: true, childList: true, attributes: true, attributeFilter: ["data-status", "data-events"]});
	}
	addEventListener("securitypolicyviolation", e => console.error("forbidden by the policy: " + e.violatedDirective + " " + e.blockedURI));
`

// tab is one of a visitor's tabs. Its methods are for one goroutine at a time.
type tab struct {
	t     *testing.T
	ctx   context.Context
	name  string
	close func() // closes the tab, as its user would

	mu        sync.Mutex // guards what follows, which the browser changes
	forgiven  []string   // texts of faults that a test expects
	faults    []string
	documents int
	pongs     int                          // answers to the heartbeats of WebSockets
	policies  map[string]string            // content security policies, by document
	requests  map[network.RequestID]string // URLs of all requests for events
	streams   map[network.RequestID]bool   // those of them that have not ended
}

// tab opens a tab. What its pages do wrong fails the test when it ends; what the network
// does to them, on purpose, does not.
func (v *visitor) tab(name string) *tab {
	v.t.Helper()
	p := &tab{t: v.t, name: name, policies: make(map[string]string), requests: make(map[network.RequestID]string), streams: make(map[network.RequestID]bool)}
	p.ctx, p.close = chromedp.NewContext(v.ctx, chromedp.WithListener(p.hear))
	v.t.Cleanup(p.close)
	if err := chromedp.Do(p.ctx); err != nil { // opens it, and not for as long only as one command may take
		v.t.Fatal(err)
	}
	tell(p, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: watch})
	v.t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(p.faults) > 0 {
			v.t.Errorf("%s: the browser says\n%s", name, strings.Join(p.faults, "\n"))
		}
	})
	return p
}

// hear takes what the browser says of a tab.
func (p *tab) hear(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		p.fault(fmt.Sprint(e.ExceptionDetails))
	case *log.EventEntryAdded: // what the content security policy forbids is here
		// A connection that is lost on purpose is no fault. What the shop links to and doesn't
		// have is one.
		lost := e.Entry.Source == "network" && (!strings.Contains(e.Entry.Text, "status of 4") || strings.Contains(e.Entry.URL, "/events"))
		if e.Entry.Level == "error" && !lost {
			p.fault(e.Entry.Text + " " + e.Entry.URL)
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" {
			var said []string
			for _, arg := range e.Args {
				said = append(said, string(arg.Value)+arg.Description)
			}
			p.fault("console.error: " + strings.Join(said, " "))
		}
	case *network.EventRequestWillBeSent:
		if e.Type == network.ResourceTypeDocument {
			p.documents++
		}
		if path := strings.SplitN(host(e.Request.URL), "/", 2); len(path) == 2 && strings.HasPrefix(path[1], "events?") {
			p.requests[e.RequestID] = e.Request.URL
			p.streams[e.RequestID] = true
		}
	case *network.EventWebSocketFrameReceived:
		if string(e.Response.PayloadData) == "pong" {
			p.pongs++
		}
	case *network.EventResponseReceived:
		if e.Type == network.ResourceTypeDocument {
			p.policies[e.Response.URL] = policyOf(e.Response)
		}
	case *network.EventLoadingFinished:
		delete(p.streams, e.RequestID)
	case *network.EventLoadingFailed:
		delete(p.streams, e.RequestID)
	}
}

// policyOf is an answer's content security policy.
func policyOf(answer *network.Response) string {
	for name, value := range answer.Headers {
		if strings.EqualFold(name, "content-security-policy") {
			return fmt.Sprint(value)
		}
	}
	return ""
}

// fault notes a fault, unless the test expects it. The caller holds the lock.
func (p *tab) fault(what string) {
	if !slices.ContainsFunc(p.forgiven, func(text string) bool { return strings.Contains(what, text) }) {
		p.faults = append(p.faults, what)
	}
}

// forgive says that from now on faults with this text are expected.
func (p *tab) forgive(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forgiven = append(p.forgiven, text)
}

// loads is how many documents the tab has loaded.
func (p *tab) loads() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.documents
}

// awaitPong waits until a WebSocket's heartbeat has been answered once more.
func (p *tab) awaitPong() {
	p.t.Helper()
	pongs := func() int {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.pongs
	}
	before := pongs()
	await(p.t, func() string {
		if pongs() == before {
			return p.name + " has had no pong"
		}
		return ""
	})
}

// streamsTo is how many streams the tab has asked an origin for.
func (p *tab) streamsTo(origin string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, url := range p.requests {
		if strings.HasPrefix(url, origin+"/") {
			n++
		}
	}
	return n
}

// streaming says whether the tab holds a stream now.
func (p *tab) streaming() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.streams) > 0
}

// tell has the browser run a command of its protocol on the tab.
func tell[P, R any](p *tab, command cdp.Command[P, R], params P) R {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	answer, err := chromedp.Call(ctx, command, params)
	if err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
	return answer
}

func (p *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	for i, action := range actions {
		if err := chromedp.Do(ctx, action); err != nil {
			p.t.Fatalf("%s: step %d: %v; it shows %s", p.name, i+1, err, p.text())
		}
	}
}

func (p *tab) open(url string) {
	p.t.Helper()
	p.do(chromedp.Navigate(url))
}

// text is where the tab is, and what there is to read.
func (p *tab) text() string {
	ctx, cancel := context.WithTimeout(p.ctx, 5*time.Second) // the page may be what hangs
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location + "\n" + document.body.innerText.slice(0, 1000)`))
	if err != nil {
		return err.Error()
	}
	return text
}

// ask returns the value of an expression, or of the promise that it is.
func ask[T any](p *tab, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %s: %v", p.name, expression, err)
	}
	return v
}

// await waits for a condition on the page, which may become another page meanwhile.
func (p *tab) await(condition string) {
	p.t.Helper()
	await(p.t, func() string {
		ctx, cancel := context.WithTimeout(p.ctx, patience)
		defer cancel()
		met, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`!!(`+condition+`)`))
		switch {
		case err != nil:
			return fmt.Sprintf("%s: %s: %v", p.name, condition, err)
		case !met:
			return fmt.Sprintf("%s: %s; it shows %s", p.name, condition, p.text())
		}
		return ""
	})
}

// find is the expression of the element that a test looks for by its test id.
func find(testID string) string {
	return fmt.Sprintf(`document.querySelector('[data-testid=%s]')`, testID)
}
