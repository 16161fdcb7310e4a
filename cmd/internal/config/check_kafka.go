package config

import (
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"sluice/broker/connect"
)

func (l *loader) checkKafka() {
	k := &l.config.Kafka
	if len(k.Brokers) == 0 && !l.misunderstood("kafka") {
		l.fault("kafka.brokers", `is missing: write where Kafka is, such as brokers: ["localhost:9092"]`)
	}
	for _, b := range k.Brokers {
		host, port, err := net.SplitHostPort(b)
		if n, e := strconv.ParseUint(port, 10, 16); err != nil || e != nil || host == "" || strings.ContainsAny(host, "@/") || n == 0 {
			l.fault("kafka.brokers", fmt.Sprintf("%q is no broker: write host:port", b[strings.LastIndexByte(b, '@')+1:])) // before it there may be a password
		}
	}
	if n := len(k.ClientID); !l.broken["kafka.client_id"] && (n == 0 || n > maxClientID) {
		l.fault("kafka.client_id", fmt.Sprintf("has %d bytes: write from 1 to %d", n, maxClientID))
	}
	l.checkFetch(k.Fetch)
	l.checkKafkaTLS(&k.TLS)
	l.checkSASL(k)
}

const (
	maxClientID = 249 // as long as a topic's name

	// The client reads no larger answer (kgo.BrokerMaxReadBytes).
	minFetch, maxFetch = Size(1 << 10), Size(100 << 20)
)

func (l *loader) checkFetch(f Fetch) {
	const whole, part = "kafka.fetch.max_bytes", "kafka.fetch.max_partition_bytes"
	ok := true
	for key, n := range map[string]Size{whole: f.MaxBytes, part: f.MaxPartitionBytes} {
		if !l.broken[key] && (n < minFetch || n > maxFetch) {
			l.fault(key, fmt.Sprintf("%v is out of bounds: write from %v to %v", n, minFetch, maxFetch))
			ok = false
		}
	}
	if ok && !l.broken[whole] && !l.broken[part] && f.MaxPartitionBytes > f.MaxBytes {
		l.fault(part, fmt.Sprintf("%v is more than %s, %v", f.MaxPartitionBytes, whole, f.MaxBytes))
	}
}

// checkKafkaTLS turns TLS on where any of its keys are written.
func (l *loader) checkKafkaTLS(t *KafkaTLS) {
	const key = "kafka.tls"
	_, switched := l.given[key]
	files := *t != KafkaTLS{On: t.On}
	switch {
	case switched && !t.On && files:
		l.fault(key, "is false, but keys of it are given: remove one or the other")
	case !switched && l.has(key):
		t.On = true
	}
	l.certPair("kafka.tls.cert_file", "kafka.tls.key_file", t.CertPair)
	l.caFile("kafka.tls.ca_file", t.CAFile)
}

// caFile checks that a file has roots.
func (l *loader) caFile(key, file string) {
	if file == "" {
		return
	}
	text, err := os.ReadFile(file)
	switch {
	case err != nil:
		l.fault(key, unreadable(err).Error())
	case !x509.NewCertPool().AppendCertsFromPEM(text):
		l.fault(key, file+" holds no certificate: it must be PEM, beginning with -----BEGIN CERTIFICATE-----")
	}
}

func (l *loader) checkSASL(k *Kafka) {
	const section = "kafka.sasl"
	s := k.SASL
	switch {
	case !l.has(section), l.broken["kafka.sasl.mechanism"]:
		return
	case s.Mechanism == "":
		l.fault("kafka.sasl.mechanism", "is missing: write one of "+strings.Join(mechanisms, ", "))
		return
	case s.Mechanism == connect.MechanismOAuthBearer:
		l.foreign(s.Mechanism, passwordKeys)
		l.checkToken(s)
	default:
		l.foreign(s.Mechanism, tokenKeys)
		if s.Username == "" {
			l.fault("kafka.sasl.username", "is missing: "+s.Mechanism+" needs one")
		}
		l.needSecret("kafka.sasl.password", s.Password, s.Mechanism)
	}
	scram := s.Mechanism == connect.MechanismSCRAM256 || s.Mechanism == connect.MechanismSCRAM512
	if !scram && !k.TLS.On && slices.ContainsFunc(k.Brokers, func(b string) bool { return !loopback(b) }) {
		l.warn("kafka.sasl.mechanism", s.Mechanism+" without kafka.tls sends what it logs in with in the clear")
	}
}

func (l *loader) checkToken(s SASL) {
	const file, endpoint = "kafka.sasl.token_file", "kafka.sasl.token_url"
	switch {
	case s.TokenFile != "" && s.TokenURL != "":
		l.fault(file, endpoint+" is given too: write one of them")
	case s.TokenFile != "":
		if _, err := readSecret(s.TokenFile); err != nil {
			l.fault(file, err.Error())
		}
	case s.TokenURL == "":
		l.fault(file, "is missing: OAUTHBEARER needs the file its token is in, or token_url with client_id and client_secret_file")
	default:
		l.httpAddress(endpoint, s.TokenURL, "is asked without TLS: the client's secret goes there, and Kafka's token comes back, in the clear; write https")
		if s.ClientID == "" {
			l.fault("kafka.sasl.client_id", "is missing: token_url needs one")
		}
		l.needSecret("kafka.sasl.client_secret", s.ClientSecret, "token_url")
	}
}

// needSecret misses a secret, unless its file has been faulted already.
func (l *loader) needSecret(key string, s Secret, who string) {
	if !s.IsSet() && !l.broken[key+"_file"] {
		l.fault(key, fmt.Sprintf("is missing: %s needs it, best as %s_file", who, key))
	}
}

var (
	passwordKeys = []string{"kafka.sasl.username", "kafka.sasl.password", "kafka.sasl.password_file"}
	tokenKeys    = []string{"kafka.sasl.token_file", "kafka.sasl.token_url", "kafka.sasl.client_id",
		"kafka.sasl.client_secret", "kafka.sasl.client_secret_file", "kafka.sasl.scope"}
)

// foreign refuses the keys of another mechanism.
func (l *loader) foreign(mechanism string, others []string) {
	for _, key := range others {
		if _, given := l.given[key]; given {
			l.fault(key, "is not used by "+mechanism+": remove it, or change kafka.sasl.mechanism")
		}
	}
}
