package bench

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// consumer is a bare franz-go consumer: the latency that Kafka itself has.
type consumer struct {
	more chan struct{} // one slot: now has changed

	mu  sync.Mutex // guards now
	now answer
}

// runConsumer is the consumer's process: it obeys opMark and opAwait, and ends
// with its orders.
func runConsumer(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	fl := flag.NewFlagSet("consumer", flag.ContinueOnError)
	brokers := fl.String("kafka", "", "brokers")
	topic := fl.String("topic", "", "topic")
	if err := fl.Parse(args); err != nil {
		return err
	}
	cl, err := pollClient(*brokers, *topic)
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := context.WithCancel(ctx)
	c := consumer{more: make(chan struct{}, 1)}
	var polling sync.WaitGroup
	defer polling.Wait()
	defer cancel()
	polling.Go(func() { c.poll(ctx, cl) })

	orders, answers := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var o order
		if err := orders.Decode(&o); err != nil {
			return ignoreEOF(err)
		}
		if err := answers.Encode(c.do(o)); err != nil {
			return err
		}
	}
}

func (c *consumer) do(o order) answer {
	late := time.After(o.Timeout)
	for {
		c.mu.Lock()
		if o.Op == opMark {
			c.now = answer{}
		}
		now := c.now
		c.mu.Unlock()
		if o.Op == opMark || now.Events >= o.Events {
			return now
		}
		select {
		case <-c.more:
		case <-late:
			now.Late = true
			return now
		}
	}
}

func (c *consumer) poll(ctx context.Context, cl *kgo.Client) {
	for ctx.Err() == nil {
		fetches := cl.PollFetches(ctx)
		at := time.Now()
		c.mu.Lock()
		fetches.EachRecord(func(r *kgo.Record) {
			c.now.Events++
			if made, _, ok := parseStamp(r.Value[:min(len(r.Value), stampMax)]); ok {
				c.now.Latency.add(at.Sub(made))
			}
		})
		c.mu.Unlock()
		select {
		case c.more <- struct{}{}:
		default:
		}
	}
}
