package tail

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// refusal is an answer, or a failure to get one, that coming again wouldn't change.
type refusal struct{ reason string }

func (r *refusal) Error() string { return r.reason }

// away is an answer that says to come again.
type away struct {
	reason string
	after  time.Duration // not sooner than this; 0: it didn't say
}

func (a *away) Error() string { return a.reason }

// judge says what an answer is worth: nil for an event stream, *away for one
// that will come, *refusal for the rest.
//
//	200 event stream     nil
//	408 425 429 5xx      *away
//	anything else        *refusal (a browser's EventSource gives up here too)
func judge(resp *http.Response) error {
	switch code := resp.StatusCode; {
	case code == http.StatusOK:
		kind := resp.Header.Get("Content-Type")
		if media, _, _ := mime.ParseMediaType(kind); media == "text/event-stream" {
			return nil
		}
		return &refusal{fmt.Sprintf("the answer is %q and no event stream; is %s the right address?", kind, resp.Request.URL.Path)}
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code >= 500:
		seconds, _ := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 16)
		return &away{explain(resp), time.Duration(seconds) * time.Second}
	default:
		return &refusal{explain(resp)}
	}
}

// explain puts an error answer in one line: its status, and the title and
// detail of RFC 9457 where it has them.
func explain(resp *http.Response) string {
	text := fmt.Sprintf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	var problem struct{ Title, Detail string }
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if json.Unmarshal(body, &problem) != nil {
		return text
	}
	for _, part := range []string{problem.Title, problem.Detail} {
		if part != "" && part != http.StatusText(resp.StatusCode) {
			text += ": " + part
		}
	}
	return text
}

// plain turns an error of the network into a *refusal where coming again
// is useless, and into one line otherwise: without the address, which the
// user typed, and without the query, which may hold a ticket.
func plain(err error) error {
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &certificate) {
		return &refusal{fmt.Sprintf("the server's certificate: %v (--ca-file names its authority, --insecure looks away)", certificate.Err)}
	}
	if strings.Contains(err.Error(), "server gave HTTP response to HTTPS client") { // net/http keeps no type for it
		return &refusal{"the server speaks plain http here, not https"}
	}
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		return op.Err // the rest is addresses, with a port that changes each time
	}
	if request := (*url.Error)(nil); errors.As(err, &request) {
		return request.Err
	}
	return err
}
