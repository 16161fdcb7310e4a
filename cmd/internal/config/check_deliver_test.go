package config

import (
	"strings"
	"testing"
	"time"
)

const deliveryConfig = `kafka: {brokers: ["localhost:9092"]}
streams: {orders: {topic: order-topic, user: key, filter: ".a"}, wide: {topics: [a, b], user: key}, all: {topics: "^p\\..*", user: key}}
auth: none
deliveries:
`

const goodWebhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func loadDelivery(t *testing.T, text string) (*Config, Findings) {
	t.Helper()
	path := inDir(t, deliveryConfig+text, map[string]string{"mail.secret": goodWebhookSecret, "bad.secret": "hush"})
	return Load(path, nil)
}

func TestADeliveryAsWritten(t *testing.T) {
	c, findings := loadDelivery(t, `  order-mail:
    stream: orders
    filter: .status == "confirmed"
    group: mail
    from: since:24h
    window: {records: 5, bytes: 2MiB}
    http: {url: "https://shop.example/mail?key=hush", secret_file: mail.secret, cloudevents: binary, timeout: 3s, allow_private: true}
    concurrency: 4
    rate: 100/m
    retry: {min: 2s, max: 1m, attempts: 7, max_age: 1h}
    dead_letter: order-topic.dead
  copy: {topic: other, kafka: {topic: order-copy}, dead_letter: copy.dead}
`)
	if len(findings.Faults()) > 0 || len(c.Deliveries) != 2 {
		t.Fatal(findings, c.Deliveries)
	}
	all, closeAll, err := c.Delivering(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll()
	copied, mail := all[0], all[1]
	if mail.Name != "order-mail" || mail.Source.Topic != "order-topic" || mail.Source.Rules.Filter != ".a" || mail.Source.Filter != `.status == "confirmed"` ||
		mail.Group != "mail" || mail.From.Since != 24*time.Hour || mail.Window.Records != 5 || mail.Window.Bytes != 2<<20 || mail.Concurrency != 4 ||
		mail.Rate != 100 || mail.Per != time.Minute || mail.Retry.Attempts != 7 || mail.DeadLetter != "order-topic.dead" || mail.Target.String() != "https://shop.example/mail" {
		t.Errorf("%+v", mail)
	}
	if copied.Source.Topic != "other" || copied.ToTopic != "order-copy" || copied.Group != "sluice-copy" || copied.Target != nil || copied.Window.Records != 10000 ||
		copied.Retry.Min != time.Second || copied.Retry.Max != 5*time.Minute || copied.Retry.Attempts != 20 || copied.Retry.MaxAge != 24*time.Hour || copied.Rate != 0 {
		t.Errorf("%+v", copied)
	}
	if topics := c.notMatched(); len(topics) != 2 {
		t.Errorf("patterns leave out %v", topics)
	}
}

func TestFaultsOfDeliveries(t *testing.T) {
	const http = "http: {url: https://shop.example/, secret_file: mail.secret}, dead_letter: d"
	for text, want := range map[string]string{
		"{" + http + "}": "deliveries.x.stream: is missing",
		"{stream: orders, topic: a, " + http + "}":                                 "deliveries.x.topic: is the stream's",
		"{stream: order, " + http + "}":                                            `deliveries.x.stream: there is no stream "order"`,
		"{stream: wide, kafka: {topic: b}, dead_letter: d}":                        "deliveries.x.kafka.topic: is the topic that is delivered",
		"{stream: wide, http: {url: 'https://x/'}, dead_letter: a}":                "deliveries.x.dead_letter: is the topic that is delivered",
		"{stream: all, kafka: {topic: p.b}, dead_letter: d}":                       "deliveries.x.kafka.topic: is the topic that is delivered",
		"{topic: a b, " + http + "}":                                               `deliveries.x.topic: "a b" can't be a topic`,
		"{stream: orders}":                                                         "deliveries.x.http.url: is missing",
		"{stream: orders, http: {timeout: 1s}}":                                    "deliveries.x.http.url: is missing",
		"{stream: orders, kafka: {topic: b}, " + http + "}":                        "deliveries.x.kafka.topic: is a second target",
		"{stream: orders, kafka: {topic: order-topic}}":                            "deliveries.x.kafka.topic: is the topic that is delivered",
		"{topic: d, " + http + "}":                                                 "deliveries.x.dead_letter: is the topic that is delivered",
		"{topic: a, kafka: {topic: d}, dead_letter: d}":                            "deliveries.x.dead_letter: is the target too",
		"{topic: a, http: {url: 'https://u:hush@x/'}}":                             "deliveries.x.http.url: has a user in it",
		"{topic: a, http: {url: 'ftp://x/'}}":                                      "deliveries.x.http.url: is no URL of HTTP",
		"{topic: a, http: {url: 'https://x/', secret_file: bad.secret}}":           "deliveries.x.http.secret_file:",
		"{topic: a, http: {url: 'https://x/', secret_file: none.secret}}":          "can't be read",
		"{topic: a, http: {url: 'https://x/', timeout: 1ms}}":                      "deliveries.x.http.timeout: 1ms is too short",
		"{topic: a, http: {url: 'https://x/', timeout: 2m}}":                       "deliveries.x.http.timeout: 2m0s is too long",
		"{topic: a, filter: '.a |', " + http + "}":                                 "deliveries.x.filter:",
		"{topic: a, from: latest, " + http + "}":                                   `deliveries.x.from: "latest" is no place to start`,
		"{topic: a, from: 'since:soon', " + http + "}":                             "deliveries.x.from:",
		"{topic: a, concurrency: 0, " + http + "}":                                 "deliveries.x.concurrency: 0 is too little",
		"{topic: a, concurrency: 5000, " + http + "}":                              "deliveries.x.concurrency: 5000 is too many",
		"{topic: a, window: {records: 0}, " + http + "}":                           "deliveries.x.window.records: 0 is too little",
		"{topic: a, window: {bytes: 1KB}, " + http + "}":                           "deliveries.x.window.bytes: 1000 is too little",
		"{topic: a, rate: fast, " + http + "}":                                     `deliveries.x.rate: "fast" is not a rate`,
		"{topic: a, retry: {min: 0s}, " + http + "}":                               "deliveries.x.retry.min: 0s is too short",
		"{topic: a, retry: {min: 5s, max: 1s}, " + http + "}":                      "deliveries.x.retry.max: 1s is less than retry.min (5s)",
		"{topic: a, retry: {attempts: 0}, " + http + "}":                           "deliveries.x.retry.attempts: 0 is too little",
		"{topic: a, " + http + "}\n  y: {topic: a, group: sluice-x, " + http + "}": `deliveries.y.group: "sluice-x" is the group of x too`,
		"{topic: a, htp: {}, " + http + "}":                                        "deliveries.x.htp: there is no such key; did you mean http?",
		"5":                                                                        "deliveries.x: keys are needed here",
		"{topic: a, " + http + "}\n  Y: {topic: a, " + http + "}":                  "deliveries.Y: is no name for a delivery",
	} {
		_, findings := loadDelivery(t, "  x: "+text+"\n")
		got := findings.Faults().Error()
		if !strings.Contains(got, want) || strings.Contains(got, "hush") {
			t.Errorf("%s\n%q, want %q", text, got, want)
		}
	}
}

func TestWarningsOfDeliveries(t *testing.T) {
	_, findings := loadDelivery(t, "  x: {topic: a, http: {url: 'http://shop.example/'}}\n")
	text := findings.Error()
	for _, want := range []string{"x.dead_letter: warning: is missing", "x.http.secret_file: warning: is missing", "x.http.url: warning: is asked without TLS"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q lacks %q", text, want)
		}
	}
}

// To deliver takes kafka, deliveries, and the streams that these name.
func TestWhatOnlyDeliversNeedsLess(t *testing.T) {
	const head = "kafka: {brokers: [\"localhost:9092\"]}\n"
	const x = "deliveries: {x: {stream: orders, http: {url: https://shop.example/, secret_file: mail.secret}, dead_letter: d}}\n"
	for text, want := range map[string]string{
		head + "deliveries: {x: {topic: a, kafka: {topic: b}, dead_letter: d}}\n": "",
		head + "streams: {orders: {topic: a}}\n" + x:                              "",
		head + "streams: {orders: {topic: a, user: 'value:'}}\n" + x:              "streams.orders.user:",
		head + x: "there is no stream",
		head + "streams: {orders: {topic: a, user: key}}\n": "deliveries: is missing",
		"deliveries: {x: {topic: a, kafka: {topic: b}}}\n":  "kafka.brokers: is missing",
	} {
		_, findings := LoadDeliveries(inDir(t, text, map[string]string{"mail.secret": goodWebhookSecret}), nil)
		if got := findings.Faults(); want == "" && len(got) > 0 || want != "" && !strings.Contains(got.Error(), want) {
			t.Errorf("%s\n%v, want %q", text, got, want)
		}
	}
}

func TestADeliveryFromTheEnvironment(t *testing.T) {
	c, findings := LoadDeliveries(inDir(t, "", nil), []string{
		"SLUICE_KAFKA_BROKERS=localhost:9092", "SLUICE_DELIVERIES_ORDER_MAIL_TOPIC=order-topic", "SLUICE_DELIVERIES_ORDER_MAIL_KAFKA_TOPIC=copy",
		"SLUICE_DELIVERIES_ORDER_MAIL_WINDOW_BYTES=2MiB",
	})
	if len(findings.Faults()) > 0 || len(c.Deliveries) != 1 || c.Deliveries[0].Name != "order-mail" || c.Deliveries[0].Window.Bytes != 2<<20 || c.Deliveries[0].KafkaTopic != "copy" {
		t.Errorf("%v %+v", findings, c.Deliveries)
	}
}

func TestAStreamsDeadLetters(t *testing.T) {
	const head = "kafka: {brokers: [\"localhost:9092\"]}\nauth: none\n"
	for text, want := range map[string]string{
		"streams: {orders: {topic: a, user: key, dead_letter: a}}\n":        "streams.orders.dead_letter: is the topic that the stream shows",
		"streams: {orders: {topic: a, user: key, dead_letter: a b}}\n":      `streams.orders.dead_letter: "a b" can't be a topic`,
		"streams: {orders: {topics: [a, b], user: key, dead_letter: b}}\n":  "streams.orders.dead_letter: is the topic that the stream shows",
		"streams: {orders: {topic: a, user: key, dead_letter: a.poison}}\n": "",
	} {
		c, findings := Load(inDir(t, head+text, nil), nil)
		if got := findings.Faults(); want != "" && !strings.Contains(got.Error(), want) {
			t.Errorf("%s%v, want %q", text, got, want)
		} else if want == "" {
			all, closeAll, err := c.Delivering(nil, nil)
			if err != nil || len(got) > 0 || len(all) != 1 || !c.Delivers() {
				t.Fatal(got, all, err)
			}
			closeAll()
			if one := all[0]; one.Name != "orders.dead_letter" || one.Group != "sluice-orders.dead_letter" || !one.Source.Poison || one.DeadLetter != "a.poison" || one.Source.Rules.User != "key" {
				t.Errorf("%+v", one)
			}
		}
	}
}

// A delivery has the topics of its stream, also where they are several.
func TestDeliveriesOfSeveralTopics(t *testing.T) {
	c, findings := loadDelivery(t, "  x: {stream: wide, kafka: {topic: c}, dead_letter: d}\n  y: {stream: all, kafka: {topic: c}, dead_letter: p.dead}\n")
	if len(findings.Faults()) > 0 {
		t.Fatal(findings)
	}
	all, closeAll, err := c.Delivering(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll()
	if x, y := all[0].Source.Topics, all[1].Source.Topics; !x.Has("a") || !x.Has("b") || x.Has("c") || !y.Has("p.a") || y.Has("p.dead") || y.Has("a") {
		t.Errorf("%v %v", x, y)
	}
}
