package tail

import (
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"time"

	"sluice/cmd/internal/reach"
)

// refusal is an answer, or a failure to get one, that coming again wouldn't change.
type refusal struct{ reason string }

func (r *refusal) Error() string { return r.reason }

// retryLater is an answer that says to come again.
type retryLater struct {
	reason string
	after  time.Duration // not sooner than this; 0: it didn't say
}

func (a *retryLater) Error() string { return a.reason }

// judge says what an answer is worth: nil for an event stream, *retryLater for one
// that will come, *refusal for the rest.
//
//	200 event stream     nil
//	408 425 429 5xx      *retryLater
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
		return &retryLater{reach.Explain(resp), time.Duration(seconds) * time.Second}
	default:
		return &refusal{reach.Explain(resp)}
	}
}

// plain turns an error of the network into one line, and into a *refusal where coming
// again is useless.
func plain(err error) error {
	err, final := reach.Plain(err)
	if final {
		return &refusal{err.Error()}
	}
	return err
}
