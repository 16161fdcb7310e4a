package config

import (
	"strings"
	"testing"
	"time"
)

const publishConfig = `kafka: {brokers: ["localhost:9092"]}
streams: {orders: {topic: order-topic, user: key}, wide: {topics: [a, b], user: key}, proto: {topic: p, user: key, decode: protobuf, key_decode: protobuf}}
schema_registry: {url: "http://localhost:8081"}
`

func TestPublishAsWritten(t *testing.T) {
	c := mustLoad(t, publishConfig+"auth: {jwt: {secret: "+goodSecret+", require_exp: true}}\npublish: {streams: [orders], roles: [backend, shop], max_bytes: 2KiB, rate: 7/m}\n")
	p := c.Publish
	if strings.Join(p.Streams, " ") != "orders" || strings.Join(p.Roles, " ") != "backend shop" || p.MaxBytes != 2<<10 || p.Rate != (Rate{7, time.Minute}) {
		t.Errorf("%+v", p)
	}
	if topics := c.PublishTopics(); strings.Join(topics, " ") != "order-topic" {
		t.Errorf("%v", topics)
	}
	if p := mustLoad(t, minimal).Publish; len(p.Streams) > 0 || p.MaxBytes != 1<<20 || p.Rate != (Rate{100, time.Second}) {
		t.Errorf("by default %+v", p)
	}
}

func TestFaultsOfPublishing(t *testing.T) {
	const jwt = "auth: {jwt: {secret: " + goodSecret + ", require_exp: true}}\n"
	for text, want := range map[string]string{
		jwt + "publish: {streams: [orders]}":                               "publish.streams: lets nobody publish",
		jwt + "publish: {streams: [order], roles: [r]}":                    `publish.streams: there is no stream "order"`,
		jwt + "publish: {streams: [wide], roles: [r]}":                     "publish.streams: wide is a stream of several topics",
		jwt + "publish: {streams: [orders], roles: [anyone]}":              "publish.roles: anyone would let strangers write to Kafka",
		jwt + "publish: {roles: [r]}":                                      "publish.roles: does nothing without publish.streams",
		jwt + "publish: {rate: 1/s}":                                       "publish.rate: does nothing without publish.streams",
		jwt + "publish: {streams: [orders], roles: [r], max_bytes: 17MiB}": "publish.max_bytes: 17MiB is out of bounds",
		jwt + "publish: {streams: [orders], roles: [r], max_bytes: 1}":     "publish.max_bytes: 1 is out of bounds",
		jwt + "publish: {streams: [orders], roles: [r], rate: fast}":       `publish.rate: "fast" is not a rate`,
		jwt + "publish: {stream: orders}":                                  "publish.stream: there is no such key; did you mean streams?",
		"auth: none\npublish: {streams: [orders], roles: [r]}":             "publish.roles: does nothing with auth: none",
	} {
		_, findings := load(t, publishConfig+text+"\n")
		if got := findings.Faults().Error(); !strings.Contains(got, want) {
			t.Errorf("%s\n%q, want %q", text, got, want)
		}
	}
	_, findings := load(t, publishConfig+jwt+"publish: {streams: [proto], roles: [r], max_bytes: 2MiB}\n")
	for _, want := range []string{"proto: nothing writes Protobuf", "proto: nothing writes keys in Protobuf", "2MiB is more than proto takes (max_record_bytes: 1MiB)"} {
		if got := findings.Error(); len(findings.Faults()) > 0 || !strings.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
}
