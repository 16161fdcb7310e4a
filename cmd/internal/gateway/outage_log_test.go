package gateway

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"sluice/broker"
	"sluice/stream"
)

// staleSink keeps what it is told of streams.
type staleSink struct {
	broker.Sink // nil: nothing else is called
	said        []string
}

func (s *staleSink) SetStale(stream int, since time.Time) {
	s.said = append(s.said, fmt.Sprint(stream, !since.IsZero()))
}

// An outage is one line when it begins and one when it is over, however many streams it
// concerns and however often they are told.
func TestAnOutageIsLoggedOnceAndSoIsItsEnd(t *testing.T) {
	const begins, ends = "Kafka does not answer", "Kafka answers again"
	var log syncBuffer
	next := new(staleSink)
	o := newOutageLog(next, []stream.Spec{{Name: "news"}, {Name: "orders"}}, slog.New(zerolog.NewSlogHandler(zerolog.New(&log))))
	since := time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)
	for _, step := range []struct {
		stream       int
		since        time.Time
		begins, ends int // lines in all
	}{
		{stream: 0}, // it has always answered
		{stream: 1, since: since, begins: 1},
		{stream: 0, since: since.Add(time.Second), begins: 1},
		{stream: 1, since: since.Add(time.Minute), begins: 1}, // a later answer, for the same outage
		{stream: 1, begins: 1},                                // one stream is not all
		{stream: 0, begins: 1, ends: 1},
		{stream: 0, begins: 1, ends: 1},
		{stream: 0, since: since.Add(time.Hour), begins: 2, ends: 1},
		{stream: 0, begins: 2, ends: 2},
	} {
		o.SetStale(step.stream, step.since)
		if got := strings.Count(log.String(), begins); got != step.begins {
			t.Errorf("after %+v an outage is logged %d times:\n%s", step, got, log.String())
		}
		if got := strings.Count(log.String(), ends); got != step.ends {
			t.Errorf("after %+v an end is logged %d times:\n%s", step, got, log.String())
		}
	}
	first, _, _ := strings.Cut(log.String(), "\n")
	for _, want := range []string{`"level":"warn"`, `"since":"2026-05-01T10:00:00Z"`, `"stream":"orders"`, "served from memory"} {
		if !strings.Contains(first, want) {
			t.Errorf("the first line has no %s: %s", want, first)
		}
	}
	if len(next.said) != 9 || next.said[1] != "1 true" || next.said[4] != "1 false" {
		t.Errorf("the hub was told %q", next.said)
	}
}

// A gateway whose Kafka goes away says so.
func TestAGatewayLogsThatKafkaIsAway(t *testing.T) {
	t.Parallel()
	c := cluster(t, 1)
	var log syncBuffer
	startLogging(t, shop(t, c, ""), &log)
	c.Close()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !strings.Contains(log.String(), "Kafka does not answer") {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatalf("nothing says so:\n%s", log.String())
		}
	}
}
