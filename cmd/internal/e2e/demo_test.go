package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// openDemo starts the demo and opens its page.
func openDemo(t *testing.T, path string, args ...string) (*newcomer, *console) {
	t.Helper()
	need(t, "chromium", "chromium")
	n := onFirstDay(t)
	n.demo(append([]string{"--kafka", n.kafka}, args...)...)
	c := openConsole(startChromium(t), t, "http://"+n.public+path)
	c.until(`document.querySelector("#state").textContent === "live"`)
	return n, c
}

const noLoss = "lost 0 · twice 0"

// Somebody presses the buttons of the demo's page at random: orders, cut connections,
// stopped gateways, and being away. The page counts no update that was lost and none that
// came twice, and has the newest that is in Kafka.
func TestTheDemoLosesNothingOverRandomClicks(t *testing.T) {
	const clicks = 50
	n, c := openDemo(t, "/?user=bob", "--rate", "5")
	seed := seed(t)
	t.Logf("SLUICE_TEST_SEED=%d repeats the clicks", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	buttons := []string{"#place", "#place", "#cut", "#cut", "#stop", "#fill", "input[value=alice]", "input[value=carol]"}
	type step struct {
		Press string `json:"press"`
		Wait  int    `json:"wait"` // ms after it
	}
	steps := make([]step, clicks)
	for i := range steps {
		steps[i] = step{buttons[rng.IntN(len(buttons))], rng.IntN(1000)}
	}
	steps[clicks-1].Press = "input[value=bob]"
	text, err := json.Marshal(steps)
	if err != nil {
		t.Fatal(err)
	}
	ask[bool](&c.page, fmt.Sprintf(`(async () => {
		for (const {press, wait} of %s) {
			document.querySelector(press).click();
			await new Promise(resolve => setTimeout(resolve, wait));
		}
		return true;
	})()`, text))

	c.until(`document.querySelector("#state").textContent === "live"`)
	newest := newestUpdate(t, n.kafka, "bob")
	c.until(fmt.Sprintf(`Number(document.querySelector("#update").textContent) >= %d`, newest))
	if score := c.text("#score"); score != noLoss {
		t.Errorf("%s, up to update %d\n%s", score, newest, c.text("#notes"))
	}
	c.do(chromedp.Click("#cut"))
	c.until(`/moved from gateway [12] to gateway [12]/.test(document.querySelector("#notes").innerText)`)
}

// newestUpdate is the number of the newest update of a user that is in Kafka by now.
func newestUpdate(t *testing.T, broker, user string) (newest int) {
	t.Helper()
	ctx := bounded(t)
	consumer, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.ConsumeTopics("order-topic"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer consumer.Close()
	ends, err := kadm.NewClient(consumer).ListEndOffsets(ctx, "order-topic")
	if err != nil {
		t.Fatal(err)
	}
	left := int64(0)
	ends.Each(func(o kadm.ListedOffset) { left += o.Offset })
	for left > 0 {
		fetches := consumer.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		for r := range fetches.RecordsAll() {
			left--
			var o struct{ Update int }
			if err := json.Unmarshal(r.Value, &o); err != nil {
				t.Fatal(err)
			}
			if string(r.Key) == user {
				newest = max(newest, o.Update)
			}
		}
	}
	return newest
}

// The demo's page in every look, live and while its gateway is stopped.
func TestTheDemoIsAccessible(t *testing.T) {
	_, c := openDemo(t, "/", "--rate", "3")
	c.until(`document.querySelectorAll(".order").length > 5`)
	c.axe("demo")
	c.shoot("demo")
	c.do(chromedp.Click("#stop"))
	c.until(`document.querySelector('.gateways [data-state="away"]') && document.querySelector("#state").textContent === "live"`)
	c.axe("demo, a gateway stopped")
	c.shoot("demo-stopped")
	if score := c.text("#score"); score != noLoss {
		t.Error(score)
	}
}
