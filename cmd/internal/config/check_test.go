package config

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"sluice/stream"
)

// Everything that is wrong is said in one go, in the order of the file and then of the
// environment.
func TestAllFaultsInOneGo(t *testing.T) {
	t.Chdir(t.TempDir())
	_, findings := load(t, `listen: 8080
lisen: ":80"
heartbeat: 15
kafka:
  brokers: [localhost]
  tls: {ca_file: ca.pem}
  sasl: {mechanism: scram-sha-256, username: gateway, password_file: nowhere}
streams:
  orders:
    topc: order-topic
    audience: users
    user: body:customer
    replay: 0s
  Shop: {topic: a, user: key}
  news: {topic: b c, audience: everyone, replay_bytes: 1, event: header, state: {max_age: 0s, max_bytes: 1MiB}}
  bare:
catchup: {max_records: 0, concurrency: many, max_age: [1d]}
heartbeat: 20s
brokers: [localhost:9092]
`, "SLUICE_STREAMS_ORDERS_TOPIK=x", "SLUICE_KAFKA_BROKER=x", "SLUICE_READY_GRACE=soon")
	want := strings.Split(strings.TrimSpace(`
sluice.yaml: auth: is missing, and sluice does not guess who is asking. Write one of
sluice.yaml:1: listen: "8080" is no address: write host:port, or :port for every interface
sluice.yaml:2: lisen: there is no such key; did you mean listen?
sluice.yaml:3: heartbeat: "15" is not a duration: write a number with its unit, such as 15s, 10m, 12h or 7d
sluice.yaml:5: kafka.brokers: "localhost" is no broker: write host:port
sluice.yaml:6: kafka.tls.ca_file: can't be read: open ca.pem: no such file or directory: make the file, or correct its name
sluice.yaml:7: kafka.sasl.mechanism: "scram-sha-256" is unknown: did you mean SCRAM-SHA-256? There are PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER
sluice.yaml:7: kafka.sasl.password_file: can't be read: open nowhere: no such file or directory: make the file, or correct its name
sluice.yaml:9: streams.orders.topic: is missing: write the Kafka topic it shows
sluice.yaml:10: streams.orders.topc: there is no such key; did you mean topic?
sluice.yaml:11: streams.orders.audience: "users" is unknown: did you mean user? There are user, everyone
sluice.yaml:12: streams.orders.user: "body:customer": a record has no "body"; use key, header:NAME, value:PATH or key:PATH
sluice.yaml:13: streams.orders.replay: 0s is too short: write more than 0
sluice.yaml:14: streams.Shop: is no name for a stream: write small letters, digits and dashes, a letter first, at most 64
sluice.yaml:15: streams.news.event: "header" names no header; write header:NAME
sluice.yaml:15: streams.news.replay_bytes: 1 is too little: write at least 2MiB, so that one record fits
sluice.yaml:15: streams.news.state.max_age: 0s is too short: write more than 0
sluice.yaml:15: streams.news.state.max_bytes: 1MiB is too little: write at least 2MiB, so that one record fits
sluice.yaml:15: streams.news.topic: "b c" can't be a topic: write one name of letters, digits, dots, dashes and underscores, at most 249
sluice.yaml:16: streams.bare.topic: is missing: write the Kafka topic it shows
sluice.yaml:16: streams.bare.user: is missing: write where a record says whose it is (key, header:NAME, value:PATH or key:PATH), or audience: everyone
sluice.yaml:17: catchup.concurrency: "many" is not a whole number: write digits, such as 10
sluice.yaml:17: catchup.max_age: is a list, but one duration is needed: write it alone, without brackets or dashes
sluice.yaml:17: catchup.max_records: 0 is too little: write at least 1
sluice.yaml:18: heartbeat: is given twice: keep one, the first is on line 3
sluice.yaml:19: brokers: there is no such key here; did you mean kafka.brokers?
SLUICE_KAFKA_BROKER: no key has this variable; did you mean SLUICE_KAFKA_BROKERS?
SLUICE_READY_GRACE: ready_grace: "soon" is not a duration: write a number with its unit, such as 15s, 10m, 12h or 7d
SLUICE_STREAMS_ORDERS_TOPIK: no key has this variable; did you mean SLUICE_STREAMS_ORDERS_TOPIC?
`), "\n")
	var got []string
	for _, f := range findings.Faults() {
		line, _, _ := strings.Cut(f.String(), "\n")
		got = append(got, line)
	}
	for i := range max(len(got), len(want)) {
		g, w := at(got, i), at(want, i)
		if g != w {
			t.Errorf("fault %d:\n  got  %s\n  want %s", i+1, g, w)
		}
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(nothing)"
}

// Each case changes the minimal configuration in one place, and expects this one fault.
func TestFaults(t *testing.T) {
	cert, key, public := certificate(t)
	_, otherKey, _ := certificate(t)
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"cert.pem": cert, "key.pem": key, "other.pem": otherKey, "login.pem": public,
		"short.key": "tooshort\n", "good.key": goodSecret, "empty.key": "\n", "token": "t", "not.pem": "hello", "plain.keys": "shop: sluice_tooshort\n",
		"odd.keys": "# k\nk1:!!\n", "short.keys": "k1:c2hvcnQh\n", "two.keys": "k1:" + goodKey + "\nk1:" + goodKey + "\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const jwt = "auth: {jwt: {secret: " + goodSecret + "}}"
	for _, tt := range []struct {
		name      string
		old, with string // what is replaced in minimal, and by what; an old of "" puts it in front
		environ   []string
		want      string // the fault begins so
	}{
		{"not yaml", "", "a: [", nil, "sluice.yaml:"},
		{"tab", "", "kafka:\n\tbrokers: x\n", nil, "sluice.yaml:2: a tab: indent with spaces"},
		{"second document", "auth:", "---\nauth:", nil, "sluice.yaml:5: a second document begins here"},
		{"topic and topics", "user: key", "user: key, topics: [a]", nil, "sluice.yaml:4: streams.orders.topics: is given beside topic"},
		{"an invalid pattern", "topic: order-topic", `topics: '^orders\.('`, nil, `sluice.yaml:4: streams.orders.topics: "^orders\\.(" is no regular expression`},
		{"a pattern without ^", "topic: order-topic", "topics: orders", nil, "sluice.yaml:4: streams.orders.topics: orders is no pattern, since that begins with ^: write topic: orders for this topic alone, or [orders] for a stream that may get more"},
		{"a pattern in a list", "topic: order-topic", "topics: [a, ^b]", nil, "sluice.yaml:4: streams.orders.topics: ^b is a pattern, and stands alone"},
		{"no topics", "topic: order-topic", "topics: []", nil, "sluice.yaml:4: streams.orders.topics: is empty: name topics, or write a pattern"},
		{"a topic twice", "topic: order-topic", "topics: [a, b, a]", nil, "sluice.yaml:4: streams.orders.topics: a is named twice"},
		{"topics that can't be", "topic: order-topic", "topics: [a, 'b c']", nil, `sluice.yaml:4: streams.orders.topics: "b c" can't be a topic`},
		{"section as text", "orders: {topic: order-topic, user: key}", "orders: order-topic", nil, "sluice.yaml:4: streams.orders: keys are needed here, such as topic"},
		{"text as section", "user: key", "user: {key: id}", nil, "sluice.yaml:4: streams.orders.user: has keys of its own, but one text or list is needed"},
		{"list of lists", `["localhost:9092"]`, `[[a]]`, nil, "sluice.yaml:2: kafka.brokers: each item of this list must be a plain text"},
		{"merging a text", "orders: {", "orders: {<<: x, ", nil, "sluice.yaml:4: streams.orders.<<: can merge in mappings only"},
		{"unknown and unlike", "", "frobnicate: 1\n", nil, "sluice.yaml:1: frobnicate: there is no such key; there are listen, admin"},
		{"listen and admin are one", "", "listen: 127.0.0.1:9090\n", nil, "sluice.yaml:1: listen: is the address of admin where that is not written"},
		{"port out of range", "", "admin: 127.0.0.1:99999\n", nil, `sluice.yaml:1: admin: "99999" is no port`},
		{"max_lag too short", "", "slow_client: {max_lag: 10ms}\n", nil, "sluice.yaml:1: slow_client.max_lag: 10ms is too short"},
		{"action unknown", "", "slow_client: {action: rest}\n", nil, `sluice.yaml:1: slow_client.action: "rest" is unknown: did you mean reset?`},
		{"heartbeat too short", "", "heartbeat: 15ms\n", nil, "sluice.yaml:1: heartbeat: 15ms is too short"},
		{"certificate without key", "", "tls_cert_file: cert.pem\n", nil, "sluice.yaml:1: tls_cert_file: has no key: write tls_key_file too"},
		{"key without certificate", "", "tls_key_file: key.pem\n", nil, "sluice.yaml:1: tls_key_file: has no certificate"},
		{"key of another certificate", "", "tls_cert_file: cert.pem\ntls_key_file: other.pem\n", nil, "sluice.yaml:1: tls_cert_file: does not load together with tls_key_file: tls: private key does not match"},
		{"log level", "", "log: {level: warning}\n", nil, `sluice.yaml:1: log.level: "warning" is unknown: there are debug, info, warn, error`},
		{"socket without a path", "", "listen: 'unix:'\n", nil, `sluice.yaml:1: listen: "unix:" is no socket: write unix: and an absolute path`},
		{"relative socket", "", "listen: unix:sluice.sock\n", nil, `sluice.yaml:1: listen: "unix:sluice.sock" is no socket`},
		{"long socket", "", "admin: unix:/" + strings.Repeat("x", 103) + "\n", nil, `sluice.yaml:1: admin: "unix:/xxx`},
		{"socket without a name", "", "listen: 'systemd:'\n", nil, `sluice.yaml:1: listen: "systemd:" is no socket`},
		{"open admin by systemd", "", "admin: systemd:admin\n", nil, "sluice.yaml:1: admin: systemd:admin is open to other machines"},
		{"one socket twice", "", "listen: unix:/s\nadmin: unix:/s\n", nil, "sluice.yaml:2: admin: is the address of listen"},
		{"no mode", "", "socket_mode: rw\n", nil, `sluice.yaml:1: socket_mode: "rw" is no mode: write three octal digits`},
		{"a mode of more", "", "socket_mode: '4777'\n", nil, `sluice.yaml:1: socket_mode: "4777" is no mode`},
		{"no client id", "streams:", "  client_id: ''\nstreams:", nil, "sluice.yaml:3: kafka.client_id: has 0 bytes: write from 1 to 249"},
		{"fetch of nothing", "streams:", "  fetch: {max_partition_bytes: 0}\nstreams:", nil, "sluice.yaml:3: kafka.fetch.max_partition_bytes: 0 is out of bounds: write from 1KiB to 100MiB"},
		{"fetch too large", "streams:", "  fetch: {max_bytes: 3GiB}\nstreams:", nil, "sluice.yaml:3: kafka.fetch.max_bytes: 3GiB is out of bounds"},
		{"a partition's more than all", "streams:", "  fetch: {max_bytes: 1MiB, max_partition_bytes: 2MiB}\nstreams:", nil, "sluice.yaml:3: kafka.fetch.max_partition_bytes: 2MiB is more than kafka.fetch.max_bytes, 1MiB"},
		{"no brokers", `["localhost:9092"]`, "[]", nil, "sluice.yaml:2: kafka.brokers: is missing"},
		{"ca without certificate", "streams:", "  tls: {ca_file: not.pem}\nstreams:", nil, "sluice.yaml:3: kafka.tls.ca_file: not.pem holds no certificate"},
		{"tls neither", "streams:", "  tls: on\nstreams:", nil, `sluice.yaml:3: kafka.tls: "on" is neither true nor false`},
		{"tls false with keys", "streams:", "  tls: false\nstreams:", []string{"SLUICE_KAFKA_TLS_CERT_FILE=cert.pem", "SLUICE_KAFKA_TLS_KEY_FILE=key.pem"}, "sluice.yaml:3: kafka.tls: is false, but keys of it are given"},
		{"sasl without mechanism", "streams:", "  sasl: {username: u, password: p}\nstreams:", nil, "sluice.yaml:3: kafka.sasl.mechanism: is missing"},
		{"sasl without username", "streams:", "  sasl: {mechanism: PLAIN, password: p}\nstreams:", nil, "sluice.yaml:3: kafka.sasl.username: is missing"},
		{"sasl without password", "streams:", "  sasl: {mechanism: PLAIN, username: u}\nstreams:", nil, "sluice.yaml:3: kafka.sasl.password: is missing: PLAIN needs it, best as kafka.sasl.password_file"},
		{"password twice", "streams:", "  sasl: {mechanism: PLAIN, username: u, password_file: token}\nstreams:", []string{"SLUICE_KAFKA_SASL_PASSWORD=p"}, "sluice.yaml:3: kafka.sasl.password_file: kafka.sasl.password is given too (SLUICE_KAFKA_SASL_PASSWORD): write one of them"},
		{"empty password", "streams:", "  sasl: {mechanism: PLAIN, username: u, password_file: empty.key}\nstreams:", nil, "sluice.yaml:3: kafka.sasl.password_file: empty.key is empty"},
		{"oauth without token", "streams:", "  sasl: {mechanism: OAUTHBEARER}\nstreams:", nil, "sluice.yaml:3: kafka.sasl.token_file: is missing"},
		{"oauth with two tokens", "streams:", "  sasl: {mechanism: OAUTHBEARER, token_file: token, token_url: 'http://x'}\nstreams:", nil, "sluice.yaml:3: kafka.sasl.token_file: kafka.sasl.token_url is given too"},
		{"oauth token gone", "streams:", "  sasl: {mechanism: OAUTHBEARER, token_file: gone}\nstreams:", nil, "sluice.yaml:3: kafka.sasl.token_file: can't be read: open gone"},
		{"oauth address", "streams:", "  sasl: {mechanism: OAUTHBEARER, token_url: x, client_id: c, client_secret: s}\nstreams:", nil, "sluice.yaml:3: kafka.sasl.token_url: is no http or https address"},
		{"oauth without client", "streams:", "  sasl: {mechanism: OAUTHBEARER, token_url: 'http://x', client_secret: s}\nstreams:", nil, "sluice.yaml:3: kafka.sasl.client_id: is missing"},
		{"oauth with a password", "streams:", "  sasl: {mechanism: OAUTHBEARER, token_file: token, password: p}\nstreams:", nil, "sluice.yaml:3: kafka.sasl.password: is not used by OAUTHBEARER"},
		{"password with a token", "streams:", "  sasl: {mechanism: PLAIN, username: u, password: p, token_file: token}\nstreams:", nil, "sluice.yaml:3: kafka.sasl.token_file: is not used by PLAIN"},
		{"no streams", "  orders: {topic: order-topic, user: key}\n", "", nil, "sluice.yaml: streams: is missing"},
		{"no user", ", user: key", "", nil, "sluice.yaml:4: streams.orders.user: is missing"},
		{"no bytes of a record", "user: key", "user: key, max_record_bytes: 0", nil, "sluice.yaml:4: streams.orders.max_record_bytes: 0 is no size for a record: write 1 to 256MiB"},
		{"a record for half a terabyte", "user: key", "user: key, max_record_bytes: 512GiB", nil, "sluice.yaml:4: streams.orders.max_record_bytes: 512GiB is no size for a record: write 1 to 256MiB"},
		{"a record that fits once", "user: key", "user: key, replay_bytes: 8MiB, max_record_bytes: 5MiB", nil, "sluice.yaml:4: streams.orders.max_record_bytes: 5MiB is more than half of replay_bytes (8MiB)"},
		{"too few bytes", "user: key", "user: key, replay_bytes: 64KB", nil, "sluice.yaml:4: streams.orders.replay_bytes: 64000 is too little: write at least 2MiB"},
		{"no such environment stream", "", "", []string{"SLUICE_STREAMS_9_TOPIC=x"}, "SLUICE_STREAMS_9_TOPIC: no key has this variable"},
		{"no auth", jwt, "", nil, "sluice.yaml: auth: is missing"},
		{"empty auth", jwt, "auth:", nil, "sluice.yaml: auth: is missing"},
		{"unknown auth", jwt, "auth: basic", nil, `sluice.yaml:5: auth: "basic" is unknown: write none, or one of the keys jwt`},
		{"none and jwt", jwt, "auth: none", []string{"SLUICE_AUTH_JWT_SECRET=" + goodSecret}, "sluice.yaml:5: auth: is none here, but auth.jwt is given too (SLUICE_AUTH_JWT_SECRET)"},
		{"jwt without key", "secret: " + goodSecret, "issuer: x", nil, "sluice.yaml:5: auth.jwt: has no key"},
		{"short secret", "secret: " + goodSecret, "secret_file: short.key", nil, "sluice.yaml:5: auth.jwt.secret_file: the secret has 8 bytes, HS256 needs at least 32"},
		{"secret and public key", "jwt: {", "jwt: {public_key_file: login.pem, ", nil, "sluice.yaml:5: auth.jwt.public_key_file: auth.jwt.secret is given too (sluice.yaml:5)"},
		{"no public key", "secret: " + goodSecret, "public_key_file: not.pem", nil, "sluice.yaml:5: auth.jwt.public_key_file: not.pem: no PEM block in it"},
		{"private key", "secret: " + goodSecret, "public_key_file: key.pem", nil, `sluice.yaml:5: auth.jwt.public_key_file: key.pem: its PEM block is a "PRIVATE KEY"`},
		{"no claim", "jwt: {", "jwt: {user_claim: '', ", nil, "sluice.yaml:5: auth.jwt.user_claim: is empty"},
		{"token from nowhere", "jwt: {", "jwt: {from: [header, query], ", nil, `sluice.yaml:5: auth.jwt.from: "query" is unknown`},
		{"cookie's name", "jwt: {", "jwt: {from: [header, 'cookie:a b'], ", nil, `sluice.yaml:5: auth.jwt.from: "a b" can't name a cookie`},
		{"token from a place twice", "jwt: {", "jwt: {from: [header, header], ", nil, "sluice.yaml:5: auth.jwt.from: has header twice"},
		{"query's name", "jwt: {", "jwt: {from: ['query:a&b'], ", nil, `sluice.yaml:5: auth.jwt.from: "a&b" can't name a query parameter`},
		{"no key set", "secret: " + goodSecret, "jwks_file: not.pem", nil, "sluice.yaml:5: auth.jwt.jwks_file: not.pem: it is no JSON Web Key Set"},
		{"key set's address", "secret: " + goodSecret, "jwks_url: login.example", nil, "sluice.yaml:5: auth.jwt.jwks_url: is no http or https address"},
		{"password in an address", "secret: " + goodSecret, "jwks_url: 'https://u:tooshort@login.example'", nil, "sluice.yaml:5: auth.jwt.jwks_url: has a user or password in it"},
		{"key set and secret", "jwt: {", "jwt: {jwks_url: 'https://login.example', ", nil, "sluice.yaml:5: auth.jwt.jwks_url: auth.jwt.secret is given too (sluice.yaml:5)"},
		{"issuers without prefixes", "{jwt: {secret: " + goodSecret + "}}", "{jwt: [{secret: " + goodSecret + "}, {secret_file: good.key}]}", nil, "sluice.yaml:5: auth.jwt.1.user_prefix: is missing"},
		{"issuers of one prefix", "{jwt: {secret: " + goodSecret + "}}", "{jwt: [{secret: " + goodSecret + ", user_prefix: a}, {secret_file: good.key, user_prefix: ab}]}", nil, `sluice.yaml:5: auth.jwt.2.user_prefix: "ab" begins with that of auth.jwt.1`},
		{"an issuer without a key", "{jwt: {secret: " + goodSecret + "}}", "{jwt: [{secret: " + goodSecret + ", user_prefix: a}, {user_prefix: b}]}", nil, "sluice.yaml:5: auth.jwt.2: has no key"},
		{"an issuer beside the list", "{jwt: {secret: " + goodSecret + "}}", "{jwt: [{secret: " + goodSecret + "}]}", []string{"SLUICE_AUTH_JWT_ISSUER=x"}, "sluice.yaml:5: auth.jwt: is a list, but auth.jwt.issuer is given beside it (SLUICE_AUTH_JWT_ISSUER)"},
		{"an issuer's slip", "{jwt: {secret: " + goodSecret + "}}", "{jwt: [{secrt: x}]}", nil, "sluice.yaml:5: auth.jwt.1.secrt: there is no such key; did you mean secret?"},
		{"authjs without secret", jwt, "auth: {authjs: {user: sub}}", nil, "sluice.yaml:5: auth.authjs.secret_file: is missing"},
		{"forward to nowhere", jwt, "auth: {forward: {user: id}}", nil, "sluice.yaml:5: auth.forward.url: is missing"},
		{"forward to a path", jwt, "auth: {forward: {url: /api/whoami}}", nil, "sluice.yaml:5: auth.forward.url: is no http or https address"},
		{"forward without a user", jwt, "auth: {forward: {url: 'http://app', user: 'header:'}}", nil, "sluice.yaml:5: auth.forward.user: is empty"},
		{"forward without a cache", jwt, "auth: {forward: {url: 'http://app', cache: 0s}}", nil, "sluice.yaml:5: auth.forward.cache: 0s is too short"},
		{"tickets of a short secret", jwt, "auth: {tickets: {secret_file: short.key}}", nil, "sluice.yaml:5: auth.tickets.secret_file: the secret has 8 bytes, tickets need at least 32"},
		{"tickets without secret", jwt, "auth: {tickets: {ttl: 5s}}", nil, "sluice.yaml:5: auth.tickets.secret_file: is missing"},
		{"tickets for a month", jwt, "auth: {tickets: {secret_file: good.key, ttl: 30d}}", nil, "sluice.yaml:5: auth.tickets.ttl: 720h0m0s is too long"},
		{"tickets nobody asks for", jwt, "auth: {tickets: {secret_file: good.key}}", nil, "sluice.yaml:5: auth.tickets: nobody could ask for one"},
		{"none and tickets", jwt, "auth: none", []string{"SLUICE_AUTH_TICKETS_TTL=5s"}, "sluice.yaml:5: auth: is none here, but auth.tickets is given too (SLUICE_AUTH_TICKETS_TTL)"},
		{"API keys of no kind", "jwt: {", "api_keys_file: login.pem, jwt: {", nil, "sluice.yaml:5: auth.api_keys_file: login.pem is not YAML of names and hashes"},
		{"an API key as it is", "jwt: {", "api_keys_file: plain.keys, jwt: {", nil, "sluice.yaml:5: auth.api_keys_file: plain.keys: shop: its hash is not sha256:"},
		{"no API keys", "jwt: {", "api_keys_file: empty.key, jwt: {", nil, "sluice.yaml:5: auth.api_keys_file: empty.key has no keys"},
		{"anyone for users' events", "user: key", "user: key, access: [anyone]", nil, "sluice.yaml:4: streams.orders.access: anyone can't read events of users"},
		{"anyone and a role", "user: key", "audience: everyone, access: [anyone, staff]", nil, "sluice.yaml:4: streams.orders.access: anyone needs no other role"},
		{"no roles", "user: key", "user: key, access: []", nil, "sluice.yaml:4: streams.orders.access: is empty"},
		{"origin with a path", "", "cors: {origins: ['https://shop.example/']}\n", nil, `sluice.yaml:1: cors.origins: "https://shop.example/" is no origin`},
		{"hardly an event", "", "compress: 60B\n", nil, "sluice.yaml:1: compress: 60 is out of bounds: write from 100 to 1MiB, or off. What is smaller gains nothing, and what is larger is never compressed"},
		{"compression of none", "", "compress: 2MiB\n", nil, "sluice.yaml:1: compress: 2MiB is out of bounds: write from 100 to 1MiB"},
		{"compression without a size", "", "compress: true\n", nil, "sluice.yaml:1: compress: \"true\" is not a size"},
		{"streams of a moment", "", "max_connection_age: 1s\n", nil, "sluice.yaml:1: max_connection_age: 1s is too short: write at least 10s"},
		{"public admin", "", "admin: :9090\n", nil, "sluice.yaml:1: admin: :9090 is open to other machines"},
		{"admin keys without any", "", "admin_auth: {api_keys: true}\n", nil, "sluice.yaml:1: admin_auth.api_keys: has no keys to take"},
		{"short admin token", "", "admin_auth: {token: tooshort}\n", nil, "sluice.yaml:1: admin_auth.token: has 8 characters"},
		{"sealed without keys", "", "ids: sealed\n", nil, "sluice.yaml: ids_keys_file: is missing: ids: sealed needs it"},
		{"keys of plain ids", "", "ids_keys_file: ids.keys\n", nil, "sluice.yaml:1: ids_keys_file: does nothing with plain ids"},
		{"a line that is no key", "", "ids: sealed\nids_keys_file: not.pem\n", nil, "sluice.yaml:2: ids_keys_file: not.pem:1: is no name:key"},
		{"a key that is not base64", "", "ids: sealed\nids_keys_file: odd.keys\n", nil, "sluice.yaml:2: ids_keys_file: odd.keys:2: the key of k1 is not base64"},
		{"a short id key", "", "ids: sealed\nids_keys_file: short.keys\n", nil, "sluice.yaml:2: ids_keys_file: short.keys: key k1 has 6 bytes"},
		{"two id keys of one name", "", "ids: sealed\nids_keys_file: two.keys\n", nil, "sluice.yaml:2: ids_keys_file: two.keys:2: there are two keys k1"},
		{"no id key", "", "ids: sealed\nids_keys_file: empty.key\n", nil, "sluice.yaml:2: ids_keys_file: empty.key: no key"},
		{"negative limit", "", "limits: {per_user: -1}\n", nil, "sluice.yaml:1: limits.per_user: -1 is too little"},
		{"rate without a unit", "", "limits: {per_ip_connects: 20}\n", nil, `sluice.yaml:1: limits.per_ip_connects: "20" is not a rate`},
		{"header too small for an id", "", "limits: {header_bytes: 1024}\n", nil, "sluice.yaml:1: limits.header_bytes: 1KiB is out of bounds"},
		{"proxy that is no network", "", "trusted_proxies: [nginx]\n", nil, `sluice.yaml:1: trusted_proxies: "nginx" is no network`},
		{"everyone is a proxy", "", "trusted_proxies: ['0.0.0.0/0']\n", nil, "sluice.yaml:1: trusted_proxies: 0.0.0.0/0 would let anyone claim any address"},
		{"PROXY protocol from nobody", "", "proxy_protocol: true\n", nil, "sluice.yaml:1: proxy_protocol: is taken from trusted_proxies only"},
		{"control topic", "", "control_topic: a b\n", nil, `sluice.yaml:1: control_topic: "a b" can't be a topic`},
		{"portal without a topic", "", "portal: {role: developer}\n", nil, `sluice.yaml:1: portal.topic: is missing: write the compacted topic`},
		{"portal's topic", "", "portal: {topic: a b}\n", nil, `sluice.yaml:1: portal.topic: "a b" can't be a topic`},
		{"portal's topic is the control topic", "", "portal: {topic: a}\ncontrol_topic: a\n", nil, `sluice.yaml:1: portal.topic: is control_topic too`},
		{"portal's keys last too long", "", "portal: {topic: a, max_key_age: 400d}\n", nil, `sluice.yaml:1: portal.max_key_age: 9600h0m0s is too long: write at most 366d`},
		{"portal's usual age", "", "portal: {topic: a, key_age: 100d, max_key_age: 50d}\n", nil, `sluice.yaml:1: portal.key_age: is longer than portal.max_key_age`},
		{"portal's number of keys", "", "portal: {topic: a, max_keys: 0}\n", nil, `sluice.yaml:1: portal.max_keys: 0 is`},
		{"any origin with cookies", "", "cors: {origins: ['*'], credentials: true}\n", nil, "sluice.yaml:1: cors.origins: * with credentials"},
		{"any host with cookies", "", "cors: {origins: ['https://*'], credentials: true}\n", nil, `sluice.yaml:1: cors.origins: "https://*" with credentials would let too many sites`},
		{"one label with cookies", "", "cors: {origins: ['https://*.com'], credentials: true}\n", nil, `sluice.yaml:1: cors.origins: "https://*.com" with credentials would let too many sites`},
		{"part of a label with cookies", "", "cors: {origins: ['https://*shop.example.com'], credentials: true}\n", nil, `sluice.yaml:1: cors.origins: "https://*shop.example.com" with credentials`},
		{"any extension with cookies", "", "cors: {origins: ['moz-extension://*'], credentials: true}\n", nil, `sluice.yaml:1: cors.origins: "moz-extension://*" with credentials`},
		{"an origin that is opaque", "", "cors: {origins: ['file://x']}\n", nil, `sluice.yaml:1: cors.origins: "file://x" is no origin: browsers name none`},
		{"a header of two words", "", "cors: {origins: ['https://shop.example'], headers: ['X A']}\n", nil, `sluice.yaml:1: cors.headers: "X A" names no header`},
		{"headers of no one", "", "cors: {headers: [X-A]}\n", nil, "sluice.yaml:1: cors.headers: does nothing without cors.origins"},
		{"credentials of no one", "", "cors: {credentials: true}\n", nil, "sluice.yaml:1: cors.credentials: does nothing without cors.origins"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.old != "" && !strings.Contains(minimal, tt.old) {
				t.Fatalf("the minimal configuration has no %q", tt.old)
			}
			_, findings := load(t, strings.Replace(minimal, tt.old, tt.with, 1), tt.environ...)
			faults := findings.Faults()
			if !slices.ContainsFunc(faults, func(f Finding) bool { return strings.HasPrefix(f.String(), tt.want) }) {
				t.Errorf("want %s…, got:\n%v", tt.want, faults)
			}
			if strings.Contains(findings.Error(), goodSecret) || strings.Contains(findings.Error(), "tooshort") {
				t.Errorf("a secret stands in the faults:\n%v", findings)
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	for _, tt := range []struct {
		name, old, with string
		want            string // "" is no warning
	}{
		{"tombstones", "user: key", "user: value:customer.id", "sluice.yaml:4: streams.orders.user: warning: a tombstone"},
		{"user of everyone", "user: key", "user: key, audience: everyone", "sluice.yaml:4: streams.orders.user: warning: is not looked at"},
		{"state of nothing", "user: key", "user: key, state: {max_age: 2h}", "sluice.yaml:4: streams.orders.state: warning: is not kept without subject"},
		{"no state wanted", "user: key", "user: key, state: false", ""},
		{"none in public", "auth: {jwt: {secret: " + goodSecret + "}}", "auth: none", "sluice.yaml:5: auth: warning: none lets anyone who reaches :8080"},
		{"none on loopback", "auth: {jwt: {secret: " + goodSecret + "}}", "auth: none\nlisten: 127.0.0.1:80", ""},
		{"tokens in URLs", "jwt: {", "jwt: {from: [header, 'query:token'], ", "sluice.yaml:5: auth.jwt.from: warning: query:token takes tokens from URLs"},
		{"keys without TLS", "secret: " + goodSecret, "jwks_url: 'http://login.example/jwks.json'", "sluice.yaml:5: auth.jwt.jwks_url: warning: is fetched without TLS"},
		{"keys of this machine", "secret: " + goodSecret, "jwks_url: 'http://localhost:8081/jwks.json'", ""},
		{"roles of nobody", "user: key}\nauth: {jwt: {secret: " + goodSecret + "}}", "user: key, access: [staff]}\nauth: none\nlisten: 127.0.0.1:80", "sluice.yaml:4: streams.orders.access: warning: with auth: none nobody has a role"},
		{"password in the clear", "[\"localhost:9092\"]", "[kafka:9092]\n  sasl: {mechanism: PLAIN, username: u, password: p}", "sluice.yaml:3: kafka.sasl.mechanism: warning: PLAIN without kafka.tls"},
		{"origins that anyone can have", "", "cors: {origins: ['https://*.github.io'], credentials: true}\n", "sluice.yaml:1: cors.origins: warning: https://*.github.io: anyone can have a page below github.io"},
		{"origins of apps, extensions and one company", "", "cors: {origins: ['capacitor://localhost', 'tauri://localhost', 'ionic://localhost', 'chrome-extension://abcdefghijklmnopabcdefghijklmnop', 'https://*.shop.example'], credentials: true}\n", ""},
		{"password to this machine", "streams:", "  sasl: {mechanism: PLAIN, username: u, password: p}\nstreams:", ""},
	} {
		text := strings.Replace(minimal, tt.old, tt.with, 1)
		_, findings := load(t, strings.Replace(text, "jwt: {", "jwt: {require_exp: true, ", 1))
		got := findings.Warnings().Error()
		if !strings.HasPrefix(got, tt.want) || tt.want == "" && got != "" {
			t.Errorf("%s: %q, want %q…", tt.name, got, tt.want)
		}
	}
}

func TestTokensThatMayLastForEverAreWarnedOf(t *testing.T) {
	const warned = "require_exp: warning: is false: a token without exp"
	key := "secret: " + goodSecret
	for _, tt := range []struct {
		jwt     string
		environ []string
		want    []string
	}{
		{jwt: "{" + key + "}", want: []string{"auth.jwt." + warned}},
		{jwt: "{" + key + ", require_exp: false}", want: []string{"auth.jwt." + warned}},
		{jwt: "{" + key + ", require_exp: true}"},
		{jwt: "{" + key + "}", environ: []string{"SLUICE_AUTH_JWT_REQUIRE_EXP=true"}},
		{jwt: "[{" + key + ", user_prefix: 'a:'}, {" + key + ", user_prefix: 'b:', require_exp: true}]", want: []string{"auth.jwt.1." + warned}},
	} {
		c, findings := load(t, strings.Replace(minimal, "{"+key+"}", tt.jwt, 1), tt.environ...)
		if len(findings) != len(tt.want) || len(c.Auth.JWT) == 0 {
			t.Fatalf("%s: %v", tt.jwt, findings)
		}
		for i, want := range tt.want {
			if !strings.Contains(findings[i].String(), want) {
				t.Errorf("%s: %v, want %s", tt.jwt, findings[i], want)
			}
		}
		for i, j := range c.Auth.JWT {
			if warned := slices.ContainsFunc(tt.want, func(w string) bool { return len(c.Auth.JWT) == 1 || strings.Contains(w, fmt.Sprint(".", i+1, ".")) }); j.RequireExp == warned {
				t.Errorf("%s: issuer %d requires exp: %t", tt.jwt, i+1, j.RequireExp)
			}
		}
	}
}

func TestTooManyStreams(t *testing.T) {
	var b strings.Builder
	for i := range stream.MaxStreams + 1 {
		fmt.Fprintf(&b, "  s%d: {topic: t, user: key}\n", i)
	}
	_, findings := load(t, strings.Replace(minimal, "streams:\n", "streams:\n"+b.String(), 1))
	if got := findings.Faults().Error(); !strings.Contains(got, "has 66 streams: there is room for 64") {
		t.Errorf("faults: %s", got)
	}
}

// With auth: none anybody would make keys as anybody.
func TestAPortalNeedsALogin(t *testing.T) {
	_, findings := Parse("sluice.yaml", []byte("kafka: {brokers: ['a:1']}\nstreams: {o: {topic: t, user: key}}\nlisten: 127.0.0.1:0\nauth: none\nportal: {topic: keys}\n"), nil)
	if faults := findings.Faults(); len(faults) != 1 || faults[0].Key != "portal" {
		t.Errorf("%v", faults)
	}
	_, findings = Parse("sluice.yaml", []byte("kafka: {brokers: ['a:1']}\nstreams: {o: {topic: keys, user: key}}\nlisten: 127.0.0.1:0\nauth: {jwt: {secret: 0123456789abcdef0123456789abcdef}}\nportal: {topic: keys}\n"), nil)
	if faults := findings.Faults(); len(faults) != 1 || faults[0].Key != "portal.topic" {
		t.Errorf("%v", faults)
	}
}
