package config

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

const goodSecret = "0123456789abcdef0123456789abcdef"

// minimal is a configuration without a fault, to which tests add theirs.
const minimal = `kafka:
  brokers: ["localhost:9092"]
streams:
  orders: {topic: order-topic, user: key}
auth: {jwt: {secret: ` + goodSecret + `}}
`

// inDir writes files to a directory of the test's own and returns the path of a
// sluice.yaml with text in it.
func inDir(t *testing.T, text string, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range files {
		write(name, content)
	}
	write(DefaultFile, text)
	return filepath.Join(dir, DefaultFile)
}

// load is Load, with paths shown as if the test's directory were the working directory.
func load(t *testing.T, text string, environ ...string) (*Config, Findings) {
	t.Helper()
	return Parse(DefaultFile, []byte(text), environ)
}

// mustLoad fails the test on a fault.
func mustLoad(t *testing.T, text string, environ ...string) *Config {
	t.Helper()
	c, findings := load(t, text, environ...)
	if faults := findings.Faults(); len(faults) > 0 {
		t.Fatalf("faults in a good configuration:\n%v", faults)
	}
	return c
}

// certificate makes a self-signed certificate and its key, both PEM.
func certificate(t *testing.T) (cert, key, public string) {
	t.Helper()
	pub, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, pub, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	pubDER, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return block("CERTIFICATE", der), block("PRIVATE KEY", keyDER), block("PUBLIC KEY", pubDER)
}

// designed is the example of the design, word for word but for the password's path.
const designed = `listen: ":8080"                 # browsers
admin: "127.0.0.1:9090"         # health, metrics, live view, profiles; never public
heartbeat: 15s
kafka:
  brokers: ["localhost:9092"]
  tls: {ca_file: ca.pem}        # or tls: true for the system's roots; cert_file/key_file for a client certificate
  sasl: {mechanism: SCRAM-SHA-256, username: gateway, password_file: kafka-password}   # PLAIN, SCRAM-SHA-512, OAUTHBEARER too
  rack: eu-1a                   # read from the nearest replica
streams:
  orders:
    topic: order-topic
    audience: user              # user (default) | everyone (still needs an identity, unless access: [anyone])
    user: key                   # key | header:NAME | value:PATH | key:PATH   whose event this is
    subject: value:orderId      # what it is about; optional
    event: value:type           # the SSE event name; absent: unnamed, so EventSource.onmessage gets it
    replay: 10m                 # how much is kept in memory and warmed at start
    replay_bytes: 256MiB        # whichever comes first
auth:                           # nothing here: refuses to start; ` + "`auth: none`" + ` (takes ?user=) must be said out loud
  jwt: {secret_file: jwt.key, user_claim: sub}   # Authorization: Bearer, or a cookie
`

func TestTheDesignsExampleLoadsAsItIs(t *testing.T) {
	ca, _, _ := certificate(t)
	path := inDir(t, designed, map[string]string{"ca.pem": ca, "kafka-password": "hunter22\n", "jwt.key": goodSecret + "\n"})
	c, findings := Load(path, nil)
	if len(findings) != 1 || findings[0].Key != "auth.jwt.require_exp" || !findings[0].Warning {
		t.Fatalf("findings:\n%v", findings)
	}
	want := Stream{Name: "orders", Topic: "order-topic", Audience: AudienceUser, User: "key", Subject: "value:orderId",
		Event: "value:type", Replay: 10 * time.Minute, ReplayBytes: 256 << 20,
		State: State{On: true, MaxAge: 24 * time.Hour, MaxBytes: 64 << 20},
		Shape: Shape{Decode: Decode{As: "json"}, KeyDecode: "text", Envelope: "none", OnError: "drop"}}
	if len(c.Streams) != 1 || !reflect.DeepEqual(c.Streams[0], want) {
		t.Errorf("streams = %+v, want %+v", c.Streams, want)
	}
	if got := c.Kafka.SASL.Password.Reveal(); got != "hunter22" {
		t.Errorf("password = %q, want it without the newline", got)
	}
	if tls := c.Kafka.TLS; !tls.On || tls.CAFile != filepath.Join(filepath.Dir(path), "ca.pem") {
		t.Errorf("tls = %+v, want it on, and its roots beside the configuration", tls)
	}
	if j := c.Auth.JWT; len(j) != 1 || j[0].UserClaim != "sub" || fmt.Sprint(j[0].From) != "[header]" {
		t.Errorf("jwt = %+v", j)
	}
	if c.Heartbeat != 15*time.Second || c.ReadyGrace != time.Minute || c.Catchup != (Catchup{1_000_000, 24 * time.Hour, 2}) {
		t.Errorf("heartbeat %v, grace %v, catchup %+v", c.Heartbeat, c.ReadyGrace, c.Catchup)
	}
}

func TestTheEnvironmentGoesBeforeTheFile(t *testing.T) {
	c := mustLoad(t, minimal,
		"SLUICE_LISTEN=127.0.0.1:81",
		"SLUICE_KAFKA_BROKERS=a:1, b:2",
		"SLUICE_STREAMS_ORDERS_TOPIC=other",
		"SLUICE_STREAMS_ORDERS_REPLAY_BYTES=64MB",
		"SLUICE_STREAMS_SHOP_NEWS_TOPIC=news", // a stream that the file doesn't have
		"SLUICE_STREAMS_SHOP_NEWS_AUDIENCE=everyone",
		"SLUICE_KAFKA_RACK=", // empty is as good as unset
		"PATH=/bin",
	)
	if c.Listen != "127.0.0.1:81" || fmt.Sprint(c.Kafka.Brokers) != "[a:1 b:2]" {
		t.Errorf("listen %q, brokers %v", c.Listen, c.Kafka.Brokers)
	}
	if len(c.Streams) != 2 || c.Streams[0].Topic != "other" || c.Streams[0].ReplayBytes != 64_000_000 || c.Streams[0].User != "key" {
		t.Errorf("streams = %+v", c.Streams)
	}
	if c.Streams[1].Name != "shop-news" || c.Streams[1].Topic != "news" {
		t.Errorf("streams = %+v", c.Streams)
	}
}

func TestTheEnvironmentAloneIsEnough(t *testing.T) {
	t.Chdir(t.TempDir())
	c, findings := Load("", []string{"SLUICE_KAFKA_BROKERS=kafka:9092", "SLUICE_STREAMS_ORDERS_TOPIC=t", "SLUICE_STREAMS_ORDERS_USER=key", "SLUICE_AUTH=none", "SLUICE_LISTEN=localhost:1"})
	if len(findings) > 0 {
		t.Fatalf("findings:\n%v", findings)
	}
	if !c.Auth.None || c.Streams[0].Topic != "t" {
		t.Errorf("config = %+v", c)
	}
}

func TestAMissingFileIsNamed(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, tt := range []struct{ path, want string }{
		{"", "sluice.yaml: there is no such file here: write one"},
		{"other.yaml", "other.yaml: can't be read"},
	} {
		_, findings := Load(tt.path, nil)
		if got := findings.Faults().Error(); !strings.HasPrefix(got, tt.want) {
			t.Errorf("Load(%q): %q, want %q…", tt.path, got, tt.want)
		}
	}
}

// Kubernetes sets these in every container of a namespace with a Service called sluice or
// sluice-admin.
func TestVariablesOfKubernetesAreNotOurs(t *testing.T) {
	mustLoad(t, minimal, "SLUICE_SERVICE_HOST=10.0.0.1", "SLUICE_SERVICE_PORT=80", "SLUICE_SERVICE_PORT_HTTP=80", "SLUICE_PORT=tcp://10.0.0.1:80",
		"SLUICE_PORT_80_TCP=tcp://10.0.0.1:80", "SLUICE_PORT_80_TCP_ADDR=10.0.0.1", "SLUICE_ADMIN_PORT=tcp://10.0.0.1:9090", "SLUICE_ADMIN_SERVICE_HOST=10.0.0.2", "SLUICE_TEST_ALL=1")
}

func TestMergedKeysFillWhatIsNotWritten(t *testing.T) {
	c := mustLoad(t, `
kafka: {brokers: ["localhost:9092"]}
streams:
  orders: &base {topic: order-topic, user: key, replay: 5m}
  returns: {<<: *base, topic: return-topic}
auth: {jwt: {secret: `+goodSecret+`}}
`)
	if s := c.Streams[1]; s.Topic != "return-topic" || s.User != "key" || s.Replay != 5*time.Minute {
		t.Errorf("returns = %+v", s)
	}
}

func TestAMappingThatMergesItselfEnds(t *testing.T) {
	mustLoad(t, strings.Replace(minimal, "kafka:\n", "kafka: &k\n  <<: *k\n", 1))
}

func TestKeysOfTwoKinds(t *testing.T) {
	cert, key, public := certificate(t)
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{"cert.pem": cert, "key.pem": key, "login.pem": public} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := mustLoad(t, strings.Replace(minimal, "streams:", "  tls: true\nstreams:", 1))
	if !c.Kafka.TLS.On {
		t.Error("tls: true leaves it off")
	}
	c = mustLoad(t, strings.Replace(minimal, "streams:", "  tls: {}\nstreams:", 1))
	if !c.Kafka.TLS.On {
		t.Error("tls: {} leaves it off")
	}
	c = mustLoad(t, minimal, "SLUICE_KAFKA_TLS_CERT_FILE=cert.pem", "SLUICE_KAFKA_TLS_KEY_FILE=key.pem", "SLUICE_TLS_CERT_FILE=cert.pem", "SLUICE_TLS_KEY_FILE=key.pem")
	if !c.Kafka.TLS.On || c.TLS.CertFile == "" {
		t.Errorf("tls = %+v, %+v", c.Kafka.TLS, c.TLS)
	}
	c = mustLoad(t, strings.Replace(minimal, "secret: "+goodSecret, "public_key_file: login.pem, from: [header, 'cookie:session'], issuer: https://login, audience: shop", 1))
	if j := c.Auth.JWT[0]; fmt.Sprint(j.From) != "[header cookie:session]" || j.Issuer != "https://login" || j.Audience != "shop" {
		t.Errorf("jwt = %+v", j)
	}
}

func TestASecretIsNeverPrinted(t *testing.T) {
	c := mustLoad(t, strings.Replace(minimal, "streams:", "  sasl: {mechanism: PLAIN, username: u, password: hunter22}\nstreams:", 1))
	asJSON, err := json.Marshal(c.Kafka.SASL)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c), fmt.Sprintf("%+v", *c.Auth.JWT[0]), fmt.Sprintf("%s|%q|%x", c.Kafka.SASL, c.Kafka.SASL, c.Kafka.SASL), string(asJSON)} {
		if strings.Contains(text, "hunter22") || strings.Contains(text, goodSecret) || strings.Contains(text, "68756e746572") {
			t.Errorf("a secret stands in %q", text)
		}
	}
	if !strings.Contains(string(asJSON), hidden) || c.Kafka.SASL.Password.Reveal() != "hunter22" {
		t.Errorf("JSON %s, password %q", asJSON, c.Kafka.SASL.Password.Reveal())
	}
}

func FuzzParse(f *testing.F) {
	f.Add(minimal, "SLUICE_STREAMS_A_TOPIC=x")
	f.Add(designed, "SLUICE_X=1")
	f.Add("a: &a [*a]\nkafka: {<<: [*a, {}], tls: [1]}\nstreams: {x: &x {<<: *x}}", "SLUICE_STREAMS__TOPIC=x")
	f.Fuzz(func(t *testing.T, text, variable string) {
		c, findings := Parse("f.yaml", []byte(text), []string{variable})
		if len(findings.Faults()) == 0 && (len(c.Streams) == 0 || len(c.Kafka.Brokers) == 0 || !c.Auth.None && c.Auth.JWT == nil) {
			t.Errorf("no fault, but nothing to serve: %+v", c)
		}
	})
}
