package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/twmb/franz-go/pkg/kgo"
)

const shapedStreams = `
decisions: 100
streams:
  paid: {topic: order-topic, user: key, subject: value:orderId, filter: '.status == "paid"'}
  typed: {topic: order-topic, user: key, transform: '.status | error'}
`

// What a filter drops, and what fails, arrives nowhere. So Try counts it by its reason,
// and Why names the key that did it. Neither quotes the record.
func TestConsoleTellsWhatAStreamLeavesOut(t *testing.T) {
	need(t, "chromium", "chromium")
	g, producer := consoleGateway(t, "auth: none\n"+shapedStreams, consoleTopics)
	c := openConsole(startChromium(t), t, g.AdminURL()+"/console/#try?user=alice")
	c.until(`document.querySelector(".trial .pill")?.textContent === "live"`)
	c.until(`document.querySelector(".trial [data-fact=refused]").textContent === "none"`)
	order := &kgo.Record{Topic: "order-topic", Key: []byte("alice"), Value: []byte(`{"orderId":"o-1","status":"s3cr3t"}`)}
	if err := producer.ProduceSync(t.Context(), order).FirstErr(); err != nil {
		t.Fatal(err)
	}
	c.until(`document.querySelector(".trial [data-fact=refused]").textContent.split(", ").sort().join() === "1 filtered,1 shape error"`)
	c.accessible("try")
	c.shoot("try-refused")

	// The card of a stream names the record, and leads to what is known of it.
	const last = `[data-stream=typed] [data-last=shape_error] a`
	c.until(fmt.Sprintf(`document.querySelector(%q)?.textContent === "order-topic, partition %d, offset %d"`, last, order.Partition, order.Offset))
	c.do(chromedp.Click(`nav a[href="#streams"]`), chromedp.Click(`[data-stream=typed] details:nth-of-type(2) summary`))
	c.accessible("refused")
	c.shoot("refused")
	c.do(chromedp.Click(last))
	c.until(`document.querySelector("#answer").innerText.includes("(shape_error)")`)

	c.do(chromedp.Click(`nav a[href="#why"]`))
	for _, i := range []inquiry{
		{"filtered", order.Partition, order.Offset, "alice", "paid", "filtered"},
		{"failed", order.Partition, order.Offset, "alice", "typed", "poison"},
	} {
		c.asked(g, i)
	}
	said := c.text("#answer")
	for _, want := range []string{"filtered by paid.filter", "(filtered)", "(shape_error)", "transform: the program ends with error"} {
		if !strings.Contains(said, want) {
			t.Errorf("it doesn't say %q: %s", want, said)
		}
	}
	if page := ask[string](&c.page, `document.documentElement.textContent`); strings.Contains(page, "s3cr3t") {
		t.Errorf("the page quotes the record: %s", page)
	}
}

// The console names the partition that on_error: stop holds, and why.
func TestConsoleNamesTheRecordThatHoldsAPartition(t *testing.T) {
	need(t, "chromium", "chromium")
	g, producer := consoleGateway(t, "auth: none\n"+`
streams:
  orders: {topic: order-topic, user: key, transform: '.status | error', on_error: stop}
  news: {topic: news, audience: everyone}
`, consoleTopics)
	c := openConsole(startChromium(t), t, g.AdminURL()+"/console")
	c.until(`document.querySelector("[data-stream=orders] .pill")?.textContent === "live"`)
	order := &kgo.Record{Topic: "order-topic", Key: []byte("alice"), Value: []byte(`{"status":"s3cr3t"}`)}
	if err := producer.ProduceSync(t.Context(), order).FirstErr(); err != nil {
		t.Fatal(err)
	}
	c.until(`document.querySelector("[data-stream=orders] .pill").textContent.startsWith("held for")`)
	said := c.text("[data-stream=orders] .held")
	for _, want := range []string{fmt.Sprintf("Partition %d waits at offset %d", order.Partition, order.Offset), "on_error: stop of orders", "transform: the program ends with error", "(shape_error)"} {
		if !strings.Contains(said, want) || strings.Contains(said, "s3cr3t") {
			t.Errorf("it says %q, and not %q", said, want)
		}
	}
	c.until(`document.querySelector("#kafka").textContent === "a stream is held"`)
	if pill := c.text("[data-stream=news] .pill"); pill != "live" {
		t.Errorf("news is %s", pill)
	}
	c.accessible("held")
	c.shoot("held")
	c.clean()
}
