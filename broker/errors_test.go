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
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
)

func TestFaultsSayWhatToDo(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{kerr.SaslAuthenticationFailed, "wrong username or password"},
		{kerr.TopicAuthorizationFailed, "READ and DESCRIBE"},
		{&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, "kafka.tls.ca_file"},
		{&tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: &x509.Certificate{}, Host: "kafka"}}, "another host"},
		{tls.RecordHeaderError{}, "doesn't speak TLS"},
		{&net.OpError{Op: "remote error", Err: tls.AlertError(42)}, "client certificate"},
		{&net.DNSError{Name: "kafka-7"}, `"kafka-7"`},
		{&net.OpError{Op: "dial", Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9092}, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, "nothing listens at 127.0.0.1:9092"},
		{context.DeadlineExceeded, "doesn't answer"},
		{io.EOF, "closed the connection"},
		{errors.New("something else"), "something else"},
	} {
		if got := plainText(fmt.Errorf("wrapped: %w", tt.err)); !strings.Contains(got, tt.want) {
			t.Errorf("plainText(%v) = %q; want %q", tt.err, got, tt.want)
		}
	}
}
