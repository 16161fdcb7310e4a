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
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/cmd/internal/e2e/gateway"
	"sluice/stream/ssetest"
)

// partitionLogs are a user's records as Kafka has them, by partition.
type partitionLogs map[int32][]*kgo.Record

// readTopic reads with a consumer of the test's own all that Kafka has of a topic for a
// user, who is its records' key.
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

// beginning is one way to open a stream, and what has to come.
type beginning struct {
	from  string
	n     int // events
	wrong func(got partitionLogs, partition int32) bool
}

// beginnings are the ways to open a user's stream of a topic.
func beginnings(ctx context.Context, t *testing.T, kafka kafkaClients, topic string, logs partitionLogs) []beginning {
	t.Helper()
	exactly := func(from string, want partitionLogs) beginning {
		return beginning{from, want.count(), func(got partitionLogs, p int32) bool { return !slices.Equal(got[p], want[p]) }}
	}
	all := []beginning{exactly("earliest", logs)}
	middle := logs[0][len(logs[0])/2].Timestamp
	for _, since := range []time.Time{middle, time.Now().Add(-time.Hour)} {
		since = since.Truncate(time.Second) // as it is asked for
		if since.Year() > 9999 {
			continue // RFC 3339 has no such year
		}
		offsets, err := kafka.Admin().ListOffsetsAfterMilli(ctx, since.UnixMilli(), topic)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, exactly("since:"+since.UTC().Format(time.RFC3339), logs.after(offsets, topic)))
	}
	// Which are the newest of several partitions, their timestamps say. Within each they are
	// its last.
	for _, n := range []int{1, logs.count() / 2, logs.count()} {
		all = append(all, beginning{fmt.Sprintf("last:%d", n), n, func(got partitionLogs, p int32) bool {
			newest := got[p]
			return len(newest) > len(logs[p]) || !slices.Equal(newest, logs[p][len(logs[p])-len(newest):])
		}})
	}
	return all
}

// beginsEverywhere opens a user's stream at every kind of beginning, and compares what
// comes with Kafka. The stream has the topic's name, and the gateway a heartbeat of a
// second and no limit per user.
func beginsEverywhere(ctx context.Context, t *testing.T, kafka kafkaClients, g *gateway.Gateway, topic, user string) {
	t.Helper()
	logs := readTopic(ctx, t, kafka, topic, user)
	var opened sync.WaitGroup // together, since each waits for heartbeats
	for _, b := range beginnings(ctx, t, kafka, topic, logs) {
		opened.Go(func() {
			events, err := readFrom(ctx, g, topic, user, b.from, b.n)
			if err != nil {
				t.Errorf("%s from=%s: after %d of %d events: %v", topic, b.from, len(events), b.n, err)
				return
			}
			if len(events) != b.n {
				t.Errorf("%s from=%s: %d events, want %d", topic, b.from, len(events), b.n)
			}
			got := partsOf(t, logs, events)
			for partition, log := range logs {
				if b.wrong(got, partition) {
					t.Errorf("%s from=%s: of the %d records of partition %d came %d, or not the right ones", topic, b.from, len(log), partition, len(got[partition]))
				}
			}
		})
	}
	opened.Wait()
}

// partsOf finds the records of events, by partition, in the order in which the events
// came.
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

// readFrom opens a stream at a beginning and reads n events, and on until a heartbeat
// says that no more come.
func readFrom(ctx context.Context, g *gateway.Gateway, stream, user, from string, n int) (events []string, err error) {
	query := url.Values{"user": {user}, "stream": {stream}, "from": {from}}
	response, err := get(ctx, g.URL()+"/events?"+query.Encode(), http.Header{"Accept": {"text/event-stream"}})
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	in := ssetest.NewReader(response.Body)
	for beats := 0; ; {
		e, err := in.Next()
		if err != nil {
			return events, err
		}
		switch {
		case e.Name == "sluice.heartbeat":
			if beats++; len(events) >= n || beats > 60 {
				return events, nil
			}
		case e.Name == "sluice.hello":
		case strings.HasPrefix(e.Name, "sluice."):
			return events, fmt.Errorf("%s %s", e.Name, e.Data)
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
