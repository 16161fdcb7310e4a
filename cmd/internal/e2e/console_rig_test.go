package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/cmd/internal/e2e/gateway"
)

// hostile is a user id, a subject and a payload at once: wherever the console shows it,
// it has to be text.
const hostile = `<img src=x onerror="document.title='broken in'">`

// console is the console in a tab of a real browser. Whatever the browser complains of
// fails the test: an exception, an error on its console, a violation of the content
// security policy.
type console struct {
	page
	mu     sync.Mutex // guards faults
	faults []string
}

// openConsole opens the page at this address.
func openConsole(browser context.Context, t *testing.T, address string) *console {
	t.Helper()
	tab, stop := chromedp.NewContext(browser)
	t.Cleanup(stop)
	c := &console{page: page{t, tab}}
	err := chromedp.Listen(tab, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			c.fault(fmt.Sprint(e.ExceptionDetails))
		case *log.EventEntryAdded:
			if e.Entry.Source != "network" { // an answer that is no 200 is the page's to show
				c.fault(e.Entry.Text)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.faults) > 0 {
			t.Errorf("the browser says %q", c.faults)
		}
	})
	c.do(chromedp.Navigate(address))
	return c
}

func (c *console) fault(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, text)
}

func (c *console) do(actions ...chromedp.Action[chromedp.Void]) {
	c.t.Helper()
	if err := chromedp.Do(c.tab, actions...); err != nil {
		c.t.Fatal(err)
	}
}

// until waits for a condition on the page. When the test's time is over, it says what
// stands there instead.
func (c *console) until(condition string) {
	c.t.Helper()
	_, err := chromedp.Run(c.tab, chromedp.Evaluate[bool](`new Promise((resolve, reject) => {
		const late = Date.now() + 30000;
		const look = () => {
			if (`+condition+`) resolve(true);
			else if (Date.now() > late) reject(new Error(document.body.innerText));
			else setTimeout(look, 20);
		};
		look();
	})`, chromedp.EvalAwaitPromise))
	if err != nil {
		c.t.Fatalf("never: %s\n%v", condition, err)
	}
}

// text is what stands in the element.
func (c *console) text(selector string) string {
	c.t.Helper()
	return ask[string](&c.page, fmt.Sprintf(`document.querySelector(%q).innerText`, selector))
}

// fill puts values into the fields of a form, name after value, and submits it as a
// person would by its button.
func (c *console) fill(form string, fields ...string) {
	c.t.Helper()
	for i := 0; i < len(fields); i += 2 {
		ask[bool](&c.page, fmt.Sprintf(`(() => {
			const field = document.querySelector(%q).elements[%q];
			field.value = %q;
			return field.dispatchEvent(new Event("change", {bubbles: true}));
		})()`, form, fields[i], fields[i+1]))
	}
	c.do(chromedp.Click(form + " button:not([type=button])"))
}

// clean fails the test when something that came from outside has become an element.
func (c *console) clean() {
	c.t.Helper()
	if n := ask[int](&c.page, `document.querySelectorAll("main img, .figures img, dialog img, script:not([src])").length`); n > 0 {
		c.t.Errorf("%d elements that are none of the console's", n)
	}
	if title := ask[string](&c.page, `document.title`); strings.Contains(title, "broken in") {
		c.t.Errorf("title %q", title)
	}
}

// look is how a page is looked at.
type look struct {
	name          string
	width, height int64
	scheme        string
	phone         bool
}

var looks = []look{
	{"dark", 1360, 900, "dark", false},
	{"phone-dark", 390, 844, "dark", true},
	{"phone", 390, 844, "light", true},
	{"light", 1360, 900, "light", false},
}

// each does something in every look, and leaves the page in the last.
func (c *console) each(do func(look)) {
	c.t.Helper()
	for _, l := range looks {
		_, err := chromedp.Call(c.tab, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: l.width, Height: l.height, DeviceScaleFactor: 1, Mobile: l.phone})
		if err == nil {
			scheme := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.scheme}}}
			_, err = chromedp.Call(c.tab, emulation.SetEmulatedMedia, scheme)
		}
		if err != nil {
			c.t.Fatal(err)
		}
		ask[float64](&c.page, `new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve)))`)
		do(l)
	}
}

// fits fails the test where the page is wider than its window, or where a text is cut to
// its place. A phone makes innerWidth as wide as the page, so that can't be asked.
func (c *console) fits(name string, l look) {
	c.t.Helper()
	if wide := ask[int64](&c.page, `document.documentElement.scrollWidth`); wide > l.width {
		c.t.Errorf("%s, %s: %d pixels wider than the window", name, l.name, wide-l.width)
	}
	cut := ask[string](&c.page, `[...document.querySelectorAll("body *")].filter(e =>
		e.scrollWidth > e.clientWidth && getComputedStyle(e).textOverflow === "ellipsis" && e.checkVisibility()).map(e => e.outerHTML).join("\n")`)
	if cut != "" {
		c.t.Errorf("%s, %s: cut short:\n%s", name, l.name, cut)
	}
}

// shoot takes a picture of the page in every look, under this name, for the test's
// artifacts (go test -artifacts).
func (c *console) shoot(name string) {
	c.t.Helper()
	c.each(func(l look) {
		c.fits(name, l)
		picture, err := chromedp.Run(c.tab, chromedp.FullScreenshot(100))
		if err != nil {
			c.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(c.t.ArtifactDir(), name+"-"+l.name+".png"), picture, 0o600); err != nil {
			c.t.Fatal(err)
		}
	})
}

// consoleGateway starts a gateway with an embedded Kafka, with the topics of the
// configuration, and waits until it is ready.
func consoleGateway(t *testing.T, config string, topics map[string]int32) (*gateway.Gateway, *kgo.Client) {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	for topic, partitions := range topics {
		if err := cluster.CreateTopic(topic, partitions, nil); err != nil {
			t.Fatal(err)
		}
	}
	producer, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(producer.Close)
	return readyGateway(bounded(t), t, fmt.Sprintf("kafka: {brokers: [%q]}\n%s", cluster.ListenAddrs()[0], config)), producer
}

// metrics are the series of /metrics, each by its name and labels as they are written
// there.
func metrics(t *testing.T, g *gateway.Gateway) map[string]float64 {
	t.Helper()
	response, err := http.Get(g.AdminURL() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	series := make(map[string]float64)
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if n, err := strconv.ParseFloat(value, 64); err == nil && !strings.HasPrefix(line, "#") {
			series[name] = n
		}
	}
	return series
}
