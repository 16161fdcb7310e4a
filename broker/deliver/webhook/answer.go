package webhook

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

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
	return deliver.Quoted(string(start[:n]))
}

// outcome says what an answer means.
func outcome(resp *http.Response, quoted string) deliver.Outcome {
	return deliver.StatusOutcome(resp.StatusCode, quoted, retryAfter(resp.Header.Get("Retry-After"), time.Now()))
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
	if errors.Is(err, errPrivate) {
		return "private_address"
	}
	return deliver.NetworkCause(ctx, err)
}
