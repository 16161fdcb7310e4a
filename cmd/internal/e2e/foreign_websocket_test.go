package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/twmb/franz-go/pkg/kfake"

	"sluice/cmd/internal/e2e/proxy"
)

// The WebSocket clients that people use are sent what a stream of Server-Sent Events is
// sent. The gateway is killed meanwhile. Each comes back with its newest id, and misses
// nothing.
func TestForeignWebSocketsReadTheSame(t *testing.T) {
	clients, missing := foreignClients(t, map[string][]string{"python": {"websockets"}, "node": {"ws"}},
		foreignClient{"coder/websocket", followWithCoder}, foreignClient{"chromium", followWithChromiumSocket})
	kafka, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	ctx := bounded(t)
	g := readyGateway(ctx, t, fmt.Sprintf(`kafka: {brokers: [%q]}
auth: none
cors: {origins: ["*"]}
streams:
  orders: {topic: orders, user: key, event: value:type}
`, kafka.ListenAddrs()[0]))
	b := &backend{t: t, ctx: ctx, kafka: kafka, topic: "orders"}
	b.write(
		`{"type":"order.confirmed","orderId":"o-1"}`,
		`{"type":"order.shipped","orderId":"o-1","note":"  spaces, \": colons\" and Ünicode 進入 ✅  "}`,
		"{\n\"orderId\": \"o-1\",\n\n\"note\": \"lines\"\n}",
		"{\"rare separators\":\"a\u2028b\u0085c\"}",
		"no JSON,\nbut <text>",
		`{"large":"`+strings.Repeat("x", 200<<10)+`"}`,
		`{"type":"order.packed","orderId":"o-1"}`,
	)
	reading := make([]*foreignReading, len(clients))
	for i, c := range clients {
		reading[i] = follow(ctx, t, messagesOf(c), g.URL()+"/ws?user=alice&from=earliest")
	}
	for _, r := range reading {
		r.await(ctx, t, "order.packed")
	}
	g.Kill()
	b.write(`{"type":"order.lost","orderId":"o-2"}`)
	g.Start()
	if err := g.AwaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	b.write(`{"type":"order.delivered","orderId":"o-1"}`)
	for _, r := range reading {
		r.await(ctx, t, "order.delivered")
	}
	want := readRaw(ctx, t, g.URL()+"/events?user=alice&from=earliest", len(b.orders))
	for i := range want {
		want[i].data = compacted(want[i].data)
	}
	for _, r := range reading {
		t.Run(r.client.name, func(t *testing.T) {
			hellos, got := r.stop(t)
			if !slices.Equal(got, want) {
				t.Errorf("it was sent\n%.1000v\nwant\n%.1000v", got, want)
			}
			if hellos != 2 {
				t.Errorf("it opened %d streams", hellos)
			}
		})
	}
	for name, why := range missing {
		t.Run(name, func(t *testing.T) { proxy.Lacks(t, why) })
	}
}

// compacted is JSON without spaces, and any other text as it is.
func compacted(text string) string {
	var b bytes.Buffer
	if json.Compact(&b, []byte(text)) != nil {
		return text
	}
	return b.String()
}

// messagesOf is a client whose data are the messages of a WebSocket: it hands on what
// these hold.
func messagesOf(c foreignClient) foreignClient {
	return foreignClient{c.name, func(ctx context.Context, t *testing.T, url string, each func(seen)) error {
		return c.read(ctx, t, url, func(e seen) {
			var m struct {
				ID, Event, Text string
				Data            json.RawMessage
			}
			if err := json.Unmarshal([]byte(e.data), &m); err != nil {
				t.Errorf("%s: %.200q: %v", c.name, e.data, err)
				return
			}
			if m.Event == "sluice.unavailable" {
				return // a page is told so after the handshake, by a gateway that is not warm yet; others see a 503
			}
			if m.Data != nil {
				m.Text = compacted(string(m.Data))
			}
			each(seen{m.ID, m.Event, m.Text})
		})
	}}
}

// followWithCoder comes back at the newest id when its connection has ended.
func followWithCoder(ctx context.Context, _ *testing.T, at string, each func(seen)) error {
	last := ""
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		socket, _, err := websocket.Dial(ctx, at+last, &websocket.DialOptions{Subprotocols: []string{"sluice.v1"}, CompressionMode: websocket.CompressionContextTakeover})
		if err == nil {
			socket.SetReadLimit(-1)
		}
		for err == nil {
			var text []byte
			if _, text, err = socket.Read(ctx); err != nil {
				socket.CloseNow()
				break
			}
			var m struct{ ID string }
			if json.Unmarshal(text, &m) == nil && m.ID != "" {
				last = "&lastEventId=" + url.QueryEscape(m.ID)
			}
			each(seen{data: string(text)})
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// followWithChromiumSocket hands on what a browser's own WebSocket tells a page of
// another origin.
func followWithChromiumSocket(ctx context.Context, t *testing.T, at string, each func(seen)) error {
	return readInChromium(ctx, t, fmt.Sprintf(`{
		const open = last => {
			const socket = new WebSocket(%q.replace("http", "ws") + (last && "&lastEventId=" + encodeURIComponent(last)), "sluice.v1");
			socket.onmessage = e => {
				last = JSON.parse(e.data).id ?? last;
				got.push({data: e.data});
				wake();
			};
			socket.onclose = () => setTimeout(open, 100, last);
		};
		open("");
	}`, at), each)
}
