package check

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const shop = `listen: 127.0.0.1:8080
kafka: {brokers: ["BROKER"]}
streams:
  orders:
    topic: order-topic
    user: value:customer.id
    subject: value:orderId
    event: value:type
  news: {topic: news-topic, audience: everyone, replay: 1h30m, replay_bytes: 64MiB}
  stock: {topic: order-topic, user: "header:owner"}
auth: {jwt: {require_exp: true, secret: 0123456789abcdef0123456789abcdef, from: [header, "cookie:session"], issuer: https://login.example}}
`

// inDir makes a directory of the test's own the working directory, with this sluice.yaml
// in it.
func inDir(t *testing.T, text string, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	write := func(name, content string) {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("sluice.yaml", text)
	for name, content := range files {
		write(name, content)
	}
}

// runCheck is the command as a user types it.
func runCheck(t *testing.T, line ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = Run(t.Context(), line, &out, &errs)
	return status, out.String(), errs.String()
}

// golden compares a text with what is expected, line by line.
func golden(t *testing.T, what, got, want string) {
	t.Helper()
	if got, want := strings.TrimSpace(got), strings.TrimSpace(want); got != want {
		t.Errorf("%s:\n--- got\n%s\n--- want\n%s", what, got, want)
	}
}

func cluster(t *testing.T, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func withBroker(c *kfake.Cluster, text string) string {
	return strings.ReplaceAll(text, "BROKER", c.ListenAddrs()[0])
}

func TestASoundConfigurationIsSaidInWords(t *testing.T) {
	inDir(t, withBroker(cluster(t, kfake.SeedTopics(12, "order-topic"), kfake.SeedTopics(1, "news-topic")), shop), nil)
	status, stdout, stderr := runCheck(t)
	if status != 0 {
		t.Errorf("status %d", status)
	}
	golden(t, "stdout", stdout, `
Browsers connect to 127.0.0.1:8080. A caller is the claim sub of a token in Authorization: Bearer or the cookie session, issued by https://login.example.

news
  topic    news-topic, 1 partition
  who      everyone who is identified gets every event
  event    unnamed: EventSource.onmessage gets it
  memory   1h30m or 64MiB, whichever comes first

orders
  topic    order-topic, 12 partitions
  who      each event goes to its user alone: customer.id in the record's value (JSON)
  subject  orderId in the record's value (JSON)
  event    type in the record's value (JSON); unnamed where it isn't found
  memory   10m or 256MiB, whichever comes first
  state    the latest of each subject, 24h (all, where the topic is compacted) or 64MiB

stock
  topic    order-topic, 12 partitions
  who      each event goes to its user alone: the record's header owner
  event    unnamed: EventSource.onmessage gets it
  memory   10m or 256MiB, whichever comes first

It can be served; 1 warning above.
`)
	golden(t, "stderr", stderr, `sluice.yaml:6: streams.orders.user: warning: a tombstone (a record without a value) has no user this way, so a deletion reaches nobody; where the topic is compacted, use key, key:PATH or header:NAME`)
}

// A page's first EventSource would be refused for ever, and nothing on it would say why.
func TestWhatAnEventSourceCannotSendIsSaid(t *testing.T) {
	const hint = `A page's EventSource can't send that header: add a cookie, such as auth.jwt.from: [header, "cookie:session"], or use @sluice/client.`
	files := map[string]string{"jwt.key": "0123456789abcdef0123456789abcdef\n"}
	for auth, want := range map[string]bool{
		"{jwt: {secret_file: jwt.key}}":                                     true,
		"{jwt: {secret_file: jwt.key, from: [header, 'cookie:session']}}":   false,
		"{jwt: {secret_file: jwt.key, from: ['query:token']}}":              false,
		"{jwt: {secret_file: jwt.key}, authjs: {secret_file: jwt.key}}":     false,
		"{jwt: {secret_file: jwt.key}, forward: {url: 'http://localhost'}}": false,
		"none": false,
	} {
		inDir(t, "listen: 127.0.0.1:8080\nkafka: {brokers: [\"localhost:9092\"]}\nstreams: {orders: {topic: t, user: key}}\nauth: "+auth+"\n", files)
		if status, stdout, stderr := runCheck(t, "--offline"); status != 0 || strings.Contains(stdout, hint) != want {
			t.Errorf("%s: status %d\n%s%s", auth, status, stdout, stderr)
		}
	}
}

// A browser hides the answer from such a page, and the gateway sees a request without a
// cookie.
func TestACookieThatPagesOfAnotherOriginCannotSendIsSaid(t *testing.T) {
	const hint = "Pages of cors.origins can't send the cookie that a caller is known by: write cors.credentials: true"
	files := map[string]string{"jwt.key": "0123456789abcdef0123456789abcdef\n"}
	const cookie = "auth: {jwt: {secret_file: jwt.key, from: [header, 'cookie:session']}}\n"
	for text, want := range map[string]bool{
		cookie + "cors: {origins: ['https://shop.example']}\n":                                    true,
		"auth: {authjs: {secret_file: jwt.key}}\ncors: {origins: ['https://shop.example']}\n":     true,
		"auth: {forward: {url: 'http://localhost'}}\ncors: {origins: ['https://shop.example']}\n": true,
		cookie + "cors: {origins: ['https://shop.example'], credentials: true}\n":                 false,
		cookie: false,
		"auth: {jwt: {secret_file: jwt.key, from: ['query:token']}}\ncors: {origins: ['https://shop.example']}\n": false,
		"auth: none\ncors: {origins: ['https://shop.example']}\n":                                                 false,
	} {
		inDir(t, "listen: 127.0.0.1:8080\nkafka: {brokers: [\"localhost:9092\"]}\nstreams: {orders: {topic: t, user: key}}\n"+text, files)
		if status, stdout, stderr := runCheck(t, "--offline"); status != 0 || strings.Contains(stdout, hint) != want {
			t.Errorf("%s: status %d\n%s%s", text, status, stdout, stderr)
		}
	}
}

func TestEveryFaultIsSaid(t *testing.T) {
	inDir(t, "listen: 8080\nstreams: {orders: {topc: x, user: key}}\nauth: none\n", nil)
	status, stdout, stderr := runCheck(t)
	if status != 2 || stdout != "" {
		t.Errorf("status %d, stdout %q", status, stdout)
	}
	golden(t, "stderr", stderr, `
sluice.yaml: kafka.brokers: is missing: write where Kafka is, such as brokers: ["localhost:9092"]
sluice.yaml:1: listen: "8080" is no address: write host:port, or :port for every interface
sluice.yaml:2: streams.orders.topc: there is no such key; did you mean topic?
sluice.yaml:2: streams.orders.topic: is missing: write the Kafka topic it shows
sluice.yaml:3: auth: warning: none lets anyone who reaches 8080 read any user's events: for trying out only, or listen on 127.0.0.1
4 faults`)
}

func TestAMissingTopicIsAWarning(t *testing.T) {
	inDir(t, withBroker(cluster(t, kfake.SeedTopics(1, "order-topic")), shop), nil)
	status, _, stderr := runCheck(t)
	if want := "sluice.yaml:9: streams.news.topic: warning: news-topic: the topic does not exist; the gateway would wait for it"; status != 0 || !strings.Contains(stderr, want) {
		t.Errorf("status %d, stderr %s", status, stderr)
	}
}

func TestKafkaAwayIsAWarningAndAStatusOfItsOwn(t *testing.T) {
	c := cluster(t)
	text := withBroker(c, shop)
	c.Close()
	inDir(t, text, nil)
	status, _, stderr := runCheck(t)
	if want := "sluice.yaml:2: kafka.brokers: warning: Kafka can't be asked: nothing listens"; status != 1 || !strings.Contains(stderr, want) {
		t.Errorf("status %d, stderr %s", status, stderr)
	}
	status, _, stderr = runCheck(t, "--offline")
	if status != 0 || strings.Contains(stderr, "Kafka") {
		t.Errorf("offline: status %d, stderr %s", status, stderr)
	}
}

func TestAWrongPasswordIsAFault(t *testing.T) {
	c := cluster(t, kfake.EnableSASL())
	c.ControlKey(int16(kmsg.SASLAuthenticate), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		resp := req.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		resp.ErrorCode = kerr.SaslAuthenticationFailed.Code
		return resp, nil, true
	})
	text := strings.Replace(withBroker(c, shop), "kafka: {", "kafka: {sasl: {mechanism: PLAIN, username: gateway, password: hunter22}, ", 1)
	inDir(t, text, nil)
	status, _, stderr := runCheck(t)
	if want := "sluice.yaml:2: kafka.sasl: Kafka can't be asked: Kafka refused the credentials"; status != 2 || !strings.Contains(stderr, want) || strings.Contains(stderr, "hunter22") {
		t.Errorf("status %d, stderr %s", status, stderr)
	}
}

// What no id has room for is named, with its partitions; the others can be served.
func TestAStreamThatIsTooWideIsNamed(t *testing.T) {
	inDir(t, withBroker(cluster(t, kfake.SeedTopics(600, "order-topic"), kfake.SeedTopics(1, "news-topic")), shop), nil)
	status, stdout, stderr := runCheck(t)
	want := "sluice.yaml:10: streams.stock.topic: warning: its 600 partitions don't fit into event ids"
	if status != 0 || !strings.Contains(stderr, want) || !strings.Contains(stdout, "It can be served") || strings.Contains(stderr, "streams.orders.topic") {
		t.Errorf("status %d, stderr %s", status, stderr)
	}
	const alone = "kafka: {brokers: [\"BROKER\"]}\nstreams: {orders: {topic: order-topic, user: key}}\nauth: none\n"
	inDir(t, withBroker(cluster(t, kfake.SeedTopics(1000, "order-topic")), alone), nil)
	status, _, stderr = runCheck(t)
	if want := "streams.orders.topic: its 1000 partitions don't fit"; status != 2 || !strings.Contains(stderr, want) || !strings.Contains(stderr, "would serve nothing") {
		t.Errorf("status %d, stderr %s", status, stderr)
	}
}

func TestARecordIsExplained(t *testing.T) {
	order := `{"customer":{"id":["alice","bob"]},"orderId":77,` + "\n" + `"type":"order.confirmed"}`
	for _, tt := range []struct {
		name string
		line []string
		want string
	}{
		{"users of a value", []string{"value=@order.json", "key=k", "stream=orders"}, `
orders: "alice", "bob" would get it
  because  user: value:customer.id
  subject  "77" (subject: value:orderId)
  on the wire, after its id:
    event: order.confirmed
    data: {"customer":{"id":["alice","bob"]},"orderId":77,
    data: "type":"order.confirmed"}`},
		{"a tombstone", []string{"key=o-1", "header=owner=carol"}, `
news: everyone who is identified would get it
  because  audience: everyone
  on the wire, after its id:
    event: delete
    data: {"subject":null,"key":"o-1"}

orders: nobody would get it
  because  it has no value (a tombstone), so a user selected from the value isn't there; select it from the key or a header (user: value:customer.id)

stock: "carol" would get it
  because  user: header:owner
  on the wire, after its id:
    event: delete
    data: {"subject":null,"key":"o-1"}`},
		{"what is wrong with it", []string{"stream=orders", `value={"customer":{"id":"dan"},"type":"error"}`}, `
orders: "dan" would get it
  because  user: value:customer.id
  but      its subject was not found
  but      its event name isn't one a record may have, so it goes unnamed
  on the wire, after its id:
    data: {"customer":{"id":"dan"},"type":"error"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inDir(t, strings.ReplaceAll(shop, "BROKER", "localhost:9"), map[string]string{"order.json": order})
			status, stdout, stderr := runCheck(t, append([]string{"--record"}, tt.line...)...)
			if status != 0 {
				t.Errorf("status %d, stderr %s", status, stderr)
			}
			golden(t, "stdout", stdout, tt.want)
		})
	}
}

func TestABadCommandLineIsSaid(t *testing.T) {
	for _, tt := range []struct {
		line []string
		want string
	}{
		{[]string{"--offlin"}, "flag provided but not defined: -offlin"},
		{[]string{"key=x"}, `"key=x": a record is described after --record`},
		{[]string{"--record", "--json", "key=x"}, "--record takes neither --strict nor --json"},
		{[]string{"--record", "topic=x"}, `a record has no "topic"`},
		{[]string{"--record", "alice"}, `"alice" is no part of a record`},
		{[]string{"--record", "header=x"}, `"header=x": write header=NAME=VALUE`},
		{[]string{"--record", "value=@nowhere"}, "value: open nowhere: no such file"},
		{[]string{"--record", "key=x", "stream=order"}, `there is no stream "order": there are news, orders, stock`},
		{[]string{"key=x", "-c", "other.yaml", "--record"}, "other.yaml: can't be read"}, // flags may come last
	} {
		inDir(t, strings.ReplaceAll(shop, "BROKER", "localhost:9"), nil)
		if status, _, stderr := runCheck(t, tt.line...); status != 2 || !strings.Contains(stderr, tt.want) {
			t.Errorf("%v: status %d, stderr %s; want %s", tt.line, status, stderr, tt.want)
		}
	}
}

func TestHelp(t *testing.T) {
	status, stdout, _ := runCheck(t, "-h")
	for _, want := range []string{"Usage: sluice check", "-offline", "-strict", "-json", "-record", "-c file", "Exit status: 0"} {
		if status != 0 || !strings.Contains(stdout, want) {
			t.Errorf("status %d, no %q in:\n%s", status, want, stdout)
		}
	}
}
