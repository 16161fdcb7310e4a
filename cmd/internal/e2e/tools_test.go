package e2e

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"sluice/broker/kafkatest"
	"sluice/stream/ssetest"
)

// seen is an event as a client shows it.
type seen struct{ id, name, data string }

// kcat produces records of the form key|value. A value may have lines, but no tilde.
func kcat(ctx context.Context, t *testing.T, kafka *kafkatest.Cluster, topic string, records ...string) {
	t.Helper()
	produce := exec.CommandContext(ctx, "kcat", "-P", "-b", kafka.Plaintext(), "-t", topic, "-K", "|", "-D", "~")
	produce.Stdin = strings.NewReader(strings.Join(records, "~"))
	if said, err := produce.CombinedOutput(); err != nil {
		t.Fatalf("kcat: %v\n%s", err, said)
	}
}

// readRaw reads n events of streams over plain HTTP.
func readRaw(ctx context.Context, t *testing.T, url string, n int) (events []seen) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	err := followRaw(ctx, url, func(e seen) {
		if !strings.HasPrefix(e.name, "sluice.") && len(events) < n {
			events = append(events, e)
		}
		if len(events) == n {
			cancel()
		}
	})
	if len(events) < n {
		t.Errorf("after %d events: %v", len(events), err)
	}
	return events
}

// followRaw hands on the events of a stream over plain HTTP, as the standard has them.
func followRaw(ctx context.Context, url string, each func(seen)) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "text/event-stream")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return followBody(response.Body, each)
}

// followWithCurl hands on the events in what `curl -N` prints.
func followWithCurl(ctx context.Context, _ *testing.T, url string, each func(seen)) error {
	curl := exec.CommandContext(ctx, "curl", "-sN", url)
	out, err := curl.StdoutPipe()
	if err == nil {
		err = curl.Start()
	}
	if err != nil {
		return err
	}
	err = followBody(out, each)
	return errors.Join(err, curl.Wait())
}

func followBody(body io.Reader, each func(seen)) error {
	in := ssetest.NewReader(body)
	for {
		e, err := in.Next()
		if err != nil {
			return err
		}
		each(seen{e.ID, e.Name, e.Data})
	}
}
