// Package connect encrypts connections to Kafka and logs in. connect.go has the TLS
// dialer and the SASL mechanisms, and oauth.go gets tokens for one of them.
//
// Passwords, tokens and certificates are read from their files again when they are used,
// so they can be renewed without a restart. Errors name the wrong key and never a secret.
package connect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"sluice/broker/reread"
)

// TLS says how connections to brokers are encrypted (security.protocol=SSL or SASL_SSL).
// The files are read again for each connection.
type TLS struct {
	Enabled  bool   //
	CAFile   string // PEM (ssl.truststore.location); "" trusts the system's roots
	CertFile string // PEM, a client certificate (ssl.keystore.location); "" shows none
	KeyFile  string // PEM, its key
}

// SASL mechanisms.
const (
	MechanismPlain       = "PLAIN"
	MechanismSCRAM256    = "SCRAM-SHA-256"
	MechanismSCRAM512    = "SCRAM-SHA-512"
	MechanismOAuthBearer = "OAUTHBEARER"
)

// SASL is who this gateway says it is (sasl.mechanism, sasl.jaas.config). The
// zero value says nothing.
type SASL struct {
	Mechanism string // one of the constants above; "" no SASL
	Username  string // PLAIN, SCRAM
	Password  string // PLAIN, SCRAM
	OAuth     OAuth  // OAUTHBEARER

	// PasswordFile holds the password, instead of Password. It is read again at each login.
	PasswordFile string
}

// Dialer returns a function that connects to brokers over TLS, each time within timeout.
// A new connection uses the authority and the client certificate that the files hold at
// that moment. Open connections keep theirs.
func (t TLS) Dialer(timeout time.Duration, log *slog.Logger) (func(ctx context.Context, network, host string) (net.Conn, error), error) {
	roots := func() *x509.CertPool { return nil } // the system's
	if t.CAFile != "" {
		v, err := reread.Roots("kafka.tls.ca_file", log, t.CAFile)
		if err != nil {
			return nil, err
		}
		roots = v.Latest
	}
	if (t.CertFile == "") != (t.KeyFile == "") {
		return nil, errors.New("kafka.tls: cert_file and key_file go together; one of them is missing")
	}
	pairs := func() []tls.Certificate { return nil }
	if t.CertFile != "" {
		v, err := reread.KeyPair("kafka.tls.cert_file", log, t.CertFile, t.KeyFile)
		if err != nil {
			return nil, err
		}
		pairs = func() []tls.Certificate { return []tls.Certificate{*v.Latest()} }
	}
	return func(ctx context.Context, network, host string) (net.Conn, error) {
		// It takes the ServerName from host.
		d := tls.Dialer{
			NetDialer: &net.Dialer{Timeout: timeout},
			Config:    &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots(), Certificates: pairs()},
		}
		return d.DialContext(ctx, network, host)
	}, nil
}

// Login returns the mechanism that logs in. A secret in a file is read again for each
// login.
func (s SASL) Login(log *slog.Logger) (sasl.Mechanism, error) {
	password := func() string { return s.Password }
	switch s.Mechanism {
	case MechanismPlain, MechanismSCRAM256, MechanismSCRAM512:
		if s.PasswordFile != "" {
			v, err := reread.Secret("kafka.sasl.password_file", log, s.PasswordFile)
			if err != nil {
				return nil, err
			}
			password = v.Latest
		}
		if s.Username == "" || password() == "" {
			return nil, fmt.Errorf("kafka.sasl: %s needs username and password (or password_file)", s.Mechanism)
		}
	}
	challenged := func(context.Context) (scram.Auth, error) {
		return scram.Auth{User: s.Username, Pass: password()}, nil
	}
	switch s.Mechanism {
	case MechanismPlain:
		return plain.Plain(func(context.Context) (plain.Auth, error) {
			return plain.Auth{User: s.Username, Pass: password()}, nil
		}), nil
	case MechanismSCRAM256:
		return scram.Sha256(challenged), nil
	case MechanismSCRAM512:
		return scram.Sha512(challenged), nil
	case MechanismOAuthBearer:
		source, err := s.OAuth.source(log)
		if err != nil {
			return nil, err
		}
		return bearer{oauth.Oauth(source)}, nil
	}
	return nil, fmt.Errorf("kafka.sasl.mechanism: %q is not one of %s, %s, %s, %s", s.Mechanism,
		MechanismPlain, MechanismSCRAM256, MechanismSCRAM512, MechanismOAuthBearer)
}
