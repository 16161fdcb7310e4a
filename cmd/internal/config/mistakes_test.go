package config

import (
	"os"
	"strings"
	"testing"
)

// tenLines is what a newcomer begins with.
const tenLines = `listen: ":8080"
kafka:
  brokers: ["localhost:9092"]
streams:
  orders:
    topic: order-topic
    user: key
    event: value:type
auth: {jwt: {secret_file: jwt.key, require_exp: true}}
`

// Each case is one mistake of somebody new, in ten lines that are otherwise good. One
// fault is said, at its line, with what to write instead, and nothing else is.
func TestAMistakeIsSaidAtItsLineWithItsCureAndNothingElse(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{"jwt.key": goodSecret, "short.key": "secret", "empty.key": ""} {
		if err := os.WriteFile(name, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir("folder", 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name      string
		old, with string // what is replaced in the ten lines, and by what
		environ   string
		want      string
	}{
		// What isn't YAML.
		{"a tab", "  brokers", "\tbrokers", "", `sluice.yaml:3: a tab: indent with spaces`},
		{"a quote that is not closed", "topic: order-topic", "topic: \"order-topic", "", `sluice.yaml:6: a quote is opened here and never closed: write it once more after the value`},
		{"a colon in a value", "order-topic", "a: b", "", `sluice.yaml:6: a second colon on this line: put the value in quotes, such as "a: b"`},
		{"no colon", "topic: order-topic", "topic order-topic", "", `sluice.yaml:6: has no colon: write the key, a colon, a space and the value`},
		{"three spaces for four", "    user: key", "   user: key", "", `sluice.yaml:7: is indented by 3 spaces, but the lines above by 0 or 2 or 4: indent it like the lines it belongs to`},
		{"a selector without its path", "user: key", "user: value:", "", `sluice.yaml:7: a second colon on this line: put the value in quotes, such as "value:"`},
		{"a bracket that is not closed", `["localhost:9092"]`, `["localhost:9092"`, "", `sluice.yaml:3: [ is opened here and never closed: write ] after the last item`},
		{"two documents", "streams:", "---\nstreams:", "", `sluice.yaml:4: a second document begins here: sluice reads one, so remove the line "---"`},

		// The wrong shape.
		{"keys beside their stream", "    topic: order-topic\n    user: key\n    event: value:type", "  topic: order-topic\n  user: key\n  event: value:type", "", `sluice.yaml:6: streams.topic: is a key of the stream orders: indent the lines 6, 7, 8 below it`},
		{"a text for the streams", "streams:\n  orders:\n    topic: order-topic\n    user: key\n    event: value:type", "streams: hello", "", `sluice.yaml:4: streams: keys are needed here, a stream's name and below it its keys: write streams: {orders: {topic: order-topic, user: key}}`},
		{"no streams", "streams:\n  orders:\n    topic: order-topic\n    user: key\n    event: value:type\n", "", "", `sluice.yaml: streams: is missing: write one, such as streams: {orders: {topic: order-topic, user: key}}`},
		{"a list of streams", "  orders:\n    topic: order-topic\n    user: key\n    event: value:type", "  - topic: order-topic\n    user: key\n    event: value:type", "", `sluice.yaml:5: streams: keys are needed here, a stream's name and below it its keys: write streams: {orders: {topic: order-topic, user: key}}`},
		{"a list for a text", "topic: order-topic", "topic: [order-topic]", "", `sluice.yaml:6: streams.orders.topic: is a list, but one text is needed: write it alone, without brackets or dashes`},
		{"keys for a text", "user: key", "user: {key: id}", "", `sluice.yaml:7: streams.orders.user: has keys of its own, but one text or list is needed: write it on this line`},
		{"a text for a section", `listen: ":8080"`, "log: debug", "", `sluice.yaml:1: log: keys are needed here, such as level, format: write log: {level: …}`},
		{"a key given twice", "    user: key", "    user: key\n    user: key", "", `sluice.yaml:8: streams.orders.user: is given twice: keep one, the first is on line 7`},
		{"a stream given twice", "auth:", "  orders: {topic: b, user: key}\nauth:", "", `sluice.yaml:9: streams.orders: is given twice: keep one, the first is on line 5`},

		// Names.
		{"an unknown key", "    event: value:type", "    subjct: key", "", `sluice.yaml:8: streams.orders.subjct: there is no such key; did you mean subject?`},
		{"a key in camelCase", "    event: value:type", "    replayBytes: 64MiB", "", `sluice.yaml:8: streams.orders.replayBytes: there is no such key; did you mean replay_bytes?`},
		{"a key in another section", `listen: ":8080"`, "brokers: [localhost:9092]", "", `sluice.yaml:1: brokers: there is no such key here; did you mean kafka.brokers?`},
		{"a stream in capitals", "  orders:", "  Orders:", "", `sluice.yaml:5: streams.Orders: is no name for a stream: write small letters, digits and dashes, a letter first, at most 64`},
		{"a variable misspelt", "", "", "SLUICE_KAFKA_BROKER=kafka:9092", `SLUICE_KAFKA_BROKER: no key has this variable; did you mean SLUICE_KAFKA_BROKERS?`},
		{"a value of a variable", "", "", "SLUICE_HEARTBEAT=15", `SLUICE_HEARTBEAT: heartbeat: "15" is not a duration: write a number with its unit, such as 15s, 10m, 12h or 7d`},

		// Values.
		{"a duration without a unit", `listen: ":8080"`, "heartbeat: 15", "", `sluice.yaml:1: heartbeat: "15" is not a duration: write a number with its unit, such as 15s, 10m, 12h or 7d`},
		{"a size without sense", "    event: value:type", "    replay_bytes: 64 megs", "", `sluice.yaml:8: streams.orders.replay_bytes: "64 megs" is not a size: write bytes (1048576) or a whole number with a unit (64KB, 256MiB)`},
		{"a number in words", `listen: ":8080"`, "limits: {per_user: many}", "", `sluice.yaml:1: limits.per_user: "many" is not a whole number: write digits, such as 10`},
		{"a number below zero", `listen: ":8080"`, "limits: {per_user: -1}", "", `sluice.yaml:1: limits.per_user: -1 is too little: write at least 0`},
		{"neither true nor false", `listen: ":8080"`, "pages: maybe", "", `sluice.yaml:1: pages: "maybe" is neither true nor false: write one of the two`},
		{"a port alone", `":8080"`, "8080", "", `sluice.yaml:1: listen: "8080" is no address: write host:port, or :port for every interface`},
		{"a port out of range", `":8080"`, `":99999"`, "", `sluice.yaml:1: listen: "99999" is no port: write a number from 0 (any free one) to 65535`},
		{"listen and admin at one port", `":8080"`, `"127.0.0.1:9090"`, "", `sluice.yaml:1: listen: is the address of admin where that is not written: give them different ports, since admin must never be public`},
		{"an open admin address", `listen: ":8080"`, `admin: ":9090"`, "", `sluice.yaml:1: admin: :9090 is open to other machines, and metrics and profiles stand there: write admin_auth: {token_file: …} too, or listen on 127.0.0.1`},
		{"a broker without a port", `["localhost:9092"]`, "[kafka]", "", `sluice.yaml:3: kafka.brokers: "kafka" is no broker: write host:port`},
		{"a broker with a scheme", `["localhost:9092"]`, `["kafka://localhost:9092"]`, "", `sluice.yaml:3: kafka.brokers: "kafka://localhost:9092" is no broker: write host:port`},
		{"no broker", "  brokers: [\"localhost:9092\"]", "  rack: a", "", `sluice.yaml:2: kafka.brokers: is missing: write where Kafka is, such as brokers: ["localhost:9092"]`},
		{"a topic pattern", "order-topic", "order-.*", "", `sluice.yaml:6: streams.orders.topic: "order-.*" can't be a topic: write one name of letters, digits, dots, dashes and underscores, at most 249`},
		{"a selector of nothing", "user: key", "user: body:customer", "", `sluice.yaml:7: streams.orders.user: "body:customer": a record has no "body"; use key, header:NAME, value:PATH or key:PATH`},
		{"no user", "    user: key\n", "", "", `sluice.yaml:5: streams.orders.user: is missing: write where a record says whose it is (key, header:NAME, value:PATH or key:PATH), or audience: everyone`},
		{"a word misspelt", "    event: value:type", "    audience: everybody", "", `sluice.yaml:8: streams.orders.audience: "everybody" is unknown: did you mean everyone? There are user, everyone`},
		{"a certificate without its key", `listen: ":8080"`, "tls_cert_file: jwt.key", "", `sluice.yaml:1: tls_cert_file: has no key: write tls_key_file too`},

		// Users.
		{"no auth", "auth: {jwt: {secret_file: jwt.key, require_exp: true}}\n", "", "", `sluice.yaml: auth: is missing, and sluice does not guess who is asking. Write one of
    auth: {jwt: {jwks_url: "https://login.example/.well-known/jwks.json"}}   # tokens of your login
    auth: {jwt: {secret_file: jwt.key, from: [header, "cookie:session"]}}   # tokens signed with a shared key (HS256)
    auth: {authjs: {secret_file: auth_secret}}                 # session cookies of Auth.js or NextAuth
    auth: {forward: {url: "http://localhost:3000/api/whoami"}} # the app says who it is, by its own session
    auth: none                                                 # anyone is whoever ?user= says: for trying out only`},
		{"none as a key", "{jwt: {secret_file: jwt.key, require_exp: true}}", "{none: true}", "", `sluice.yaml:9: auth.none: is no key but a value: write auth: none`},
		{"an auth that there isn't", "{jwt: {secret_file: jwt.key, require_exp: true}}", "basic", "", `sluice.yaml:9: auth: "basic" is unknown: write none, or one of the keys jwt, authjs, forward, tickets, api_keys_file`},
		{"a secret that isn't there", "jwt.key", "nowhere.key", "", `sluice.yaml:9: auth.jwt.secret_file: can't be read: open nowhere.key: no such file or directory: make the file, or correct its name`},
		{"a secret that is empty", "jwt.key", "empty.key", "", `sluice.yaml:9: auth.jwt.secret_file: empty.key is empty: write the secret into it`},
		{"a secret that is too short", "jwt.key", "short.key", "", `sluice.yaml:9: auth.jwt.secret_file: the secret has 6 bytes, HS256 needs at least 32: make one with openssl rand -base64 32`},
		{"a directory for a secret", "jwt.key", "folder", "", `sluice.yaml:9: auth.jwt.secret_file: can't be read: read folder: is a directory: name a file in it`},
		{"a place for tokens that there isn't", "require_exp: true", "require_exp: true, from: [headers]", "", `sluice.yaml:9: auth.jwt.from: "headers" is unknown: write header, cookie:NAME or query:NAME`},
		{"tokens without an end", ", require_exp: true", "", "", `sluice.yaml:9: auth.jwt.require_exp: warning: is false: a token without exp is good for ever, and so is its stream: write true`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(tenLines, tt.old) {
				t.Fatalf("the ten lines have no %q", tt.old)
			}
			var environ []string
			if tt.environ != "" {
				environ = []string{tt.environ}
			}
			_, findings := Parse("sluice.yaml", []byte(strings.Replace(tenLines, tt.old, tt.with, 1)), environ)
			if got := findings.Error(); got != tt.want {
				t.Errorf("\n%s\ngot\n%s\nwant\n%s", strings.Replace(tenLines, tt.old, tt.with, 1), got, tt.want)
			}
		})
	}
}
