package broker

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/connect"
)

// overwrite puts text in a file that is there.
func overwrite(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// logText is a log that may be read while it is written.
type logText struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// dialled is a client of this configuration, as the gateway makes it, and what it logs.
func dialled(t *testing.T, cfg Config) (*kgo.Client, *logText) {
	t.Helper()
	var log logText
	opts, err := options(cfg.logged(slog.New(slog.NewTextHandler(&log, nil))))
	if err != nil {
		t.Fatal(err)
	}
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl, &log
}

// answers waits until Kafka answers the client.
func answers(t *testing.T, cl *kgo.Client) {
	t.Helper()
	waitAny(t, "answered", func() (bool, any) {
		err := cl.Ping(t.Context())
		return err == nil, err
	})
}

// The password is the one that is in its file when the gateway logs in, however often it
// changes. A file that can't be used leaves the password as it was.
func TestAPasswordIsReadAtEachLogin(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	_ = free.Close() // each cluster takes it in turn
	cluster := func(mechanism, password string) *kfake.Cluster {
		t.Helper()
		c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(port), kfake.EnableSASL(), kfake.Superuser(mechanism, "gateway", password))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	for _, mechanism := range []string{connect.MechanismPlain, connect.MechanismSCRAM256, connect.MechanismSCRAM512} {
		t.Run(mechanism, func(t *testing.T) {
			file := write(t, "first\n")
			cl, log := dialled(t, Config{
				Brokers: []string{"127.0.0.1:" + strconv.Itoa(port)},
				SASL:    connect.SASL{Mechanism: mechanism, Username: "gateway", PasswordFile: file},
			})
			c := cluster(mechanism, "first")
			answers(t, cl)
			c.Close()

			overwrite(t, file, "")
			c = cluster(mechanism, "first")
			answers(t, cl)
			c.Close()
			if said := log.String(); strings.Count(said, "level=ERROR") != 1 || !strings.Contains(said, "kafka.sasl.password_file") {
				t.Errorf("of an empty file the log says:\n%s", said)
			}

			overwrite(t, file, "second\n")
			c = cluster(mechanism, "second")
			answers(t, cl)
			c.Close()
			if said := log.String(); strings.Contains(said, "first") || strings.Contains(said, "second") {
				t.Errorf("the log has a password:\n%s", said)
			}
		})
	}
}

// dropping is a listener whose connections can be closed.
type dropping struct {
	net.Listener
	mu   sync.Mutex // guards open
	open []net.Conn
}

func (d *dropping) Accept() (net.Conn, error) {
	conn, err := d.Listener.Accept()
	if err == nil {
		d.mu.Lock()
		d.open = append(d.open, conn)
		d.mu.Unlock()
	}
	return conn, err
}

func (d *dropping) drop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, conn := range d.open {
		_ = conn.Close() // it may be closed already
	}
	d.open = nil
}

// identified is what a side shows of a TLS connection: the PEM text of a certificate that
// vouches for itself, and its key.
type identified struct {
	certificate, key string
	pair             tls.Certificate
	pool             *x509.CertPool // trusts it
}

func newIdentified(t *testing.T) identified {
	t.Helper()
	file, pair := certificate(t)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return identified{string(text), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})), pair, pool}
}

// The authority and the client's certificate are those that are in their files when a
// connection is made.
func TestAuthorityAndClientCertificateAreReadForEachConnection(t *testing.T) {
	brokers, clients := [2]identified{newIdentified(t), newIdentified(t)}, [2]identified{newIdentified(t), newIdentified(t)}
	var era atomic.Int32 // which of both is wanted
	conf := &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		i := era.Load()
		return &tls.Config{
			Certificates: []tls.Certificate{brokers[i].pair},
			ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: clients[i].pool,
		}, nil
	}}
	var inner *dropping
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.ListenFn(func(network, address string) (net.Listener, error) {
		l, err := net.Listen(network, address)
		if err != nil {
			return nil, err
		}
		inner = &dropping{Listener: l}
		return tls.NewListener(inner, conf), nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)

	ca, cert, key := write(t, brokers[0].certificate), write(t, clients[0].certificate), write(t, clients[0].key)
	cl, log := dialled(t, Config{Brokers: c.ListenAddrs(), TLS: connect.TLS{Enabled: true, CAFile: ca, CertFile: cert, KeyFile: key}})
	answers(t, cl)

	// Half of a pair, and no certificate at all: what was there before still leads in.
	overwrite(t, cert, clients[1].certificate)
	overwrite(t, ca, "not yet")
	inner.drop()
	answers(t, cl)
	for _, name := range []string{"kafka.tls.ca_file", "kafka.tls.cert_file"} {
		if said := log.String(); strings.Count(said, name) != 1 {
			t.Errorf("of files that don't go together the log says:\n%s", said)
		}
	}

	era.Store(1)
	inner.drop()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := cl.Ping(ctx); err == nil {
		t.Fatal("a broker with another certificate was believed")
	}
	overwrite(t, key, clients[1].key)
	overwrite(t, ca, brokers[1].certificate)
	answers(t, cl)
}
