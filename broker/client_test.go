package broker

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/connect"
)

// write puts text in a new file and returns its path.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOptionsNameTheFaultAndNoSecret(t *testing.T) {
	const secret = "hunter2"
	brokers := []string{"localhost:9092"}
	for _, tt := range []struct {
		name string
		cfg  Config
		want string // in the error
	}{
		{"no brokers", Config{}, "kafka.brokers"},
		{"no such CA", Config{Brokers: brokers, TLS: connect.TLS{Enabled: true, CAFile: "/nowhere.pem"}}, "kafka.tls.ca_file"},
		{"CA without a certificate", Config{Brokers: brokers, TLS: connect.TLS{Enabled: true, CAFile: write(t, secret)}}, "holds no PEM certificate"},
		{"certificate without key", Config{Brokers: brokers, TLS: connect.TLS{Enabled: true, CertFile: "c.pem"}}, "go together"},
		{"unknown mechanism", Config{Brokers: brokers, SASL: connect.SASL{Mechanism: "GSSAPI", Password: secret}}, "SCRAM-SHA-512"},
		{"no user", Config{Brokers: brokers, SASL: connect.SASL{Mechanism: connect.MechanismPlain, Password: secret}}, "needs username"},
		{"no token", Config{Brokers: brokers, SASL: connect.SASL{Mechanism: connect.MechanismOAuthBearer}}, "token_file"},
		{"two sources", Config{Brokers: brokers, SASL: connect.SASL{Mechanism: connect.MechanismOAuthBearer, OAuth: connect.OAuth{TokenFile: "t", TokenURL: "https://id"}}}, "exclude"},
		{"no client", Config{Brokers: brokers, SASL: connect.SASL{Mechanism: connect.MechanismOAuthBearer, OAuth: connect.OAuth{TokenURL: "https://id", ClientSecret: secret}}}, "client_id"},
		{"no address", Config{Brokers: brokers, SASL: connect.SASL{Mechanism: connect.MechanismOAuthBearer, OAuth: connect.OAuth{TokenURL: "id", ClientID: "c", ClientSecret: secret}}}, "token_url"},
	} {
		_, err := options(tt.cfg)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: options = %v; want an error with %q and no secret", tt.name, err, tt.want)
		}
	}
}

func TestOptionsMakeAClient(t *testing.T) {
	for _, mechanism := range []string{"", connect.MechanismPlain, connect.MechanismSCRAM256, connect.MechanismSCRAM512, connect.MechanismOAuthBearer} {
		cfg := Config{Brokers: []string{"localhost:9092"}, TLS: connect.TLS{Enabled: true}, Rack: "eu-1a",
			SASL: connect.SASL{Mechanism: mechanism, Username: "u", Password: "p", OAuth: connect.OAuth{TokenFile: "t"}}}
		opts, err := readerOptions(cfg)
		if err != nil {
			t.Fatalf("%q: %v", mechanism, err)
		}
		if err := kgo.ValidateOpts(opts...); err != nil {
			t.Errorf("%q: %v", mechanism, err)
		}
	}
}

func TestTheReaderFetchesAsMuchAsItIsTold(t *testing.T) {
	for _, tt := range []struct {
		cfg         Config
		id          string
		whole, part int32
	}{
		{Config{}, "sluice", 16 << 20, 1 << 20},
		{Config{ClientID: "shop", FetchMaxBytes: 4 << 20, FetchMaxPartitionBytes: 64 << 10}, "shop", 4 << 20, 64 << 10},
		{Config{FetchMaxBytes: 100 << 20, FetchMaxPartitionBytes: 100 << 20}, "sluice", 100 << 20, 100 << 20}, // the most that is configured
	} {
		tt.cfg.Brokers = []string{"localhost:9092"}
		opts, err := readerOptions(tt.cfg)
		if err != nil {
			t.Fatal(err)
		}
		cl, err := kgo.NewClient(opts...)
		if err != nil {
			t.Fatal(err)
		}
		defer cl.Close()
		if id, whole, part := cl.OptValue(kgo.ClientID), cl.OptValue(kgo.FetchMaxBytes), cl.OptValue(kgo.FetchMaxPartitionBytes); id != tt.id || whole != tt.whole || part != tt.part {
			t.Errorf("%+v makes a client %v that fetches %v, of a partition %v", tt.cfg, id, whole, part)
		}
	}
}
