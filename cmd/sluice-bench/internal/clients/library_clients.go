//go:build linux

package clients

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"sluice/cmd/sluice-bench/internal/load"
	"sluice/cmd/sluice-bench/internal/wire"
)

// libraryFleet holds clients of TLS and of h2c with net/http. They cost this
// process much more than a fleet's, so they serve where only the server is
// measured and nothing much is sent: in the hold mode.
type libraryFleet struct {
	plan   Plan
	tokens []string
	ctx    context.Context
	wait   sync.WaitGroup // the clients' goroutines

	mu      sync.Mutex // guards the rest
	now     Answer
	clients int // begun so far
	shared  *http.Client
	streams int // of shared
}

// runLibraryClients is [Run] for the protocols of [libraryFleet].
func runLibraryClients(p Plan, c *control) error {
	if _, err := load.Loopback(p.Addr); err != nil {
		return c.out.Encode(Answer{Err: err.Error()})
	}
	ctx, cancel := context.WithCancel(context.Background())
	f := &libraryFleet{plan: p, ctx: ctx, now: Answer{Failed: map[int]int{}}}
	defer f.wait.Wait()
	defer cancel()
	var err error
	if f.tokens, err = p.tokens(); err != nil {
		return c.out.Encode(Answer{Err: err.Error()})
	}
	if err := c.out.Encode(f.now); err != nil {
		return err
	}
	for {
		if err := poll(0); err != nil {
			return err
		}
		o, err := c.next()
		if err != nil {
			return ignoreEOF(err)
		}
		if o == nil {
			continue
		}
		a := f.do(*o)
		if err := c.out.Encode(a); err != nil {
			return err
		}
	}
}

func (f *libraryFleet) do(o order) Answer {
	began := time.Now()
	if o.Op == opOpen {
		f.openUpTo(o.N, o.Timeout)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch o.Op {
	case opOpen:
		f.now.Late = f.now.Open < o.N
	case opMark:
		f.now = Answer{Open: f.now.Open, Failed: map[int]int{}}
	case opAwait, opDrop, opStall:
		f.now.Err = fmt.Sprintf("clients of %s only hold connections", f.plan.Proto)
	}
	f.now.Took = time.Since(began)
	return f.now
}

// openUpTo opens clients, Window at a time, and waits for their heads.
func (f *libraryFleet) openUpTo(n int, timeout time.Duration) {
	window := make(chan struct{}, max(f.plan.Window, 1))
	var asked sync.WaitGroup
	deadline := time.Now().Add(timeout)
	for ; f.clients < n && time.Now().Before(deadline); f.clients++ {
		client := f.client()
		i := f.clients
		window <- struct{}{}
		asked.Add(1)
		f.wait.Go(func() {
			res, err := f.ask(client, i)
			<-window
			asked.Done()
			if err == nil {
				f.read(res)
			}
		})
	}
	asked.Wait()
}

// client is one with a separate connection, or with room for another stream.
func (f *libraryFleet) client() *http.Client {
	if f.shared != nil && f.streams < f.plan.Streams {
		f.streams++
		return f.shared
	}
	t := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // bench made the certificate itself
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(f.plan.Proto == load.HTTPS)
	t.Protocols.SetUnencryptedHTTP2(f.plan.Proto == load.H2C)
	client := &http.Client{Transport: t}
	if f.plan.Proto == load.H2C {
		f.shared, f.streams = client, 1
	}
	return client
}

func (f *libraryFleet) ask(client *http.Client, i int) (*http.Response, error) {
	n := f.plan.First + i*max(f.plan.Stride, 1)
	res, err := f.send(client, n)
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case err != nil:
		f.now.Err = err.Error()
		f.now.Failed[0]++
	case res.StatusCode != http.StatusOK:
		_ = res.Body.Close()
		f.now.Failed[res.StatusCode]++
		err = fmt.Errorf("status %s", res.Status)
	default:
		f.now.Open++
	}
	return res, err
}

func (f *libraryFleet) send(client *http.Client, n int) (*http.Response, error) {
	scheme := "http"
	if f.plan.Proto == load.HTTPS {
		scheme = "https"
	}
	token := tokenOf(f.tokens, n)
	req, err := http.NewRequestWithContext(f.ctx, http.MethodGet, scheme+"://"+f.plan.Addr+load.Expand(f.plan.Path, n, token), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/event-stream")
	for _, h := range f.plan.Header {
		name, value, err := load.CutHeader(load.Expand(h, n, token))
		if err != nil {
			return nil, err
		}
		req.Header.Set(name, value)
	}
	return client.Do(req)
}

// read counts what comes until the stream ends or the process does.
func (f *libraryFleet) read(res *http.Response) {
	defer res.Body.Close()
	var ev wire.Events
	var buf [2048]byte
	for {
		n, err := res.Body.Read(buf[:])
		var t wire.Tally
		ev.Feed(buf[:n], &t, nil)
		f.mu.Lock()
		f.now.Bytes += uint64(n)
		f.now.Events += t.Events
		f.now.WithID += t.WithID
		f.now.Reserved += t.Reserved
		if err != nil {
			f.now.Open--
			if err == io.EOF {
				f.now.Lost++
			}
		}
		f.mu.Unlock()
		if err != nil {
			return
		}
	}
}
