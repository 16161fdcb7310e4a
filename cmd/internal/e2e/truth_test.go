package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/cmd/internal/e2e/gateway"
	"sluice/stream/ssetest"
)

// partitionLogs are a user's records as Kafka has them, by partition.
type partitionLogs map[int32][]*kgo.Record

// readTopic reads with a consumer of the test's own all that Kafka has of a topic for a user, who is its records' key.
func readTopic(ctx context.Context, t *testing.T, kafka kafkaClients, topic, user string) partitionLogs {
	t.Helper()
	ends, err := kafka.Admin().ListEndOffsets(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	start, left := make(map[int32]kgo.Offset), make(map[int32]int64)
	ends.Each(func(end kadm.ListedOffset) {
		if end.Offset > 0 {
			start[end.Partition], left[end.Partition] = kgo.NewOffset().AtStart(), end.Offset
		}
	})
	client := kafka.Client(t, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: start}))
	defer client.Close()
	logs := make(partitionLogs)
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		for _, r := range fetches.Records() {
			if string(r.Key) == user {
				logs[r.Partition] = append(logs[r.Partition], r)
			}
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
		}
	}
	return logs
}

func (l partitionLogs) count() (n int) {
	for _, log := range l {
		n += len(log)
	}
	return n
}

// after is what is left of the logs from these offsets on.
func (l partitionLogs) after(offsets kadm.ListedOffsets, topic string) partitionLogs {
	left := make(partitionLogs)
	for partition, log := range l {
		from, _ := offsets.Lookup(topic, partition)
		for _, r := range log {
			if r.Offset >= from.Offset {
				left[partition] = append(left[partition], r)
			}
		}
	}
	return left
}

// beginsEverywhere opens the stream of a user at every kind of beginning, and compares what comes with Kafka. The stream
// has the topic's name, and the gateway a heartbeat of a second.
func beginsEverywhere(ctx context.Context, t *testing.T, kafka kafkaClients, g *gateway.Gateway, topic, user string) {
	t.Helper()
	logs := readTopic(ctx, t, kafka, topic, user)
	compare := func(from string, want partitionLogs) {
		t.Helper()
		got := partsOf(t, logs, readFrom(ctx, t, g, topic, user, from, want.count()))
		for partition := range logs {
			if !slices.Equal(got[partition], want[partition]) {
				t.Errorf("%s from=%s: partition %d has %d records, want %d", topic, from, partition, len(got[partition]), len(want[partition]))
			}
		}
	}
	compare("earliest", logs)
	middle := logs[0][len(logs[0])/2].Timestamp
	for _, since := range []time.Time{middle, time.Now().Add(-time.Hour)} {
		// What takes a time to the second begins at its start.
		since = since.Truncate(time.Second)
		if since.Year() > 9999 || since.Before(time.Unix(0, 0)) {
			continue // RFC 3339 has no such year
		}
		offsets, err := kafka.Admin().ListOffsetsAfterMilli(ctx, since.UnixMilli(), topic)
		if err != nil {
			t.Fatal(err)
		}
		compare("since:"+since.UTC().Format(time.RFC3339), logs.after(offsets, topic))
	}
	// Which are the newest of several partitions, their timestamps say. Within each they are its last.
	for _, n := range []int{1, logs.count() / 2, logs.count()} {
		got := partsOf(t, logs, readFrom(ctx, t, g, topic, user, fmt.Sprintf("last:%d", n), n))
		for partition, log := range logs {
			if newest := got[partition]; !slices.Equal(newest, log[len(log)-len(newest):]) {
				t.Errorf("%s from=last:%d: the %d events of partition %d are not its last", topic, n, len(newest), partition)
			}
		}
	}
}

// partsOf finds the records of events, by partition, in the order in which the events came.
func partsOf(t *testing.T, logs partitionLogs, events []string) partitionLogs {
	t.Helper()
	byValue := make(map[string]*kgo.Record)
	for _, log := range logs {
		for _, r := range log {
			byValue[string(r.Value)] = r
		}
	}
	parts := make(partitionLogs)
	for _, data := range events {
		r := byValue[data]
		if r == nil {
			t.Errorf("an event came that Kafka doesn't have, or that came before: %s", data)
			continue
		}
		delete(byValue, data)
		parts[r.Partition] = append(parts[r.Partition], r)
	}
	return parts
}

// readFrom opens a stream at a beginning and reads n events, and on until a heartbeat says that no more come.
func readFrom(ctx context.Context, t *testing.T, g *gateway.Gateway, stream, user, from string, n int) (events []string) {
	t.Helper()
	query := url.Values{"user": {user}, "stream": {stream}, "from": {from}}
	response, err := get(ctx, g.URL()+"/events?"+query.Encode(), http.Header{"Accept": {"text/event-stream"}})
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	in := ssetest.NewReader(response.Body)
	for beats := 0; ; {
		e, err := in.Next()
		if err != nil {
			t.Fatalf("%s from=%s: after %d of %d events: %v", stream, from, len(events), n, err)
		}
		switch {
		case e.Name == "sluice.heartbeat":
			if beats++; len(events) >= n || beats > 60 {
				return events
			}
		case e.Name == "sluice.hello":
		case strings.HasPrefix(e.Name, "sluice."):
			t.Fatalf("%s from=%s: after %d of %d events: %s %s", stream, from, len(events), n, e.Name, e.Data)
		default:
			events = append(events, e.Data)
		}
	}
}

// stateEvent is an event of a state.
type stateEvent struct {
	Subject string
	Time    string
	Data    json.RawMessage
}

// stateEvents asks for a state.
func stateEvents(ctx context.Context, t *testing.T, g *gateway.Gateway, query string) []stateEvent {
	t.Helper()
	response, err := get(ctx, g.URL()+"/state?"+query, http.Header{})
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var state struct{ Events []stateEvent }
	if err := json.Unmarshal(body, &state); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("/state answers %d %.500s: %v", response.StatusCode, body, err)
	}
	return state.Events
}
