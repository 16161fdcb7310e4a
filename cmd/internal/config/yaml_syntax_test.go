package config

import (
	"strings"
	"testing"
)

// Each of these is one slip. What is said of it is all that is said: what the rest of the
// file seems to lack is no help.
func TestASlipIsSaidAlone(t *testing.T) {
	const head = "kafka: {brokers: [\"localhost:9092\"]}\nauth: none\n"
	for _, tt := range []struct{ name, text, want string }{
		{"tab", "kafka:\n\tbrokers: x\n", "sluice.yaml:2: a tab: indent with spaces"},
		{"tab further down", head + "streams:\n  orders:\n    topic: t\n\t\tuser: key\n", "sluice.yaml:6: a tab: indent with spaces"},
		{"unclosed double quote", "kafka: {brokers: [a:1]}\nauth: \"none\nstreams:\n  orders: {topic: t, user: key}\n", `sluice.yaml:2: a quote is opened here and never closed: write it once more after the value`},
		{"unclosed single quote", head + "streams:\n  orders:\n    topic: 'order-topic\n    user: key\n", `sluice.yaml:5: a quote is opened here`},
		{"unclosed bracket", "kafka:\n  brokers: [localhost:9092\nauth: none\n", "sluice.yaml:2: [ is opened here and never closed: write ] after the last item"},
		{"unclosed brace", head + "streams:\n  orders: {topic: t, user: key\n", "sluice.yaml:4: { is opened here and never closed: write } after the last key"},
		{"closed twice", head + "streams:\n  orders: {topic: t, user: key}}\n", "sluice.yaml:4: a bracket is closed here that was never opened: remove it"},
		{"two colons", head + "streams:\n  orders:\n    topic: a: b\n    user: key\n", `sluice.yaml:5: a second colon on this line: put the value in quotes, such as "a: b"`},
		{"selector without its path", head + "streams:\n  orders:\n    topic: t\n    user: value:\n", `sluice.yaml:6: a second colon on this line: put the value in quotes, such as "value:"`},
		{"no colon", head + "streams:\n  orders:\n    topic order-topic\n    user: key\n", "sluice.yaml:5: has no colon: write the key, a colon, a space and the value"},
		{"no colon after a key", head + "streams:\n  orders:\n    user: key\n    topic order-topic\n    subject: key\n", "sluice.yaml:6: has no colon"},
		{"no colon at the end", head + "streams:\n  orders:\n    user: key\n    topic order-topic\n", "sluice.yaml:6: has no colon"},
		{"three spaces for four", head + "streams:\n  orders:\n    topic: t\n   user: key\n", "sluice.yaml:6: is indented by 3 spaces, but the lines above by 0 or 2 or 4: indent it like the lines it belongs to"},
		{"too deep", head + "streams:\n  orders:\n    topic: t\n      user: key\n", "sluice.yaml:6: is indented by 6 spaces, but the line above has its value already: indent both by 4 spaces"},
		{"an at sign", "listen: @home\n", "sluice.yaml:1: a value can't begin with @: put it in quotes"},
		{"a backtick", "listen: `x`\n", "sluice.yaml:1: a value can't begin with `: put it in quotes"},
		{"a quote in a list", "kafka:\n  brokers: [\"localhost:9092]\nauth: none\nstreams:\n  orders: {topic: t, user: key}\n", "sluice.yaml:2: a quote is opened here and never closed"},
		{"a quote that another one closes", head + "streams:\n  orders:\n    topic: \"t\n    user: \"key\"\n", "sluice.yaml:5: a quote is opened here and never closed"},
		{"a quote in an item", "kafka:\n  brokers:\n    - \"localhost:9092\nauth: none\n", "sluice.yaml:3: a quote is opened here and never closed"},
		{"a quote in braces", "kafka: {brokers: 'localhost:9092}\nauth: none\n", "sluice.yaml:1: a quote is opened here and never closed"},
		{"an at sign in a list", "kafka:\n  brokers: [@home]\nauth: none\n", "sluice.yaml:2: a value can't begin with @: put it in quotes"},
		{"a star in a list", head + "cors: {origins: [*]}\n", "sluice.yaml:3: a value can't begin with *: put it in quotes"},
		{"a star in braces", head + "cors: {origins: *}\n", "sluice.yaml:3: a value can't begin with *: put it in quotes"},
		{"a star", head + "cors:\n  origins: *\n", "sluice.yaml:4: a value can't begin with *: put it in quotes"},
		{"no space after a colon", head + "streams:\n  orders:\n    topic:order-topic\n    user: key\n", `sluice.yaml:5: a space is missing after "topic:"`},
		{"no space after a colon, further down", head + "streams:\n  orders:\n    user: key\n    topic:order-topic\n    event: key\n", `sluice.yaml:6: a space is missing after "topic:"`},
		{"no space after a colon at the end", head + "streams:\n  orders:\n    user: key\n    topic:order-topic\n", `sluice.yaml:6: a space is missing after "topic:"`},
		{"no space after a section", head + "streams:\n  orders:{topic: t, user: key}\n", `sluice.yaml:4: a space is missing after "orders:"`},
		{"no space in braces", "kafka: {brokers:[\"localhost:9092\"]}\nauth: none\n", `sluice.yaml:1: a space is missing after "brokers:"`},
		{"no space in braces, before text", head + "streams:\n  orders: {topic:order-topic, user: key}\n", `sluice.yaml:4: a space is missing after "topic:"`},
		{"no space after the only key", head + "streams:\n  orders:\n    topic:order-topic\n", `sluice.yaml:5: a space is missing after "topic:"`},
		{"no space after a dash", "kafka:\n  brokers:\n    -localhost:9092\nauth: none\nlisten: 127.0.0.1:8080\nstreams: {orders: {topic: t, user: key}}\n", "sluice.yaml:3: a space is missing after the dash"},
		{"the first line is indented", " kafka: {brokers: [\"localhost:9092\"]}\nauth: none\n", "sluice.yaml:2: is indented by 0 spaces, but the lines above by 1: indent it like the lines it belongs to"},
		{"an equals sign", "kafka:\n  brokers = [\"localhost:9092\"]\nauth: none\nlisten: 127.0.0.1:8080\nstreams: {orders: {topic: t, user: key}}\n", "sluice.yaml:2: an equals sign: write brokers: and the value"},
		{"quotes of a word processor", "kafka: {brokers: [“localhost:9092”]}\nauth: none\nlisten: 127.0.0.1:8080\nstreams: {orders: {topic: t, user: key}}\n", "sluice.yaml:1: has typographic quotes: write \" or '"},
		{"an escape", "kafka:\n  sasl: {password: \"a\\dsecret\"}\n", "sluice.yaml:2: a backslash between double quotes begins an escape: use single quotes"},
		{"no anchor", head + "streams:\n  orders: *orders\n", "sluice.yaml:4: unknown anchor 'orders' referenced: define it before, with & in front of its name"},
		{"not text", "listen: \x01\n", "sluice.yaml:1: has a character that can't be in a text file: save the file as UTF-8"},
		{"CRLF", "kafka: {brokers: [a:1]}\r\nauth: none\r\nstreams:\r\n  orders:\r\n    topic: a: b\r\n", "sluice.yaml:5: a second colon"},
		{"keys beside their stream", head + "streams:\n  orders:\n  topic: order-topic\n  user: key\n", "sluice.yaml:5: streams.topic: is a key of the stream orders: indent the lines 5, 6 below it"},
		{"one key beside its stream", head + "streams:\n  orders:\n    topic: t\n  user: key\n", "sluice.yaml:6: streams.user: is a key of the stream orders: indent this line below it"},
		{"keys without a stream", head + "streams:\n  topic: order-topic\n  user: key\n", "sluice.yaml:4: streams.topic: is a key of a stream: write the stream's name above it"},
		{"streams as text", head + "streams: hello\n", "sluice.yaml:3: streams: keys are needed here, a stream's name and below it its keys: write streams: {orders: {topic: order-topic, user: key}}"},
		{"kafka as text", "kafka: localhost:9092\nauth: none\nstreams: {orders: {topic: t, user: key}}\n", "sluice.yaml:1: kafka: keys are needed here, such as brokers, "},
		{"none as a key", "kafka: {brokers: [\"localhost:9092\"]}\nauth: {none: true}\nstreams: {orders: {topic: t, user: key}}\n", "sluice.yaml:2: auth.none: is no key but a value: write auth: none"},
		{"log as text", head + "log: debug\nstreams: {orders: {topic: t, user: key}}\n", "sluice.yaml:3: log: keys are needed here, such as level, format: write log: {level: …}"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, findings := Parse("sluice.yaml", []byte(tt.text), nil)
			faults := findings.Faults()
			if len(faults) != 1 || !strings.HasPrefix(faults[0].String(), tt.want) {
				t.Errorf("%s\ngot  %v\nwant %s", tt.text, faults, tt.want)
			}
			if strings.Contains(faults.Error(), "secret") {
				t.Error("repeats what may be a secret")
			}
		})
	}
}

// A long file is not parsed once for each of its lines.
func TestALongFilesFaultIsWhereTheParserStopped(t *testing.T) {
	text := strings.Repeat("# nothing\n", maxBisected) + "a: b: c\n"
	_, findings := Parse("sluice.yaml", []byte(text), nil)
	if faults := findings.Faults(); len(faults) != 1 || !strings.HasPrefix(faults[0].String(), "sluice.yaml:1001: a second colon") {
		t.Error(faults)
	}
}

func TestAnchorsHaveAPlace(t *testing.T) {
	const text = "x-orders: &orders {topic: order-topic, user: key}\nkafka: {brokers: [\"localhost:9092\"]}\nauth: none\nlisten: 127.0.0.1:8080\n" +
		"streams:\n  orders: *orders\n  late: {<<: *orders, replay: 1h}\n"
	c, findings := Parse("sluice.yaml", []byte(text), nil)
	if len(findings) > 0 || len(c.Streams) != 2 || c.Streams[0].Topic != "order-topic" || c.Streams[1].Topic != "order-topic" {
		t.Errorf("%v %+v", findings, c.Streams)
	}
}
