package e2e

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/cmd/internal/e2e/gateway"
)

const whyStreams = `
decisions: 1000
slow_client: {max_lag: 1s, action: %s}
streams:
  board: {topic: order-topic, audience: everyone, access: [staff]}
  orders: {topic: order-topic, user: key, subject: value:orderId, event: value:type}
`

// token is a login of a user, signed with jwtSecret.
func token(user string) string { return tokenUntil(user, time.Now().Add(time.Hour)) }

// tokenUntil is a login that ends then.
func tokenUntil(user string, end time.Time) string {
	return signed(`{"alg":"HS256","typ":"JWT"}`, fmt.Sprintf(`{"sub":%q,"exp":%d}`, user, end.Unix()))
}

// signed is a token with this header and these claims.
func signed(header, claims string) string {
	text := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	signed := text(header) + "." + text(claims)
	mac := hmac.New(sha256.New, []byte(jwtSecret))
	mac.Write([]byte(signed))
	return signed + "." + text(string(mac.Sum(nil)))
}

// stream opens an event stream as a user, and reads nothing of it but the head.
func stream(t *testing.T, address, user string) net.Conn {
	t.Helper()
	host, _, _ := strings.Cut(strings.TrimPrefix(address, "http://"), "/")
	conn, err := narrowDialer.DialContext(bounded(t), "tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	r, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token(user))
	if err := r.Write(conn); err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 15)
	if _, err := conn.Read(head); err != nil || string(head) != "HTTP/1.1 200 OK" {
		t.Fatalf("%s: %q, %v", user, head, err)
	}
	return conn
}

// fallBehind waits until slow's connection, which takes nothing, lags too far. It returns
// the offset of an order, in partition 1, that it won't be sent.
func fallBehind(t *testing.T, g *gateway.Gateway, producer *kgo.Client) (offset int64) {
	t.Helper()
	order := func(padding int) {
		t.Helper()
		record := &kgo.Record{Topic: "order-topic", Partition: 1, Key: []byte("slow"), Value: fmt.Appendf(nil, `{"orderId":"o-5","padding":%q}`, strings.Repeat("x", padding))}
		if err := producer.ProduceSync(t.Context(), record).FirstErr(); err != nil {
			t.Fatal(err)
		}
		offset = record.Offset
	}
	for range 20 {
		order(200 << 10)
	}
	soon(t, func() bool {
		order(0) // all of the others may be on their way in one batch: what comes after it waits
		var list struct {
			Subscribers []struct {
				BehindSince time.Time `json:"behind_since"`
			}
		}
		response, err := http.Get(g.AdminURL() + "/subscribers?user=slow")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if err := json.NewDecoder(response.Body).Decode(&list); err != nil {
			t.Fatal(err)
		}
		return len(list.Subscribers) == 1 && !list.Subscribers[0].BehindSince.IsZero() && time.Since(list.Subscribers[0].BehindSince) > 1200*time.Millisecond
	})
	next := fmt.Sprintf(`"partition":1,"next":%d,`, offset+1)
	soon(t, func() bool { return strings.Contains(live(t, g), next) })
	return offset
}

// live is what GET /live says of orders.
func live(t *testing.T, g *gateway.Gateway) string {
	t.Helper()
	response, err := http.Get(g.AdminURL() + "/live?stream=orders")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// readUntil reads lines up to this one.
func readUntil(t *testing.T, conn net.Conn, line string) {
	t.Helper()
	lines := bufio.NewReader(conn)
	for said := ""; said != line+"\n"; {
		var err error
		if said, err = lines.ReadString('\n'); err != nil {
			t.Fatalf("before %q: %v", line, err)
		}
	}
}

// soon waits until it is so.
func soon(t *testing.T, so func() bool) {
	t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for ctx := bounded(t); !so(); {
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatal("never")
		}
	}
}

// inquiry is a question about a record of order-topic and a user, and its true answer, of
// the record as one of the streams has it.
type inquiry struct {
	name          string
	partition     int32
	offset        int64
	user          string
	stream, cause string
}

// asked has the console and sluice top answer, which have to say the same.
func (c *console) asked(g *gateway.Gateway, i inquiry) {
	c.t.Helper()
	c.fill("#by-record", "topic", "order-topic", "partition", fmt.Sprint(i.partition), "offset", fmt.Sprint(i.offset), "user", i.user)
	question := fmt.Sprintf("topic=order-topic&partition=%d&offset=%d&", i.partition, i.offset) + url.Values{"user": {i.user}}.Encode()
	c.until(fmt.Sprintf(`document.querySelector("#answer").dataset.question === new URLSearchParams(%q).toString()`, question))
	record := fmt.Sprintf(`[...document.querySelectorAll("#answer .record")].find(e => e.querySelector("h3").textContent === %q)`, i.stream)
	if cause := ask[string](&c.page, record+`.dataset.cause`); cause != i.cause {
		c.t.Errorf("%s: the console says %s, and not %s: %s", i.name, cause, i.cause, c.text("#answer"))
	}
	c.t.Logf("%s: %s", i.name, ask[string](&c.page, `(document.querySelector("#answer > .because") ?? `+record+`.querySelector("p")).textContent`))
	c.clean()

	binary, err := gateway.Binary()
	if err != nil {
		c.t.Fatal(err)
	}
	top := exec.CommandContext(bounded(c.t), binary, "top", "--json", "--why", fmt.Sprintf("order-topic/%d/%d", i.partition, i.offset), "--user", i.user, g.AdminURL())
	text, err := top.Output()
	var answer struct {
		Records []struct{ Stream, Cause string }
	}
	if err == nil {
		err = json.Unmarshal(text, &answer)
	}
	if err != nil {
		c.t.Fatalf("%v: %v\n%s", top, err, text)
	}
	if !slices.ContainsFunc(answer.Records, func(r struct{ Stream, Cause string }) bool { return r.Stream == i.stream && r.Cause == i.cause }) {
		c.t.Errorf("%s: sluice top says %+v, and not %s", i.name, answer.Records, i.cause)
	}
}

// The console and sluice top name the true cause, for each way in which an event doesn't
// arrive.
func TestConsoleSaysWhyNot(t *testing.T) {
	need(t, "chromium", "chromium")
	g, producer := consoleGateway(t, jwtAuth(t)+fmt.Sprintf(whyStreams, "close"), consoleTopics)
	stream(t, g.URL()+"/events?stream=orders", "alice")
	stream(t, g.URL()+"/events?stream=orders&subject=o-1", hostile)
	stream(t, g.URL()+"/events", "dave") // all that dave may read
	slow := stream(t, g.URL()+"/events?stream=orders", "slow")

	bobs := placed(t, producer, 0, "bob", "o-1")
	filtered := placed(t, producer, 0, hostile, "o-2")
	alices := placed(t, producer, 0, "alice", "o-3")
	nobodys := &kgo.Record{Topic: "order-topic", Value: []byte(`{"orderId":"o-4"}`)}
	if err := producer.ProduceSync(t.Context(), nobodys).FirstErr(); err != nil {
		t.Fatal(err)
	}
	slows := fallBehind(t, g, producer)
	if _, err := io.Copy(io.Discard, slow); err != nil {
		t.Fatal(err)
	}
	slow.Close()
	soon(t, func() bool { return metrics(t, g)[`sluice_streams_closed_total{reason="lagged"}`] == 1 })

	c := openConsole(startChromium(t), t, g.AdminURL()+"/console/#why")
	for _, i := range []inquiry{
		{"wrong key", 0, bobs, "alice", "orders", "wrong_user"},
		{"wrong role", 0, bobs, "dave", "board", "role"},
		{"another stream", 0, bobs, "alice", "board", "stream"},
		{"filtered subject", 0, filtered, hostile, "orders", "subject"},
		{"not connected", 0, bobs, "bob", "orders", "not_connected"},
		{"lagging", 1, slows, "slow", "orders", "lagged"},
		{"poison record", 0, nobodys.Offset, "alice", "orders", "poison"},
		{"it did", 0, alices, "alice", "orders", "written"},
	} {
		c.asked(g, i)
	}
	c.accessible("why")
	c.shoot("why")

	c.fill("#by-user", "user", hostile, "stream", "orders")
	c.until(`[...document.querySelectorAll("#answer .record")].map(e => e.dataset.cause).sort().join() === "poison,subject"`) // a poison record may be anybody's
	c.do(chromedp.Click("#by-user [name=theirs]"), chromedp.Click("#by-user button"))
	c.until(`document.querySelectorAll("#answer .record").length === 20`)
	c.shoot("why-user")
	c.clean()
}

// Where a slow client is reset rather than closed, what it isn't sent was skipped; the
// rest it is sent.
func TestConsoleSaysWhatAResetSkipped(t *testing.T) {
	need(t, "chromium", "chromium")
	g, producer := consoleGateway(t, jwtAuth(t)+fmt.Sprintf(whyStreams, "reset"), consoleTopics)
	slow := stream(t, g.URL()+"/events?stream=orders", "slow")
	before := placed(t, producer, 1, "slow", "o-1")
	skipped := fallBehind(t, g, producer)
	readUntil(t, slow, "event: sluice.reset")
	after := placed(t, producer, 1, "slow", "o-6")
	readUntil(t, slow, "event: order.placed")

	c := openConsole(startChromium(t), t, g.AdminURL()+"/console/#why")
	for _, i := range []inquiry{
		{"lagging and reset", 1, skipped, "slow", "orders", "skipped"},
		{"before it lagged", 1, before, "slow", "orders", "written"},
		{"after the reset", 1, after, "slow", "orders", "written"},
	} {
		c.asked(g, i)
	}
	c.do(chromedp.Click(`nav a[href="#streams"]`))
	c.until(`document.querySelector("[data-stream=orders] [data-counts=resets] [data-count=lagged]")?.textContent === "1"`)
	c.accessible("after a reset")
}

// Without decisions the console says which key turns them on.
func TestConsoleSaysThatDecisionsAreOff(t *testing.T) {
	need(t, "chromium", "chromium")
	g, _ := consoleGateway(t, "auth: none\n"+consoleStreams, consoleTopics)
	c := openConsole(startChromium(t), t, g.AdminURL()+"/console/#why?user=alice")
	c.until(`document.querySelector("#answer code")?.textContent === "decisions: 10000"`)
	c.shoot("decisions-off")
}
