package check

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const alone = "kafka: {brokers: [\"BROKER\"]}\nstreams: {orders: {topic: order-topic, user: key}}\nlisten: localhost:8080\nauth: none\n"

// deniesReads has a fake let its topics be described, and not be read.
func deniesReads(c *kfake.Cluster) {
	c.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		q := req.(*kmsg.FetchRequest)
		resp := q.ResponseKind().(*kmsg.FetchResponse)
		for _, t := range q.Topics {
			rt := kmsg.FetchResponseTopic{Topic: t.Topic, TopicID: t.TopicID}
			for _, p := range t.Partitions {
				rp := kmsg.NewFetchResponseTopicPartition()
				rp.Partition, rp.ErrorCode = p.Partition, kerr.TopicAuthorizationFailed.Code
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
		return resp, nil, true
	})
}

func TestATopicThatMayNotBeReadIsAFault(t *testing.T) {
	c := cluster(t, kfake.SeedTopics(3, "order-topic"))
	deniesReads(c)
	inDir(t, withBroker(c, alone), nil)
	status, stdout, stderr := runCheck(t)
	want := "sluice.yaml:2: streams.orders.topic: order-topic: Kafka doesn't allow this user to use the topic: it needs the READ and DESCRIBE permissions"
	if status != 2 || !strings.Contains(stderr, want) || strings.Contains(stdout, "can be served") {
		t.Errorf("status %d\n--- stdout\n%s--- stderr\n%s", status, stdout, stderr)
	}
}

// The brokers to begin with answer, and say that a leader is where nothing can be
// reached.
func TestALeaderThatCannotBeReachedIsAFault(t *testing.T) {
	for _, tt := range []struct {
		name, host string
		want       string
	}{
		{"an advertised name that can't be resolved", "kafka.invalid", `broker 1 can't be asked: no address is known for the host "kafka.invalid"`},
		{"an advertised port where nothing listens", "127.0.0.1", "broker 1 can't be asked: nothing listens at 127.0.0.1:9"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := cluster(t)
			c.ControlKey(int16(kmsg.Metadata), func(req kmsg.Request) (kmsg.Response, error, bool) {
				c.KeepControl()
				resp := req.ResponseKind().(*kmsg.MetadataResponse)
				b := kmsg.NewMetadataResponseBroker()
				b.NodeID, b.Host, b.Port = 1, tt.host, 9
				resp.Brokers = append(resp.Brokers, b)
				rt := kmsg.NewMetadataResponseTopic()
				rt.Topic, rt.TopicID = kmsg.StringPtr("order-topic"), [16]byte{1}
				for p := range int32(2) {
					rp := kmsg.NewMetadataResponseTopicPartition()
					rp.Partition, rp.Leader = p, 1
					rt.Partitions = append(rt.Partitions, rp)
				}
				resp.Topics = append(resp.Topics, rt)
				return resp, nil, true
			})
			inDir(t, withBroker(c, alone), nil)
			status, stdout, stderr := runCheck(t)
			if status != 2 || !strings.Contains(stderr, "sluice.yaml:1: kafka.brokers: "+tt.want) || !strings.Contains(stderr, "it leads partitions of order-topic") ||
				!strings.Contains(stderr, "advertised.listeners") || strings.Contains(stdout, "can be served") {
				t.Errorf("status %d\n--- stdout\n%s--- stderr\n%s", status, stdout, stderr)
			}
		})
	}
}

// A topic that was just made has leaders that don't know of it yet.
func TestALeaderThatIsMovingIsAskedAgain(t *testing.T) {
	c := cluster(t, kfake.SeedTopics(1, "order-topic"))
	c.ControlKey(int16(kmsg.ListOffsets), func(req kmsg.Request) (kmsg.Response, error, bool) { // once
		resp := req.ResponseKind().(*kmsg.ListOffsetsResponse)
		rp := kmsg.NewListOffsetsResponseTopicPartition()
		rp.ErrorCode = kerr.NotLeaderForPartition.Code
		resp.Topics = append(resp.Topics, kmsg.ListOffsetsResponseTopic{Topic: "order-topic", Partitions: []kmsg.ListOffsetsResponseTopicPartition{rp}})
		return resp, nil, true
	})
	inDir(t, withBroker(c, alone), nil)
	if status, stdout, stderr := runCheck(t, "--strict"); status != 0 || !strings.Contains(stdout, "order-topic, 1 partition") {
		t.Errorf("status %d\n--- stdout\n%s--- stderr\n%s", status, stdout, stderr)
	}
}

func TestACertificateOfAnotherAuthorityLeavesNothingLearned(t *testing.T) {
	_, pair := authority(t)
	another, _ := authority(t)
	c := cluster(t, kfake.SeedTopics(1, "order-topic"), kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}}))
	text := strings.Replace(withBroker(c, alone), "kafka: {", "kafka: {tls: {ca_file: ca.pem}, ", 1)
	inDir(t, text, map[string]string{"ca.pem": another})
	status, stdout, stderr := runCheck(t)
	if want := "signed by no authority known here (kafka.tls.ca_file)"; status != 1 || !strings.Contains(stderr, want) || strings.Contains(stdout, "It can be served") || !strings.Contains(stdout, "Nothing could be learned") {
		t.Errorf("status %d\n--- stdout\n%s--- stderr\n%s", status, stdout, stderr)
	}
}

func TestStrictTakesWarningsForFaults(t *testing.T) {
	c := cluster(t)
	inDir(t, withBroker(c, alone), nil)
	if status, _, stderr := runCheck(t); status != 0 || !strings.Contains(stderr, "the topic does not exist") {
		t.Errorf("without: status %d, stderr %s", status, stderr)
	}
	status, stdout, stderr := runCheck(t, "--strict")
	if status != 2 || stdout != "" || !strings.Contains(stderr, "the topic does not exist") || !strings.Contains(stderr, "which --strict takes for faults") {
		t.Errorf("with: status %d, stdout %s, stderr %s", status, stdout, stderr)
	}
}

func TestTheResultIsJSONWhereAskedFor(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		line       []string
		status     int
		topics     int
		level, key string
	}{
		{"a fault of the file", "streams: {orders: {topc: x, user: key}}\n", nil, 2, 0, "fault", "streams.orders.topc"},
		{"a missing topic", alone, nil, 0, 1, "warning", "streams.orders.topic"},
		{"a missing topic, strictly", alone, []string{"--strict"}, 2, 1, "fault", "streams.orders.topic"},
		{"Kafka away", strings.ReplaceAll(alone, "BROKER", "127.0.0.1:9"), nil, 1, 0, "warning", "kafka.brokers"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inDir(t, withBroker(cluster(t), tt.text), nil)
			status, stdout, stderr := runCheck(t, append(tt.line, "--json")...)
			var got resultJSON
			if err := json.Unmarshal([]byte(stdout), &got); err != nil || stderr != "" {
				t.Fatalf("%v\n--- stdout\n%s--- stderr\n%s", err, stdout, stderr)
			}
			found := false
			for _, f := range got.Findings {
				found = found || f.Key == tt.key && f.Level == tt.level && f.Text != "" && strings.HasPrefix(f.At, "sluice.yaml")
			}
			if status != tt.status || got.Status != status || got.Served != (status == 0) || len(got.Topics) != tt.topics || !found {
				t.Errorf("status %d: %+v", status, got)
			}
		})
	}
}

// authority makes a certificate that is its own authority, as PEM and with its key.
func authority(t *testing.T) (string, tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
