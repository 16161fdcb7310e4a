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

	"sluice/stream"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

var (
	// errNotAnswered says that an answer has nothing about a partition that was asked for.
	errNotAnswered = errors.New("an answer of Kafka's lacks a partition")

	// errLagging says that a broker answered with less than is known already.
	errLagging = errors.New("a broker's answer is older than what is known of the topic")
)

// plainTexts are errors of Kafka in words that say what to do.
var plainTexts = []struct {
	err  error
	text string
}{
	{kerr.SaslAuthenticationFailed, "Kafka refused the credentials: wrong username or password, or an expired token (kafka.sasl)"},
	{kerr.UnsupportedSaslMechanism, "Kafka doesn't offer this SASL mechanism here (kafka.sasl.mechanism)"},
	{kerr.IllegalSaslState, "Kafka didn't expect SASL on this listener (kafka.brokers, kafka.sasl)"},
	{kerr.TopicAuthorizationFailed, "Kafka doesn't allow this user to use the topic: it needs the READ and DESCRIBE permissions"},
	{kerr.GroupAuthorizationFailed, "Kafka doesn't allow this user to use the consumer group: it needs the READ permission"},
	{kerr.ClusterAuthorizationFailed, "Kafka doesn't allow this user to use the cluster"},
	{kerr.UnknownTopicOrPartition, "the topic does not exist"},
	{kerr.UnknownTopicID, "the topic was deleted"},
	{kerr.LeaderNotAvailable, "a partition has no leader at the moment"},
	{kerr.NotLeaderForPartition, "a partition's leader is moving"},
	{kerr.InvalidTopicException, "Kafka does not accept this topic name"},
	{kgo.ErrClientClosed, "the reader has ended"},
}

// ErrorText says in plain words what an error of Kafka or the network means.
func ErrorText(err error) string { return plainText(err) }

// plainText says in plain words what an error of Kafka, the network or TLS means. It has
// no secret to tell. It repeats the text of an error that it doesn't know.
func plainText(err error) string {
	for _, f := range plainTexts {
		if errors.Is(err, f.err) {
			return f.text
		}
	}
	if text := tlsPlainText(err); text != "" {
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

// tlsPlainText is plainText for TLS. "": it is no error of TLS.
func tlsPlainText(err error) string {
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

// isTimeout reports whether the network gave up waiting.
func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

// isMoving reports whether a leader may be moving. Then asking again helps, once the new
// leader is known.
func isMoving(err error) bool {
	return kerr.IsRetriable(err) && !errors.Is(err, kerr.UnknownTopicID) && !errors.Is(err, kerr.InconsistentTopicID)
}

// unavailable says in plain words that Kafka or the network failed
// ([stream.ErrUnavailable]). Errors that have a meaning for the caller stay as they are.
func unavailable(err error) error {
	var gone *stream.GoneError
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, stream.ErrRecreated), errors.Is(err, stream.ErrUnavailable), errors.As(err, &gone):
		return err
	}
	return fmt.Errorf("%w: %s", stream.ErrUnavailable, plainText(err))
}

// isForbidden reports whether this user may not ask.
func isForbidden(err error) bool {
	return errors.Is(err, kerr.TopicAuthorizationFailed) || errors.Is(err, kerr.ClusterAuthorizationFailed)
}

// partitionError returns the error that one partition has. A leader that doesn't know the
// partition says UNKNOWN_TOPIC_OR_PARTITION. That must not be taken for a topic that
// doesn't exist.
func partitionError(err error) error {
	if errors.Is(err, kerr.UnknownTopicOrPartition) || errors.Is(err, kerr.UnknownTopicID) {
		return kerr.NotLeaderForPartition
	}
	return err
}

// causeOf returns the first of several errors that one call of kadm had.
func causeOf(err error) error {
	if several, ok := errors.AsType[*kadm.ShardErrors](err); ok && len(several.Errs) > 0 {
		return several.Errs[0].Err
	}
	return err
}

// mayAskAgain reports whether a request that failed as a whole may succeed the next time.
// Otherwise the broker doesn't know the request.
func mayAskAgain(err error) bool {
	var network net.Error
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, kgo.ErrClientClosed) ||
		errors.Is(err, io.EOF) || errors.As(err, &network) || kerr.IsRetriable(err)
}
