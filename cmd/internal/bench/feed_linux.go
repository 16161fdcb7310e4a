package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A feeder brings events into a server, as its producers would.
type feeder interface {
	// send hands one event over for a user, or with user "" for everyone, and may
	// return before it is accepted. It keeps data.
	send(ctx context.Context, user string, data []byte) error
	// flush returns when all that was sent has been accepted, or with the first error.
	flush(ctx context.Context) error
	close()
}

// kafkaFeeder produces to a topic. The record's key is the user.
type kafkaFeeder struct {
	client *kgo.Client
	topic  string

	mu  sync.Mutex // guards err
	err error
}

func newKafkaFeeder(brokers []string, topic string) (*kafkaFeeder, error) {
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(brokers...),
		kgo.ProducerLinger(0), // latency is measured
		kgo.MaxBufferedRecords(100_000),
	)
	return &kafkaFeeder{client: cl, topic: topic}, err
}

func (f *kafkaFeeder) send(ctx context.Context, user string, data []byte) error {
	r := &kgo.Record{Topic: f.topic, Value: data}
	if user != "" {
		r.Key = []byte(user)
	}
	f.client.Produce(ctx, r, f.produced)
	return nil
}

func (f *kafkaFeeder) produced(_ *kgo.Record, err error) {
	if err == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = fmt.Errorf("producing to %s: %w", f.topic, err)
	}
}

func (f *kafkaFeeder) flush(ctx context.Context) error {
	err := f.client.Flush(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(err, f.err)
}

func (f *kafkaFeeder) close() { f.client.Close() }

// sendMarkers produces one event for user into every partition. Who has read
// them all has read everything before them.
func sendMarkers(ctx context.Context, brokers []string, topic, user string, partitions int, data func(n int) []byte) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return err
	}
	defer cl.Close()
	var records []*kgo.Record
	for p := range partitions {
		records = append(records, &kgo.Record{Topic: topic, Partition: int32(p), Key: []byte(user), Value: data(p)})
	}
	return cl.ProduceSync(ctx, records...).FirstErr()
}

// httpWorkers is how many publish requests are under way at the same time.
const httpWorkers = 8

// httpFeeder publishes by requests made from templates. Users are spread over
// the workers by name, so that each user's events keep their order.
type httpFeeder struct {
	method, url, body string // templates; {user} and, in the body, {data} or {json}: it as the inside of a JSON string
	client            *http.Client
	queues            [httpWorkers]chan publication
	workers           sync.WaitGroup
	sent              sync.WaitGroup // publications under way

	mu  sync.Mutex // guards err
	err error
}

type publication struct {
	ctx  context.Context
	user string
	data []byte
}

func newHTTPFeeder(method, url, body string) *httpFeeder {
	f := &httpFeeder{method: method, url: url, body: body}
	f.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: httpWorkers}}
	for i := range f.queues {
		f.queues[i] = make(chan publication, 64)
		f.workers.Go(func() { f.work(f.queues[i]) })
	}
	return f
}

func (f *httpFeeder) send(ctx context.Context, user string, data []byte) error {
	var sum byte
	for _, c := range []byte(user) {
		sum = sum*31 + c
	}
	f.sent.Add(1)
	f.queues[sum%httpWorkers] <- publication{ctx, user, data}
	return nil
}

func (f *httpFeeder) work(queue <-chan publication) {
	for p := range queue {
		if err := f.publish(p); err != nil {
			f.mu.Lock()
			if f.err == nil {
				f.err = err
			}
			f.mu.Unlock()
		}
		f.sent.Done()
	}
}

func (f *httpFeeder) publish(p publication) error {
	user := p.user
	if user == "" {
		user = everyone
	}
	url := strings.ReplaceAll(f.url, "{user}", user)
	body := p.data
	if f.body != "" {
		quoted, err := json.Marshal(string(p.data))
		if err != nil {
			return err
		}
		body = []byte(strings.NewReplacer("{user}", user, "{data}", string(p.data), "{json}", string(quoted[1:len(quoted)-1])).Replace(f.body))
	}
	req, err := http.NewRequestWithContext(p.ctx, f.method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	res, err := f.client.Do(req)
	if err != nil {
		return fmt.Errorf("publishing: %w", err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body) // so that the connection is used again
	if res.StatusCode >= 300 {
		return fmt.Errorf("publishing to %s: %s", url, res.Status)
	}
	return nil
}

func (f *httpFeeder) flush(context.Context) error {
	f.sent.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

func (f *httpFeeder) close() {
	for _, q := range f.queues {
		close(q)
	}
	f.workers.Wait()
	f.client.CloseIdleConnections()
}
