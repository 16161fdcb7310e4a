package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
)

// readWithChromium reads n events of streams with a browser's own EventSource, on a page of another origin.
func readWithChromium(ctx context.Context, t *testing.T, url string, n int) []seen {
	ctx, stop := chromedp.NewExecAllocator(ctx, append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("chromium"), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox, chromedp.DisableGPU,
		// Nothing but the gateway is there to connect to.
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))...)
	defer stop()
	ctx, stop = chromedp.NewContext(ctx)
	defer stop()
	// An EventSource tells named events only to those who listen for the name.
	got, err := chromedp.Run(ctx, chromedp.Evaluate[string](fmt.Sprintf(`new Promise(resolve => {
		const got = [], events = new EventSource(%q);
		for (const name of %s) events.addEventListener(name, e => {
			got.push([e.lastEventId, e.type, e.data]);
			if (got.length == %d) { events.close(); resolve(JSON.stringify(got)); }
		});
	})`, url, `["message", "order.confirmed", "order.shipped", "order.delivered"]`, n), chromedp.EvalAwaitPromise))
	if err != nil {
		t.Errorf("chromium: %v", err)
		return nil
	}
	var rows [][3]string
	if err := json.Unmarshal([]byte(got), &rows); err != nil {
		t.Errorf("chromium: %v", err)
	}
	var events []seen
	for _, r := range rows {
		events = append(events, seen{r[0], r[1], r[2]})
	}
	return events
}
