package gateway

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/cmd/internal/config"
	"sluice/stream/ssetest"
)

// shop is a configuration for the fake broker, on free ports, with what a test adds.
func shop(t *testing.T, c *kfake.Cluster, more string) *config.Config {
	t.Helper()
	return configured(t, c, `streams: {orders: {topic: order-topic, user: key, event: "header:type"}}
auth: none
%s`, more)
}

// configured is a configuration for the fake broker, on free ports.
func configured(t *testing.T, c *kfake.Cluster, format string, args ...any) *config.Config {
	t.Helper()
	text := fmt.Sprintf("listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nkafka: {brokers: [%q]}\n", c.ListenAddrs()[0]) + fmt.Sprintf(format, args...)
	conf, findings := config.Parse("sluice.yaml", []byte(text), nil)
	if faults := findings.Faults(); len(faults) > 0 {
		t.Fatal(faults)
	}
	return conf
}

func cluster(t *testing.T, partitions int32) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, "order-topic"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// syncBuffer is a log that is read while it is written.
type syncBuffer struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// start starts a gateway that is stopped with the test, and waits until it is ready.
func start(t *testing.T, c *config.Config) *Gateway {
	t.Helper()
	return startLogging(t, c, t.Output())
}

func startLogging(t *testing.T, c *config.Config, log io.Writer) *Gateway {
	t.Helper()
	g, err := New(Options{Config: c, Log: logTo(log)})
	if err != nil {
		t.Fatal(err)
	}
	stopAtEnd(t, g)
	if err := g.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	await(t, g)
	return g
}

func logTo(w io.Writer) zerolog.Logger { return zerolog.New(w) }

func stopAtEnd(t *testing.T, g *Gateway) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // at once
		if err := g.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
}

// await asks /readyz until it says so.
func await(t *testing.T, g *Gateway) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		if status, _ := get(t, "http://"+g.AdminAddr().String()+"/readyz"); status == http.StatusOK {
			return
		}
	}
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func produce(t *testing.T, c *kfake.Cluster, key, value string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	r := &kgo.Record{Topic: "order-topic", Key: []byte(key), Value: []byte(value), Headers: []kgo.RecordHeader{{Key: "type", Value: []byte("order.confirmed")}}}
	if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// open opens a stream and reads its hello.
func open(t *testing.T, client *http.Client, url string) (*ssetest.Reader, io.Closer) {
	t.Helper()
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	r := ssetest.NewReader(resp.Body)
	if e := next(t, r); e.Name != "sluice.hello" {
		t.Fatalf("the stream begins with %+v", e)
	}
	return r, resp.Body
}

// next is the next event but for heartbeats.
func next(t *testing.T, r *ssetest.Reader) ssetest.Event {
	t.Helper()
	for {
		e, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if e.Name != "sluice.heartbeat" {
			return e
		}
	}
}

func TestARecordReachesItsUserAndResumesOnAnotherGateway(t *testing.T) {
	c := cluster(t, 3)
	conf := shop(t, c, "")
	g := start(t, conf)
	alice, connection := open(t, http.DefaultClient, "http://"+g.Addr().String()+"/events?user=alice")
	produce(t, c, "bob", `{"orderId":1}`)
	produce(t, c, "alice", `{"orderId":2}`)
	e := next(t, alice)
	if e.Name != "order.confirmed" || e.Data != `{"orderId":2}` {
		t.Errorf("alice got %+v", e)
	}
	connection.Close()
	produce(t, c, "alice", `{"orderId":3}`)

	other := start(t, conf)
	again, _ := open(t, http.DefaultClient, "http://"+other.Addr().String()+"/events?user=alice&lastEventId="+e.ID)
	if e := next(t, again); e.Data != `{"orderId":3}` {
		t.Errorf("after coming back alice got %+v", e)
	}

	_, metrics := get(t, "http://"+other.AdminAddr().String()+"/metrics")
	for _, want := range []string{
		`sluice_events_total{stream="orders"} 3`,
		`sluice_records_refused_total{reason="no_user",stream="orders"} 0`,
		`sluice_log_entries{stream="orders"}`,
		`sluice_kafka_buffered_fetch_records_total{client="reader"}`, // the client's own
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("/metrics has no %s", want)
		}
	}
}

func TestEveryKafkaClientIsCounted(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "order-topic", "control"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	g := start(t, shop(t, c, "control_topic: control\n"))
	_, metrics := get(t, "http://"+g.AdminAddr().String()+"/metrics")
	for _, client := range []string{"reader", "history", "control_producer", "control_consumer"} {
		if want := fmt.Sprintf("sluice_kafka_buffered_fetch_records_total{client=%q}", client); !strings.Contains(metrics, want) {
			t.Errorf("/metrics has no %s", want)
		}
	}
}

func TestAGracefulStopSaysSo(t *testing.T) {
	t.Parallel()
	c := cluster(t, 1)
	log := &syncBuffer{}
	g := startLogging(t, shop(t, c, ""), log)
	stop, sigterm := context.WithCancel(context.Background())
	events, _ := open(t, http.DefaultClient, "http://"+g.Addr().String()+"/events?user=alice")

	ended := make(chan error, 1)
	go func() { ended <- g.wait(stop, context.Background()) }()
	sigterm()
	if e := next(t, events); e.Name != "sluice.closing" {
		t.Errorf("the stream ends with %+v", e)
	}
	if err := <-ended; err != nil {
		t.Errorf("stopping failed: %v", err)
	}
	if _, err := net.Dial("tcp", g.Addr().String()); err == nil {
		t.Error("the port is still open")
	}
	if !strings.Contains(log.String(), "clients are told to come back, to another gateway") {
		t.Errorf("log: %s", log)
	}
}

func TestASecondSignalEndsAtOnce(t *testing.T) {
	c := cluster(t, 1)
	log := &syncBuffer{}
	g := startLogging(t, shop(t, c, ""), log)
	open(t, http.DefaultClient, "http://"+g.Addr().String()+"/events?user=alice")
	now, cancel := context.WithCancel(context.Background())
	cancel()
	if err := g.wait(now, now); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "some streams had not ended in time") {
		t.Errorf("the streams were waited for; log: %s", log)
	}
}

func TestAGatewayThatCannotBeWiredLeavesNothing(t *testing.T) {
	conf := shop(t, cluster(t, 1), "")
	conf.Auth = config.Auth{} // the last thing but one to be looked at
	g, err := New(Options{Config: conf, Log: zerolog.New(t.Output())})
	if g != nil || err == nil || !strings.HasPrefix(err.Error(), "auth: ") {
		t.Errorf("New: %v, %v", g, err)
	}
}

func TestAPortInUseIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, key := range []string{"listen", "admin"} {
		conf := shop(t, cluster(t, 1), "")
		if key == "listen" {
			conf.Listen = l.Addr().String()
		} else {
			conf.Admin = l.Addr().String()
		}
		g, err := New(Options{Config: conf, Log: zerolog.New(t.Output())})
		if err != nil {
			t.Fatal(err)
		}
		err = g.Run(t.Context(), context.Background())
		if err == nil || !strings.HasPrefix(err.Error(), key+": listen tcp "+l.Addr().String()) {
			t.Errorf("%s: Run: %v", key, err)
		}
	}
}

func TestTLSWithHTTP2(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	roots := selfSigned(t, cert, key)
	g := start(t, shop(t, cluster(t, 1), fmt.Sprintf("tls_cert_file: %s\ntls_key_file: %s\n", cert, key)))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}}
	resp, err := client.Get("https://" + g.Addr().String() + "/events?user=alice")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if e := next(t, ssetest.NewReader(resp.Body)); resp.ProtoMajor != 2 || e.Name != "sluice.hello" {
		t.Errorf("%s, first event %+v", resp.Proto, e)
	}
}

// selfSigned writes a certificate for 127.0.0.1 and its key, and returns the pool that
// trusts it.
func selfSigned(t *testing.T, certFile, keyFile string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for file, text := range map[string][]byte{certFile: certPEM, keyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(certPEM)
	return roots
}
