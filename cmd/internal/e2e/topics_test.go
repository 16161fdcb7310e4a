package e2e

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/kafkatest"
	"sluice/cmd/internal/e2e/client"
	"sluice/cmd/internal/e2e/gateway"
	"sluice/stream/ssetest"
)

// topicsPage is a page that reads a stream of several topics.
type topicsPage struct {
	t      *testing.T
	events chan ssetest.Event
	client *client.Client
}

func (p *topicsPage) Asked()                {}
func (p *topicsPage) Event(e ssetest.Event) { p.events <- e }
func (p *topicsPage) Refused(err error)     { p.t.Error(err) }

// next is the next event but for the gateway's own, of which a reset is one to see.
func (p *topicsPage) next() ssetest.Event {
	p.t.Helper()
	ctx := bounded(p.t)
	for {
		select {
		case e := <-p.events:
			if e.Name == "sluice.reset" || !strings.HasPrefix(e.Name, "sluice.") {
				return e
			}
		case <-ctx.Done():
			p.t.Fatal("no event came")
		}
	}
}

// gets expects events of these topics with this value, in any order.
func (p *topicsPage) gets(value string, topics ...string) {
	p.t.Helper()
	want := map[string]bool{}
	for _, topic := range topics {
		want[topic] = true
	}
	for len(want) > 0 {
		e := p.next()
		_, rest, _ := strings.Cut(e.Data, `"topic":"`)
		topic, _, _ := strings.Cut(rest, `"`)
		if !want[topic] || !strings.HasSuffix(e.Data, fmt.Sprintf(`"data":%s}`, value)) {
			p.t.Fatalf("%s of %q %s; want %s of %v", e.Name, topic, e.Data, value, want)
		}
		delete(want, topic)
	}
}

// isReset expects that a reset speaks of this topic, and of no other.
func (p *topicsPage) isReset(topic string, partitions int) {
	p.t.Helper()
	e := p.next()
	if e.Name != "sluice.reset" || !strings.HasPrefix(e.Data, `{"reason":"recreated","stream":"shop","partitions":[{"topic":"`+topic+`","partition":0,`) ||
		strings.Count(e.Data, `"topic":"`) != partitions || strings.Count(e.Data, `"topic":"`+topic+`"`) != partitions {
		p.t.Fatalf("%s %s; want a reset of %d partitions of %s", e.Name, e.Data, partitions, topic)
	}
}

// A real Kafka whose topics come, go and are forbidden. A page roams between gateways
// that have found them at different times.
func TestTopicsOfAPattern(t *testing.T) {
	kafka := kafkatest.Start(t, kafkatest.Properties(map[string]string{
		"authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"super.users":           "User:ANONYMOUS", // of the plain text listener and the controller
	}))
	ctx := bounded(t)
	produced := kafka.Client(t, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.UnknownTopicRetries(-1))
	allow := func(topic string, what ...kadm.ACLOperation) {
		t.Helper()
		b := kadm.NewACLs().Topics(topic).ResourcePatternType(kadm.ACLPatternLiteral).Allow("User:" + kafkatest.User).AllowHosts().Operations(what...)
		if made, err := kafka.Admin().CreateACLs(ctx, b); err != nil || made[0].Err != nil {
			t.Fatal(err, made)
		}
	}
	produce := func(value string, topics ...string) {
		t.Helper()
		for _, topic := range topics {
			record := &kgo.Record{Topic: topic, Key: []byte("alice"), Value: []byte(value)}
			if err := produced.ProduceSync(ctx, record).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	create := func(topic string, partitions int32, what ...kadm.ACLOperation) {
		t.Helper()
		kafka.CreateTopic(t, topic, partitions)
		if len(what) > 0 { // what was allowed before still is
			allow(topic, what...)
		}
	}
	remove := func(topic string) {
		t.Helper()
		if _, err := kafka.Admin().DeleteTopic(ctx, topic); err != nil {
			t.Fatal(err)
		}
		produced.PurgeTopicsFromClient(topic)
	}
	read := []kadm.ACLOperation{kadm.OpDescribe, kadm.OpRead}
	create("shop.eu", 2, read...)
	create("shop.us", 2, read...)
	create("shop.control", 1, read...)
	create("other", 1, read...)
	create("shop.described", 1, kadm.OpDescribe)
	kafka.CreateTopic(t, "shop.hidden", 1)
	produce("0", "shop.described", "shop.hidden")
	config := fmt.Sprintf("kafka: {brokers: [%q], sasl: {mechanism: PLAIN, username: %s, password: %s}}\nauth: none\ncontrol_topic: shop.control\n"+
		"streams: {shop: {topics: '^shop\\..*', user: key, envelope: metadata}}\n", kafka.SASL(), kafkatest.User, kafkatest.Password)

	first := readyGateway(ctx, t, config)
	page := &topicsPage{t: t, events: make(chan ssetest.Event, 1000)}
	page.client = client.Start(ctx, first.URL(), url.Values{"user": {"alice"}}, page)
	defer page.client.Close()
	for e := range page.events { // it is live from here on
		if e.Name == "sluice.hello" {
			break
		}
	}
	produce("1", "shop.eu", "shop.us", "other", "shop.control")
	page.gets("1", "shop.eu", "shop.us")

	// A new topic, from its first record. Another gateway starts with it.
	create("shop.asia", 1, read...)
	produce("2", "shop.asia")
	page.gets("2", "shop.asia")
	second := readyGateway(ctx, t, config)
	page.client.Go(second.URL())
	produce("3", "shop.asia", "shop.us", "shop.eu")
	page.gets("3", "shop.eu", "shop.us", "shop.asia")

	// A topic created anew, and one that is deleted, each told for itself.
	remove("shop.us")
	create("shop.us", 3)
	produce("4", "shop.us")
	page.isReset("shop.us", 2)
	page.gets("4", "shop.us")
	page.client.Go(first.URL())
	produce("5", "shop.us", "shop.asia")
	page.gets("5", "shop.us", "shop.asia")
	remove("shop.asia")
	page.isReset("shop.asia", 1)
	page.client.Go(second.URL())
	produce("6", "shop.us", "shop.eu")
	page.gets("6", "shop.us", "shop.eu")

	// What may not be read holds up nobody, is named, and comes once it may be.
	status, body := second.Readiness(ctx)
	if status != 200 || !strings.Contains(body, "shop.described: Kafka doesn't allow this user to use the topic") || strings.Contains(body, "hidden") {
		t.Errorf("/readyz: %d, %s", status, body)
	}
	if n, err := second.Metric(ctx, "sluice_stream_topics"); err != nil || n != 3 {
		t.Errorf("%v topics, %v", n, err)
	}
	allow("shop.described", read...)
	page.gets("0", "shop.described")
	allow("shop.hidden", read...)
	page.gets("0", "shop.hidden")
	produce("7", "shop.described", "shop.hidden", "shop.us", "shop.eu")
	page.gets("7", "shop.described", "shop.hidden", "shop.us", "shop.eu")
	for _, g := range []*gateway.Gateway{first, second} {
		if log := g.Log(); !strings.Contains(log, "the topic was deleted: its streams go on without it") {
			t.Errorf("the log says nothing of the deletion:\n%s", log)
		}
	}
}
