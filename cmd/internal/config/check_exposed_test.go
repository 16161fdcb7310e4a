package config

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestSecretsThatOthersCanReadOnTheirWayAreWarnedOf(t *testing.T) {
	const jwt = "auth: {jwt: {secret: " + goodSecret + "}}"
	sasl := func(brokers, text string) string { return `["` + brokers + "\"]\n  sasl: {" + text + "}" }
	token := func(url string) string {
		return sasl("localhost:9092", "mechanism: OAUTHBEARER, client_id: c, client_secret: s, token_url: '"+url+"'")
	}
	const brokers = `["localhost:9092"]`
	for _, tt := range []struct {
		name, old, with string
		want            string // "" is no warning
	}{
		{"callers' cookies", jwt, "auth: {forward: {url: 'http://app:3000/whoami', user: id}}", "auth.forward.url: warning: is asked without TLS: callers' cookies"},
		{"callers' cookies, an address", jwt, "auth: {forward: {url: 'http://10.0.0.7/whoami', user: id}}", "auth.forward.url: warning: is asked without TLS"},
		{"callers' cookies, a name like ours", jwt, "auth: {forward: {url: 'http://localhost.example/whoami', user: id}}", "auth.forward.url: warning: is asked without TLS"},
		{"cookies within this machine", jwt, "auth: {forward: {url: 'http://LOCALHOST:3000/whoami', user: id}}", ""},
		{"cookies within this machine, IPv6", jwt, "auth: {forward: {url: 'http://[::1]/whoami', user: id}}", ""},
		{"cookies within this machine, an app's name", jwt, "auth: {forward: {url: 'http://app.localhost:3000/whoami', user: id}}", ""},
		{"cookies over TLS", jwt, "auth: {forward: {url: 'https://app:3000/whoami', user: id}}", ""},
		{"an issuer's keys", jwt, "auth: {jwt: {jwks_url: 'http://login.example/keys'}}", "auth.jwt.jwks_url: warning: is fetched without TLS"},
		{"one of several issuers' keys", jwt, "auth: {jwt: [{jwks_url: 'https://a.example/keys', user_prefix: 'a:'}, {jwks_url: 'http://b.example/keys', user_prefix: 'b:'}]}", "auth.jwt.2.jwks_url: warning: is fetched without TLS"},
		{"keys over TLS", jwt, "auth: {jwt: {jwks_url: 'https://login.example/keys'}}", ""},
		{"a client's secret", brokers, token("http://login.example/token"), "kafka.sasl.token_url: warning: is asked without TLS"},
		{"a client's secret within this machine", brokers, token("http://127.0.0.1:8081/token"), ""},
		{"a client's secret over TLS", brokers, token("https://login.example/token"), ""},
		{"a registry's password", jwt, jwt + "\nschema_registry: {url: 'http://registry:8081', username: u, password: p}", "schema_registry.url: warning: is asked without TLS"},
		{"a registry's password within this machine", jwt, jwt + "\nschema_registry: {url: 'http://localhost:8081', username: u, password: p}", ""},
		{"a registry without a password", jwt, jwt + "\nschema_registry: {url: 'http://registry:8081'}", ""},
		{"a password by PLAIN", brokers, sasl("kafka:9092", "mechanism: PLAIN, username: u, password: p"), "kafka.sasl.mechanism: warning: PLAIN without kafka.tls"},
		{"a password by PLAIN within this machine", brokers, sasl("127.0.0.1:9092", "mechanism: PLAIN, username: u, password: p"), ""},
		{"a password by PLAIN over TLS", brokers, sasl("kafka:9092", "mechanism: PLAIN, username: u, password: p") + "\n  tls: true", ""},
		{"a password by SCRAM", brokers, sasl("kafka:9092", "mechanism: SCRAM-SHA-512, username: u, password: p"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, findings := load(t, strings.Replace(minimal, tt.old, tt.with, 1))
			if faults := findings.Faults(); len(faults) > 0 {
				t.Fatal(faults)
			}
			got := slices.DeleteFunc(findings, func(f Finding) bool { return strings.HasSuffix(f.Key, ".require_exp") }).Error()
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("%q, want …%s…", got, tt.want)
			}
		})
	}
}

func TestFilesThatEveryUserCanChangeAreWarnedOf(t *testing.T) {
	const text = "kafka: {brokers: [\"localhost:9092\"]}\nstreams: {orders: {topic: order-topic, user: key}}\nauth: {jwt: {secret_file: keys/jwt, require_exp: true}, authjs: {secret_file: link}}\n"
	for _, tt := range []struct {
		name  string
		modes map[string]fs.FileMode
		want  []string // what each warning begins with
	}{
		{"as they should be", nil, nil},
		{"readable by everyone, as in containers", map[string]fs.FileMode{"keys/jwt": 0o644, "authjs": 0o444}, nil},
		{"a key", map[string]fs.FileMode{"keys/jwt": 0o666}, []string{"sluice.yaml:3: auth.jwt.secret_file: warning: keys/jwt can be changed by every user"}},
		{"what a link leads to", map[string]fs.FileMode{"authjs": 0o602}, []string{"sluice.yaml:3: auth.authjs.secret_file: warning: link can be changed"}},
		{"a key's directory", map[string]fs.FileMode{"keys": 0o777}, []string{"sluice.yaml:3: auth.jwt.secret_file: warning: keys/jwt can be replaced by every user of this machine: chmod o-w keys"}},
		{"a directory where owners alone may", map[string]fs.FileMode{"keys": 0o777 | fs.ModeSticky}, nil},
		{"the configuration", map[string]fs.FileMode{"sluice.yaml": 0o646}, []string{"sluice.yaml: warning: sluice.yaml can be changed"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if err := os.Mkdir("keys", 0o755); err != nil {
				t.Fatal(err)
			}
			for name, content := range map[string]string{"sluice.yaml": text, "keys/jwt": goodSecret, "authjs": goodSecret} {
				if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Symlink("authjs", "link"); err != nil {
				t.Fatal(err)
			}
			for name, mode := range tt.modes {
				if err := os.Chmod(filepath.FromSlash(name), mode); err != nil {
					t.Fatal(err)
				}
			}
			_, findings := Load("sluice.yaml", nil)
			if len(findings) != len(tt.want) || !slices.EqualFunc(findings, tt.want, func(f Finding, want string) bool { return f.Warning && strings.HasPrefix(f.String(), want) }) {
				t.Errorf("%v\nwant %q", findings, tt.want)
			}
		})
	}
}

func TestNoFindingShowsWhatAnAddressHasInIt(t *testing.T) {
	const jwt = "auth: {jwt: {secret: " + goodSecret + "}}"
	for _, url := range []string{"http://u:s3cret@x/?key=s3cret", "http://x/?key=s3cret#s3cret", "ftp://x/?key=s3cret", "http://x:s3cret/", "http://u:s3/cret@x/", "http:///?key=s3cret", "s3cret", "http://x/?a=%zz&key=s3cret", `http://x/?a="s3cret`} {
		for _, with := range []string{"auth: {jwt: {jwks_url: '" + url + "'}}", "auth: {forward: {url: '" + url + "', user: id}}", "auth: {forward: '" + url + "'}",
			jwt + "\nkafka: {brokers: ['" + url + "'], sasl: {mechanism: OAUTHBEARER, client_id: c, client_secret: s, token_url: '" + url + "'}}"} {
			text := strings.Replace(minimal, jwt, with, 1)
			if strings.Contains(with, "\nkafka:") {
				text = with + "\nstreams: {orders: {topic: order-topic, user: key}}\n"
			}
			_, findings := load(t, text)
			for _, f := range findings {
				if f.Key != "kafka.brokers" && strings.Contains(f.String(), "s3") {
					t.Errorf("%s: %s", url, f)
				}
				if f.Key == "kafka.brokers" && strings.Contains(url, "@") && strings.Contains(f.String(), "u:s3") {
					t.Errorf("%s: %s", url, f)
				}
			}
		}
	}
}
