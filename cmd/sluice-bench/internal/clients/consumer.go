//go:build linux

package clients

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/cmd/sluice-bench/internal/load"
	"sluice/cmd/sluice-bench/internal/process"
)

// Consumer is a bare franz-go consumer in a process: the latency that Kafka itself
// has. A nil one is none.
type Consumer struct{ proc *process.Child }

// StartConsumer starts one of a topic.
func StartConsumer(dir, name string, brokers []string, topic string) (*Consumer, error) {
	c, err := process.StartSelf(dir, name, ConsumerPart, "--kafka", strings.Join(brokers, ","), "--topic", topic)
	if err != nil {
		return nil, err
	}
	return &Consumer{proc: c}, nil
}

// Mark has it count from zero.
func (c *Consumer) Mark(ctx context.Context) error {
	if c == nil {
		return nil
	}
	var a Answer
	return c.proc.Tell(ctx, order{Op: opMark}, &a)
}

// Await waits until n records have been read since the mark.
func (c *Consumer) Await(ctx context.Context, n int, timeout time.Duration) (Answer, error) {
	var a Answer
	err := c.proc.Tell(ctx, order{Op: opAwait, Events: uint64(n), Timeout: timeout}, &a)
	return a, err
}

// Stop ends the process.
func (c *Consumer) Stop() { c.proc.Stop() }

// ConsumerPart is the part of this program that is one.
const ConsumerPart = "consumer"

// consumerProcess is the process's side.
type consumerProcess struct {
	more chan struct{} // one slot: now has changed

	mu  sync.Mutex // guards now
	now Answer
}

// RunConsumer is the consumer's process: it obeys opMark and opAwait, and ends
// with its orders.
func RunConsumer(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	fl := flag.NewFlagSet("consumer", flag.ContinueOnError)
	brokers := fl.String("kafka", "", "brokers")
	topic := fl.String("topic", "", "topic")
	if err := fl.Parse(args); err != nil {
		return err
	}
	cl, err := load.PollClient(*brokers, *topic)
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := context.WithCancel(ctx)
	c := consumerProcess{more: make(chan struct{}, 1)}
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

func (c *consumerProcess) do(o order) Answer {
	late := time.After(o.Timeout)
	for {
		c.mu.Lock()
		if o.Op == opMark {
			c.now = Answer{}
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

func (c *consumerProcess) poll(ctx context.Context, cl *kgo.Client) {
	for ctx.Err() == nil {
		fetches := cl.PollFetches(ctx)
		at := time.Now()
		c.mu.Lock()
		fetches.EachRecord(func(r *kgo.Record) {
			c.now.Events++
			if made, _, ok := load.ParseStamp(r.Value[:min(len(r.Value), load.StampMax)]); ok {
				c.now.Latency.Add(at.Sub(made))
			}
		})
		c.mu.Unlock()
		select {
		case c.more <- struct{}{}:
		default:
		}
	}
}
