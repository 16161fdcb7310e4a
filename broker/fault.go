package broker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// faults are errors of Kafka's in words that say what to do.
var faults = []struct {
	err  error
	text string
}{
	{kerr.SaslAuthenticationFailed, "Kafka refused the credentials: wrong username or password, or an expired token (kafka.sasl)"},
	{kerr.UnsupportedSaslMechanism, "Kafka doesn't offer this SASL mechanism here (kafka.sasl.mechanism)"},
	{kerr.IllegalSaslState, "Kafka didn't expect SASL on this listener (kafka.brokers, kafka.sasl)"},
	{kerr.TopicAuthorizationFailed, "Kafka doesn't allow this user to use the topic: it needs the READ and DESCRIBE permissions"},
	{kerr.ClusterAuthorizationFailed, "Kafka doesn't allow this user to use the cluster"},
	{kerr.UnknownTopicOrPartition, "the topic does not exist"},
	{kerr.UnknownTopicID, "the topic was deleted"},
	{kerr.LeaderNotAvailable, "a partition has no leader at the moment"},
	{kerr.NotLeaderForPartition, "a partition's leader is moving"},
	{kerr.InvalidTopicException, "Kafka takes this for no topic name"},
	{kgo.ErrClientClosed, "the reader has ended"},
}

// inWords says in plain words what an error of Kafka, the network or TLS means.
// It knows no secret, and what it doesn't know it repeats.
func inWords(err error) string {
	for _, f := range faults {
		if errors.Is(err, f.err) {
			return f.text
		}
	}
	if text := tlsInWords(err); text != "" {
		return text
	}
	var dns *net.DNSError
	var op *net.OpError
	address := ""
	if errors.As(err, &op) && op.Addr != nil {
		address = " at " + op.Addr.String()
	}
	switch {
	case errors.As(err, &dns):
		return fmt.Sprintf("no address is known for the host %q (kafka.brokers, or what the brokers advertise)", dns.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens" + address + " (connection refused)"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the connection" + address + " was cut"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), isTimeout(err):
		return "Kafka doesn't answer in time"
	}
	var first *kgo.ErrFirstReadEOF
	switch {
	case errors.As(err, &first):
		return first.Error()
	case errors.Is(err, io.EOF):
		return "the broker closed the connection"
	}
	return err.Error()
}

func tlsInWords(err error) string {
	var (
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		record  tls.RecordHeaderError
		op      *net.OpError
	)
	switch {
	case errors.As(err, &unknown):
		return "the broker's certificate is signed by no authority known here (kafka.tls.ca_file)"
	case errors.As(err, &name):
		return "the broker's certificate is for another host: " + name.Error()
	case errors.As(err, &invalid):
		return "the broker's certificate is not valid: " + invalid.Error()
	case errors.As(err, &record):
		return "the broker doesn't speak TLS on this listener (kafka.brokers, kafka.tls)"
	case errors.As(err, &op) && op.Op == "remote error": // how crypto/tls hands on an alert
		return "the broker refused the TLS connection: " + strings.TrimPrefix(op.Err.Error(), "tls: ") + " (kafka.tls: does it want a client certificate?)"
	}
	return ""
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}
