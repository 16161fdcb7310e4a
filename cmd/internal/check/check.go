// Package check is `sluice check`: it says everything that is wrong with a configuration, what it means, and
// for a sample record who would get it and why.
package check

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"sluice/broker"
	"sluice/cmd/internal/cmdline"
	"sluice/cmd/internal/config"
	"sluice/stream"
)

const usage = `Usage: sluice check [-c FILE] [--offline]
       sluice check [-c FILE] --record [key=TEXT] [value=TEXT] [header=NAME=TEXT ...] [stream=NAME]

Says everything that is wrong with the configuration, each with its line and key, then what it means: who gets
what. Kafka is asked, for five seconds at most, whether the topics are there.

With --record it says for a record like this, on each stream or on the one named, who would get it and why.
A TEXT of @FILE is what the file holds. No value makes a tombstone.

Flags:
`

// kafkaTimeout bounds the one question to Kafka.
const kafkaTimeout = 5 * time.Second

// Run is the command. It returns the exit status: 0 when the configuration can be served, 2 when it can't, or
// for a bad command line.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("sluice check", flag.ContinueOnError)
	file := flags.String("c", "", "the configuration `file` (default "+config.DefaultFile+")")
	offline := flags.Bool("offline", false, "don't ask Kafka")
	record := flags.Bool("record", false, "say who would get the record that follows")
	words, err := cmdline.Words(flags, args, usage, stdout)
	if err == nil && !*record && len(words) > 0 {
		err = fmt.Errorf("%q: a record is described after --record", words[0])
	}
	var s sample
	if err == nil {
		s, err = parseSample(words)
	}
	if err != nil {
		return cmdline.Status(flags, err, stderr)
	}

	c, findings := config.Load(*file, os.Environ())
	if faults := findings.Faults(); len(faults) > 0 {
		fmt.Fprintln(stderr, findings)
		fmt.Fprintf(stderr, "%s\n", counted(len(faults), "fault"))
		return 2
	}
	var topics map[string]broker.Inspected
	if !*offline && !*record {
		var more config.Findings
		topics, more = inspect(ctx, c)
		findings = append(findings, more...)
	}
	for _, f := range findings {
		fmt.Fprintln(stderr, f)
	}
	if faults := findings.Faults(); len(faults) > 0 {
		fmt.Fprintf(stderr, "%s\n", counted(len(faults), "fault"))
		return 2
	}
	if *record {
		if err := explain(stdout, c, s); err != nil {
			fmt.Fprintf(stderr, "sluice check: %v\n", err)
			return 2
		}
		return 0
	}
	describe(stdout, c, topics)
	if n := len(findings); n > 0 {
		fmt.Fprintf(stdout, "\nIt can be served; %s above.\n", counted(n, "warning"))
	} else {
		fmt.Fprintln(stdout, "\nIt can be served.")
	}
	return 0
}

// inspect asks Kafka for the topics, and finds what is wrong with them. Kafka being away is only
// worth a warning: the gateway would wait for it.
func inspect(ctx context.Context, c *config.Config) (map[string]broker.Inspected, config.Findings) {
	ctx, cancel := context.WithTimeout(ctx, kafkaTimeout)
	defer cancel()
	var names []string
	for _, s := range c.Streams {
		names = append(names, s.Topic)
	}
	topics, err := broker.Inspect(ctx, c.Broker(), names...)
	switch {
	case errors.Is(err, kerr.SaslAuthenticationFailed):
		return nil, config.Findings{c.Fault("kafka.sasl", err.Error())}
	case err != nil:
		return nil, config.Findings{c.Warning("kafka.brokers", err.Error()+"; nothing was learned about the topics")}
	}
	var findings config.Findings
	partitions := map[string]int{}
	for _, s := range c.Streams {
		t := topics[s.Topic]
		partitions[s.Name] = t.Partitions
		if t.Fault != "" {
			findings = append(findings, c.Warning("streams."+s.Name+".topic", s.Topic+": "+t.Fault+"; the gateway would wait for it"))
		}
	}
	refused, _ := stream.TooWide(c.IDs, partitions, nil)
	for _, name := range refused {
		say, without := c.Warning, "the gateway would serve the others without it"
		if len(refused) == len(partitions) {
			say, without = c.Fault, "the gateway would serve nothing"
		}
		findings = append(findings, say("streams."+name+".topic", stream.WhyTooWide(partitions[name])+"; "+without))
	}
	return topics, findings
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
