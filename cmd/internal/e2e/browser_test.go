package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
)

// followWithChromium hands on what a browser's own EventSource tells a page of another
// origin.
func followWithChromium(ctx context.Context, t *testing.T, url string, each func(seen)) error {
	names, err := json.Marshal(foreignNames)
	if err != nil {
		return err
	}
	return readInChromium(ctx, t, fmt.Sprintf(`{
		const events = new EventSource(%q);
		for (const name of %s) events.addEventListener(name, e => {
			got.push({id: e.lastEventId, event: e.type, data: e.data});
			wake();
		});
	}`, url, names), each)
}

// readInChromium hands on what a program on a page puts into got, until the context ends.
// After each it calls wake.
func readInChromium(ctx context.Context, t *testing.T, program string, each func(seen)) error {
	ctx, stop := chromedp.NewExecAllocator(ctx, append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("chromium"), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox, chromedp.DisableGPU,
		// Nothing but the gateway is there to connect to.
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))...)
	defer stop()
	ctx, stop = chromedp.NewContext(ctx)
	defer stop()
	_, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`(() => {
		window.got = [];
		window.wake = () => {};
		`+program+`
		return true;
	})()`))
	for err == nil {
		var came string
		came, err = chromedp.Run(ctx, chromedp.Evaluate[string](`new Promise(resolve => {
			const give = () => {
				if (!got.length) return;
				wake = () => {};
				resolve(JSON.stringify(got.splice(0)));
			};
			wake = give;
			give();
		})`, chromedp.EvalAwaitPromise))
		if err != nil {
			break
		}
		var events []printed
		err = json.Unmarshal([]byte(came), &events)
		for _, e := range events {
			each(e.seen())
		}
	}
	return err
}
