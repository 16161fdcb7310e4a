package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// The groups of TestPagesSeeWhyAWebSocketIsRefusedOrEnds.

func pagesAreTurnedAway(t *testing.T, b browserOf) {
	c := b.open(t, `limits: {per_user: 1, per_user_action: evict_oldest}
streams:
  orders: {topic: order-topic, user: key, subject: value:orderId}
`)
	everyReasonHasARow(t, c.gateway)
	c.wantEnd(c.dialAs(token("alice"), "?stream=payments"), unavailable, "stream")
	older := c.following("alice")
	newer := c.following("alice")
	c.wantEnd(older, closing, "evicted")
	c.do(http.MethodDelete, c.gateway.AdminURL()+"/subscribers/"+c.subscriber("alice"), "")
	c.wantEnd(newer, closing, "operator")
	revoked := c.following("bob")
	c.do(http.MethodPost, c.gateway.URL()+"/revoke", `{"user":"bob"}`)
	c.wantEnd(revoked, closing, "revoked")
	c.wantEnd(c.dialAs(tokenUntil("carol", time.Now().Add(3*time.Second)), ""), closing, "expiring")

	ticket := func(more string) string {
		var made struct{ Ticket string }
		text := c.do(http.MethodPost, c.gateway.URL()+"/tickets", `{"stream":"orders","subject":"o-1","ttl":"10m"`+more+`}`)
		if err := json.Unmarshal([]byte(text), &made); err != nil || made.Ticket == "" {
			t.Fatalf("%s %v", text, err)
		}
		return c.gateway.URL() + "/ws?ticket=" + made.Ticket
	}
	c.wantEnd(c.dial(ticket("")+"&subject=o-2"), unavailable, "subject")
	once := ticket(`,"once":true`)
	first := c.dial(once)
	first.awaitHello()
	c.wantEnd(c.dial(once), unavailable, "identity-used")

	binary := c.following("dave")
	binary.send("new Uint8Array(3)")
	c.wantEnd(binary, "", "messages are text")
	large := c.following("dave")
	large.send(`"x".repeat(5000)`)
	c.wantEnd(large, "", "a message is too long")
	many := c.following("dave")
	ask[bool](&c.page, `(() => { for (let i = 0; i < 60; i++) `+many.name+`.socket.send("ping"); return true; })()`)
	c.wantEnd(many, "", "too many messages")
}

func pagesWithoutIdentity(t *testing.T, b browserOf) {
	c, config := b.prepare(t, "issuer: shop, audience: sluice, require_exp: true, ", `streams:
  orders: {topic: order-topic, user: key}
`)
	c.gateway, c.producer = consoleGateway(t, config, map[string]int32{"order-topic": 1})
	c.wantEnd(c.dial(c.gateway.URL()+"/ws", "sluice.v1"), unavailable, "identity-missing")
	c.wantEnd(c.dialAs("no-token", ""), unavailable, "identity-malformed")
	soon, past := time.Now().Add(time.Hour).Unix(), time.Now().Add(-time.Hour).Unix()
	good := fmt.Sprintf(`{"sub":"alice","iss":"shop","aud":"sluice","exp":%d,"iat":%d}`, soon, past)
	alice := signed(`{"alg":"HS256"}`, good)
	first := c.dialAs(alice, "")
	first.awaitHello()
	for reason, token := range map[string]string{
		"algorithm":     signed(`{"alg":"HS512"}`, good),
		"signature":     alice[:strings.LastIndexByte(alice, '.')] + "." + strings.Repeat("A", 43),
		"expired":       signed(`{"alg":"HS256"}`, strings.Replace(good, fmt.Sprint(soon), fmt.Sprint(past), 1)),
		"no_expiry":     signed(`{"alg":"HS256"}`, `{"sub":"alice","iss":"shop","aud":"sluice"}`),
		"not_yet_valid": signed(`{"alg":"HS256"}`, fmt.Sprintf(`{"nbf":%d,%s`, soon, good[1:])),
		"issuer":        signed(`{"alg":"HS256"}`, strings.Replace(good, "shop", "evil", 1)),
		"audience":      signed(`{"alg":"HS256"}`, strings.Replace(good, "sluice", "evil", 1)),
		"user":          signed(`{"alg":"HS256"}`, strings.Replace(good, "alice", "", 1)),
	} {
		c.wantEnd(c.dialAs(token, ""), unavailable, "identity-"+reason)
	}
	c.do(http.MethodPost, c.gateway.URL()+"/revoke", `{"user":"alice"}`)
	c.wantEnd(first, closing, "revoked")
	c.wantEnd(c.dialAs(alice, ""), unavailable, "identity-revoked")
}

func pagesBeyondLimits(t *testing.T, b browserOf) {
	c := b.open(t, `limits: {connections: 3, per_user: 2, per_user_catchups: 1/h}
streams:
  orders: {topic: order-topic, user: key}
`)
	c.order("alice", "o-1", 0)
	c.gateway.Kill() // what it has in memory
	c.gateway.Start()
	if err := c.gateway.AwaitReady(bounded(t)); err != nil {
		t.Fatal(err)
	}
	c.dialAs(token("alice"), "?from=earliest").awaitHello()
	c.wantEnd(c.dialAs(token("alice"), "?from=earliest"), unavailable, "per_user_catchups")
	c.following("alice")
	c.wantEnd(c.dialAs(token("alice"), ""), unavailable, "per_user")
	c.following("bob")
	c.wantEnd(c.dialAs(token("bob"), ""), unavailable, "connections")
}

func pagesOfOneAddress(t *testing.T, b browserOf) {
	c := b.open(t, `limits: {per_ip: 2, per_ip_connects: 4/h, per_ip_catchups: 1/h, per_ip_requests: 8/h}
trusted_proxies: [127.0.0.1]
streams:
  orders: {topic: order-topic, user: key}
`)
	proxy := asAddress(t, c.gateway.URL())
	c.dialAt(proxy+"/192.0.2.1", token("alice"), "").awaitHello()
	c.dialAt(proxy+"/192.0.2.1", token("bob"), "").awaitHello()
	c.wantEnd(c.dialAt(proxy+"/192.0.2.1", token("carol"), ""), unavailable, "per_ip")
	c.wantEnd(c.dialAt(proxy+"/192.0.2.1", token("carol"), ""), unavailable, "per_ip")
	c.wantEnd(c.dialAt(proxy+"/192.0.2.1", token("carol"), ""), unavailable, "per_ip_connects")

	c.order("alice", "o-1", 0)
	c.gateway.Kill() // what it has in memory
	c.gateway.Start()
	if err := c.gateway.AwaitReady(bounded(t)); err != nil {
		t.Fatal(err)
	}
	c.dialAt(proxy+"/192.0.2.2", token("alice"), "?from=earliest").awaitHello()
	c.wantEnd(c.dialAt(proxy+"/192.0.2.2", token("alice"), "?from=earliest"), unavailable, "per_ip_catchups")

	for range 8 {
		response, err := get(bounded(t), proxy+"/192.0.2.3/state", nil)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	end := c.dialAt(proxy+"/192.0.2.3", token("alice"), "").ended()
	if want := pageCloseOf(t, unavailable, "per_ip_requests"); end.Code != want.code || len(end.Messages) > 0 {
		t.Errorf("an address that asks too often: %+v", end)
	}
}

func pagesThatConnectTooOften(t *testing.T, b browserOf) {
	c := b.open(t, `limits: {connects_per_second: 1, per_user: 0}
streams:
  orders: {topic: order-topic, user: key}
`)
	for bounded(t).Err() == nil { // two within a second, however slow the machine is
		first, second := c.dialAs(token("alice"), ""), c.dialAs(token("alice"), "")
		first.awaitFirst()
		second.awaitFirst()
		for _, s := range []pageSocket{first, second} {
			if s.isRefused() {
				c.wantEnd(s, unavailable, "connects")
				return
			}
		}
	}
}

func pagesThatAreOld(t *testing.T, b browserOf) {
	c := b.open(t, `max_connection_age: 10s
streams:
  orders: {topic: order-topic, user: key}
`)
	c.wantEnd(c.following("alice"), closing, "max_age")
}

func pagesWithoutKafka(t *testing.T, b browserOf) {
	const streams = `control_topic: control
streams:
  orders: {topic: order-topic, user: key}
`
	c, config := b.prepare(t, "", streams)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "order-topic", "control"))
	if err != nil {
		t.Fatal(err)
	}
	end := sync.OnceFunc(cluster.Close)
	t.Cleanup(end)
	if c.producer, err = kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...)); err != nil {
		t.Fatal(err)
	}
	c.order("alice", "o-1", 0)
	c.producer.Close()
	config = fmt.Sprintf("kafka: {brokers: [%q]}\n%s", cluster.ListenAddrs()[0], config)
	c.gateway = readyGateway(bounded(t), t, config)
	c.following("alice")
	end()
	c.wantEnd(c.dialAs(token("alice"), "?from=earliest"), unavailable, "kafka")

	c.gateway = newGateway(t, config)
	c.gateway.Start()
	soon(t, func() bool { // the port for pages is opened after the operators'
		response, err := get(bounded(t), c.gateway.URL()+"/.well-known/sluice", nil)
		if err != nil {
			return false
		}
		return response.Body.Close() == nil
	})
	c.wantEnd(c.dialAs(token("alice"), ""), unavailable, "warming")
}

func pagesOfAnAppThatIsAway(t *testing.T, b browserOf) {
	c, config := b.prepare(t, "", "")
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	t.Cleanup(app.Close)
	_, cors, _ := strings.Cut(config, "\n")
	c.gateway, _ = consoleGateway(t, fmt.Sprintf("auth: {forward: {url: %q}}\n%sstreams: {orders: {topic: order-topic, user: key}}\n", app.URL, cors), map[string]int32{"order-topic": 1})
	c.wantEnd(c.dialAs("a-session", ""), unavailable, "identity-session")
	app.Close()
	c.wantEnd(c.dialAs("another-session", ""), unavailable, "identity")
}

func pagesOfStreamsThatComeAndGo(t *testing.T, b browserOf) {
	c := b.open(t, `streams:
  orders: {topic: order-topic, user: key}
  later: {topic: later-topic, user: key}
`)
	admin := kadm.NewClient(c.producer)
	before := c.following("alice")
	if _, err := admin.CreateTopic(bounded(t), 100, 1, nil, "later-topic"); err != nil {
		t.Fatal(err)
	}
	c.wantEnd(before, closing, "reload")
	var both pageSocket
	for { // for a second the gateway may still say that it is not there
		both = c.dialAs(token("alice"), "?stream=orders,later")
		if both.awaitFirst(); !both.isRefused() {
			break
		}
	}
	if _, err := admin.CreatePartitions(bounded(t), 1100, "later-topic"); err != nil {
		t.Fatal(err)
	}
	c.wantEnd(both, closing, "withdrawn")
	c.wantEnd(c.dialAs(token("alice"), "?stream=later"), unavailable, "withdrawn")
}

func pagesThatLag(t *testing.T, b browserOf) {
	c := b.open(t, `slow_client: {max_lag: 1s}
streams:
  orders: {topic: order-topic, user: key, event: value:type}
`)
	path := newSlowPath(t, c.gateway.URL(), 2000)
	slow := c.dialAt(path.URL, token("slow"), "")
	slow.awaitHello()
	fallBehind(t, c.gateway, c.producer)
	path.open()
	c.wantEnd(slow, closing, "lagged")
}

// What is held for a client that takes a snapshot too slowly is given up when others need
// the room.
func pagesThatTakeASnapshotSlowly(t *testing.T, b browserOf) {
	c := b.open(t, `limits: {state_bytes: 600KiB}
streams:
  orders: {topic: order-topic, user: key, subject: value:orderId}
`)
	for _, user := range []string{"alice", "bob"} {
		for n := range 12 {
			c.order(user, fmt.Sprint(user, n), 40<<10)
		}
	}
	soon(t, func() bool { return strings.Contains(live(t, c.gateway), `"next":24,`) })
	// So much that the gateway hears within 30 s of something having been taken, and too
	// little for 480 KB in the 60 s that they may take.
	path := newSlowPath(t, c.gateway.URL(), 5000)
	slow := c.dialAt(path.URL, token("alice"), "?snapshot=1")
	slow.awaitFirst()
	c.wantEnd(c.dialAs(token("bob"), "?snapshot=1"), unavailable, "state_bytes")
	again := time.NewTicker(time.Second)
	defer again.Stop()
	for { // its time is up after 30 s, and as long as 480 KB take at 16 KB/s
		next := c.dialAs(token("bob"), "?snapshot=1")
		if next.awaitFirst(); !next.isRefused() {
			break
		}
		<-again.C
	}
	path.open()
	c.wantEnd(slow, "", "slow")
}

func pagesOfAGatewayThatShutsDown(t *testing.T, b browserOf) {
	c := b.open(t, `streams:
  orders: {topic: order-topic, user: key}
`)
	path := newSlowPath(t, c.gateway.URL(), 200)
	c.dialAt(path.URL, token("slow"), "").awaitHello()
	for range 10 {
		c.order("slow", "o-1", 200<<10)
	}
	drained := c.following("erin")
	ask[bool](&c.page, `(window.again = setInterval(() => dial(...`+asJSON(t, "ws"+strings.TrimPrefix(c.gateway.URL(), "http")+"/ws", "sluice.v1", "sluice.bearer."+token("frank"))+`), 50), true)`)
	c.gateway.Terminate() // it waits for the slow one
	c.wantEnd(drained, closing, "draining")
	n := ask[int](&c.page, `(clearInterval(again), sockets.findIndex(s => s.messages[0]?.event === "sluice.unavailable" && s.closed))`)
	if n < 0 {
		t.Fatal("no page was refused meanwhile")
	}
	c.wantEnd(c.socket(n), unavailable, "draining")
}
