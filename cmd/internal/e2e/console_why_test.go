package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/cmd/internal/e2e/gateway"
)

const whyStreams = `
decisions: 1000
slow_client: {max_lag: 1s}
streams:
  board: {topic: order-topic, audience: everyone, access: [staff]}
  orders: {topic: order-topic, user: key, subject: value:orderId, event: value:type}
`

// token is a login of a user, signed with jwtSecret.
func token(user string) string {
	text := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	signed := text(`{"alg":"HS256","typ":"JWT"}`) + "." + text(fmt.Sprintf(`{"sub":%q,"exp":%d}`, user, time.Now().Add(time.Hour).Unix()))
	mac := hmac.New(sha256.New, []byte(jwtSecret))
	mac.Write([]byte(signed))
	return signed + "." + text(string(mac.Sum(nil)))
}

// stream opens an event stream as a user, and reads nothing of it but the head.
func stream(t *testing.T, address, user string) net.Conn {
	t.Helper()
	host, _, _ := strings.Cut(strings.TrimPrefix(address, "http://"), "/")
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) (err error) {
		// A small window, so that who takes nothing is soon behind.
		return errors.Join(c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) }), err)
	}}
	conn, err := dialer.DialContext(bounded(t), "tcp", host)
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

// fallBehind has a connection take nothing until it lags too far, and leave when it is told so. It returns the offset of an order, in partition 1, that
// it wasn't sent.
func fallBehind(t *testing.T, g *gateway.Gateway, producer *kgo.Client, conn net.Conn) (offset int64) {
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
	read := float64(4 + offset + 1) // the test's other records, and these
	soon(t, func() bool { return metrics(t, g)[`sluice_records_total{stream="orders"}`] == read })
	if _, err := io.Copy(io.Discard, conn); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	soon(t, func() bool { return metrics(t, g)[`sluice_streams_closed_total{reason="lagged"}`] == 1 })
	return offset
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

// The console names the true cause, for each way in which an event doesn't arrive.
func TestConsoleSaysWhyNot(t *testing.T) {
	need(t, "chromium", "chromium")
	g, producer := consoleGateway(t, jwtAuth(t)+whyStreams, consoleTopics)
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
	slows := fallBehind(t, g, producer, slow)

	c := openConsole(startChromium(t), t, g.AdminURL()+"/console/#why")
	for _, tt := range []struct {
		name          string
		partition     int32
		offset        int64
		user          string
		stream, cause string // of the record as that stream has it
	}{
		{"wrong key", 0, bobs, "alice", "orders", "wrong_user"},
		{"wrong role", 0, bobs, "dave", "board", "role"},
		{"another stream", 0, bobs, "alice", "board", "stream"},
		{"filtered subject", 0, filtered, hostile, "orders", "subject"},
		{"not connected", 0, bobs, "bob", "orders", "not_connected"},
		{"lagging", 1, slows, "slow", "orders", "lagged"},
		{"poison record", 0, nobodys.Offset, "alice", "orders", "poison"},
		{"it did", 0, alices, "alice", "orders", "written"},
	} {
		c.fill("#by-record", "topic", "order-topic", "partition", fmt.Sprint(tt.partition), "offset", fmt.Sprint(tt.offset), "user", tt.user)
		question := fmt.Sprintf("topic=order-topic&partition=%d&offset=%d&", tt.partition, tt.offset) + url.Values{"user": {tt.user}}.Encode()
		c.until(fmt.Sprintf(`document.querySelector("#answer").dataset.question === new URLSearchParams(%q).toString()`, question))
		record := fmt.Sprintf(`[...document.querySelectorAll("#answer .record")].find(e => e.querySelector("h3").textContent === %q)`, tt.stream)
		if cause := ask[string](&c.page, record+`.dataset.cause`); cause != tt.cause {
			t.Errorf("%s: the console says %s, and not %s: %s", tt.name, cause, tt.cause, c.text("#answer"))
		}
		t.Logf("%s: %s", tt.name, ask[string](&c.page, `(document.querySelector("#answer > .because") ?? `+record+`.querySelector("p")).textContent`))
		c.clean()
	}
	c.accessible("why")
	c.shoot("why")

	c.fill("#by-user", "user", hostile, "stream", "orders")
	c.until(`[...document.querySelectorAll("#answer .record")].map(e => e.dataset.cause).join() === "poison,subject"`) // a poison record may be anybody's
	c.do(chromedp.Click("#by-user [name=theirs]"), chromedp.Click("#by-user button"))
	c.until(`document.querySelectorAll("#answer .record").length === 20`)
	c.shoot("why-user")
	c.clean()
}

// Without decisions the console says which key turns them on.
func TestConsoleSaysThatDecisionsAreOff(t *testing.T) {
	need(t, "chromium", "chromium")
	g, _ := consoleGateway(t, "auth: none\n"+consoleStreams, consoleTopics)
	c := openConsole(startChromium(t), t, g.AdminURL()+"/console/#why?user=alice")
	c.until(`document.querySelector("#answer code")?.textContent === "decisions: 10000"`)
	c.shoot("decisions-off")
}
