package deliver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"syscall"
	"unicode"
)

// NetworkCause is the word for an error of asking a target over the network.
func NetworkCause(ctx context.Context, err error) string {
	var (
		dns         *net.DNSError
		certificate *tls.CertificateVerificationError
		authority   x509.UnknownAuthorityError
		header      tls.RecordHeaderError
		op          *net.OpError
		network     net.Error
	)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "timeout"
	case errors.As(err, &dns):
		return "dns"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection_refused"
	case errors.As(err, &certificate), errors.As(err, &authority), errors.As(err, &header):
		return "tls"
	case errors.As(err, &op) && op.Op == "remote error": // how crypto/tls hands on an alert
		return "tls"
	}
	return "connection_lost"
}

// maxQuoted is how much of a target's answer stands in an error, and in a dead letter.
const maxQuoted = 200

// Quoted is the start of a target's answer, as text for people.
func Quoted(answer string) string {
	text := strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return ' '
	}, strings.ToValidUTF8(answer[:min(len(answer), maxQuoted)], ""))
	return strings.TrimSpace(text)
}
