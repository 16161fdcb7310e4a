// Package produce is `sluice produce`: it writes a record to Kafka from the command line.
package produce

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"sluice/broker"
	"sluice/cmd/internal/cmdline"
	"sluice/cmd/internal/config"
	"sluice/cmd/internal/sample"
)

const usage = `Usage: sluice produce [-c FILE] [key=TEXT] [value=TEXT] [header=NAME=TEXT ...] [stream=NAME]

Writes a record to the topic of a stream, at the Kafka of the configuration, and prints
where it is. sluice check --record takes the same words, and says who would get it.
A TEXT of @FILE is what the file holds, @- what stdin brings. No value makes a tombstone.
If there are several streams, name one with stream=, or a topic with --topic.

Example:
  sluice produce key=alice value='{"orderId":"o-77","type":"order.confirmed"}'

Flags:
`

// Run is the command. It returns the exit status: 0, 1 if Kafka doesn't take the record,
// 2 for a bad command line or configuration.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("sluice produce", flag.ContinueOnError)
	file := flags.String("c", "", "the configuration `file` (default "+config.DefaultFile+")")
	topic := flags.String("topic", "", "write to this `TOPIC`, which needs no stream")
	patience := flags.Duration("timeout", 10*time.Second, "give up after this `duration`")
	words, err := cmdline.Words(flags, args, usage, stdout)
	if err == nil && len(words) == 0 {
		err = errors.New("it needs a record: key=… value=…")
	}
	var s sample.Sample
	if err == nil {
		s, err = sample.Parse(words)
	}
	if err == nil && *topic != "" && s.Stream != "" {
		err = errors.New("--topic and stream= both say where to: write one of them")
	}
	if err == nil && s.Record.Key == nil && s.Record.Value == nil {
		err = errors.New("the record has neither a key nor a value")
	}
	if err != nil {
		return cmdline.Status(flags, err, stderr)
	}
	c, findings := config.Load(*file, os.Environ())
	if faults := findings.Faults(); len(faults) > 0 {
		fmt.Fprintln(stderr, faults)
		return 2
	}
	if s.Record.Topic, err = destination(c.Streams, s.Stream, *topic); err != nil {
		return cmdline.Status(flags, err, stderr)
	}
	ctx, cancel := context.WithTimeout(ctx, *patience)
	defer cancel()
	if err := broker.Produce(ctx, c.Broker(), s.Record); err != nil {
		fmt.Fprintf(stderr, "sluice produce: %v\n", err)
		return 1
	}
	fmt.Fprintf(stdout, "%s/%d/%d\n", s.Record.Topic, s.Record.Partition, s.Record.Offset)
	return 0
}

// destination is the topic that a record goes to.
func destination(streams []config.Stream, name, topic string) (string, error) {
	if topic != "" {
		return topic, nil
	}
	var names []string
	for _, s := range streams {
		if s.Name == name || name == "" && len(streams) == 1 {
			if s.Topics.IsGiven() {
				return "", fmt.Errorf("the stream %s has several topics (%s): say which with --topic", s.Name, s.Topics)
			}
			return s.Topic, nil
		}
		names = append(names, s.Name)
	}
	if name == "" {
		return "", fmt.Errorf("there are several streams: write stream= with one of %s", strings.Join(names, ", "))
	}
	return "", fmt.Errorf("there is no stream %q: there are %s", name, strings.Join(names, ", "))
}
