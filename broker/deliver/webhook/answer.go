package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"

	"sluice/broker/deliver"
	"sluice/shown"
)

// maxAnswer is how much of an answer is read, so that its connection can be used again.
// maxQuoted is how much of that goes into a dead letter.
const (
	maxAnswer = 64 << 10
	maxQuoted = 200
)

// readStart reads an answer, and returns the start of it as text for people.
func readStart(r io.Reader) string {
	start := make([]byte, maxQuoted)
	n, _ := io.ReadFull(r, start) // what could be read is what can be quoted
	_, _ = io.CopyN(io.Discard, r, maxAnswer)
	text := strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return ' '
	}, strings.ToValidUTF8(string(start[:n]), ""))
	return strings.TrimSpace(text)
}

// outcome says what an answer means. Most refusals may be the fault of a deployment, a
// proxy or a key that is being rotated, so they are tried again. Those that are about the
// message itself are final.
func outcome(resp *http.Response, quoted string) deliver.Outcome {
	status := resp.StatusCode
	if status >= 200 && status < 300 {
		return deliver.Outcome{}
	}
	o := deliver.Outcome{Verdict: deliver.Failed, Cause: "status_" + strconv.Itoa(status), Err: fmt.Errorf("the target answered %d", status)}
	if quoted != "" {
		o.Err = fmt.Errorf("%w: %s", o.Err, quoted)
	}
	switch {
	case status == http.StatusGone:
		o.Verdict = deliver.Gone
	case isFinal(status):
		o.Verdict = deliver.Refused
	case status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout:
		o.Down, o.After = true, retryAfter(resp.Header.Get("Retry-After"), time.Now())
	case status < 400:
		o.Err = fmt.Errorf("the target answered %d: redirects are not followed; write the address that it leads to", status)
	}
	return o
}

// isFinal reports whether a status is about the message, so that another attempt would
// have the same answer.
func isFinal(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusProxyAuthRequired, http.StatusRequestTimeout,
		http.StatusConflict, http.StatusMisdirectedRequest, http.StatusLocked, http.StatusFailedDependency, http.StatusTooEarly,
		http.StatusTooManyRequests, http.StatusGone:
		return false
	}
	return status >= 400 && status < 500
}

// retryAfter reads seconds or a date. What is neither asks for nothing.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// failure says what an error of sending means: all may pass.
func failure(ctx context.Context, err error) deliver.Outcome {
	return deliver.Outcome{Verdict: deliver.Failed, Cause: causeOf(ctx, err), Err: shown.Error(err), Down: true}
}

func causeOf(ctx context.Context, err error) string {
	var (
		dns         *net.DNSError
		certificate *tls.CertificateVerificationError
		authority   x509.UnknownAuthorityError
		header      tls.RecordHeaderError
		op          *net.OpError
		network     net.Error
	)
	switch {
	case errors.Is(err, errPrivate):
		return "private_address"
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
