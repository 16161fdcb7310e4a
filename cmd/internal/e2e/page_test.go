package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
)

// startChromium starts a browser, in whose context pages are opened. It ends with the
// test.
func startChromium(t *testing.T) context.Context {
	t.Helper()
	return startChromiumFor(bounded(t), t)
}

// startChromiumFor is startChromium for a test that takes longer than others, or needs
// more options.
func startChromiumFor(ctx context.Context, t *testing.T, more ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("chromium"), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	ctx, stop := chromedp.NewExecAllocator(ctx, append(options, more...)...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// page is a page in a browser with one plain EventSource, and nothing that helps it.
type page struct {
	t   *testing.T
	tab context.Context
}

// openPage opens the page at this address and gives it an EventSource of the stream.
func openPage(browser context.Context, t *testing.T, address, stream string) *page {
	t.Helper()
	tab, stop := chromedp.NewContext(browser)
	t.Cleanup(stop)
	if err := chromedp.Do(tab, chromedp.Navigate(address)); err != nil {
		t.Fatal(err)
	}
	p := &page{t, tab}
	ask[bool](p, fmt.Sprintf(`(() => {
		window.got = [];
		window.opened = 0;
		window.source = new EventSource(%q, {withCredentials: true});
		source.onopen = () => opened++;
		source.onmessage = e => got.push(e.data);
		return true;
	})()`, stream))
	return p
}

// await waits for a condition on the page. It fails the test when the EventSource has
// given up, which is permanent.
func (p *page) await(condition string) {
	p.t.Helper()
	state := ask[string](p, `new Promise(resolve => {
		const look = () => {
			if (`+condition+`) resolve("");
			else if (source.readyState === EventSource.CLOSED) resolve("the EventSource has given up");
			else setTimeout(look, 20);
		};
		look();
	})`)
	if state != "" {
		p.t.Fatalf("waiting for %s: %s", condition, state)
	}
}

// got returns the events' data, in order.
func (p *page) got() (data []string) {
	p.t.Helper()
	if err := json.Unmarshal([]byte(ask[string](p, `JSON.stringify(got)`)), &data); err != nil {
		p.t.Fatal(err)
	}
	return data
}

// ask returns the value of an expression, or of the promise that it is.
func ask[T any](p *page, expression string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.tab, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatal(err)
	}
	return v
}
