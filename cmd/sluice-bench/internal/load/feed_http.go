package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// httpWorkers is how many publish requests are under way at the same time.
const httpWorkers = 8

// httpFeeder publishes by requests made from templates. Users are spread over
// the workers by name, so that each user's events keep their order.
type httpFeeder struct {
	method, URL, body string // templates; {user} and, in the body, {data} or {json}: it as the inside of a JSON string
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

// NewHTTPFeeder makes one of the templates, with its workers. The caller closes it.
func NewHTTPFeeder(method, url, body string) *httpFeeder {
	f := &httpFeeder{method: method, URL: url, body: body}
	f.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: httpWorkers}}
	for i := range f.queues {
		f.queues[i] = make(chan publication, 64)
		f.workers.Go(func() { f.work(f.queues[i]) })
	}
	return f
}

// Send hands it to the user's worker.
func (f *httpFeeder) Send(ctx context.Context, user string, data []byte) error {
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
		user = Everyone
	}
	url := strings.ReplaceAll(f.URL, "{user}", user)
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

// Flush waits for all workers.
func (f *httpFeeder) Flush(context.Context) error {
	f.sent.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// Close ends the workers and their connections.
func (f *httpFeeder) Close() {
	for _, q := range f.queues {
		close(q)
	}
	f.workers.Wait()
	f.client.CloseIdleConnections()
}
