// Package check is `sluice check`: it says everything that is wrong with a configuration,
// what it means, and for a sample record who would get it and why.
//
// Files:
//   - check.go: the command, and what it asks Kafka.
//   - describe.go: what a configuration means.
//   - explain.go: who would get a sample record.
//   - registry.go: what it asks the schema registry.
//   - result.go: what was found, its exit status, and its JSON.
package check

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"sluice/broker"
	"sluice/cmd/internal/cmdline"
	"sluice/cmd/internal/config"
	"sluice/cmd/internal/sample"
	"sluice/stream/cursor"
)

const usage = `Usage: sluice check [-c FILE] [--offline] [--strict] [--json]
       sluice check [-c FILE] --record [key=TEXT] [value=TEXT] [header=NAME=TEXT ...] [stream=NAME]

Says everything that is wrong with the configuration, each with its line and key. Then it
says what the configuration means: who gets what. It asks Kafka whether the topics are
there, and each leader whether its partitions can be read. It asks the schema registry
whether it answers. Each takes ten seconds at most.

With --record it says who would get a record like this, and why, for each stream or for
the one named. A TEXT of @FILE is what the file holds. No value makes a tombstone.

Example:
  sluice check --record key=alice value='{"orderId":"o-77"}'

Exit status: 0 it can be served, 1 Kafka could not be asked, 2 it can't be served, or the
command line is wrong.

Flags:
`

// kafkaTimeout bounds the questions to Kafka.
const kafkaTimeout = 10 * time.Second

// Exit statuses.
const (
	served    = 0
	unlearned = 1 // Kafka can't be asked, so nothing is known of the topics
	unserved  = 2 // also for a bad command line
)

// Run is the command. It returns the exit status: 0 when the configuration can be served,
// 1 when nothing could be learned of Kafka. 2 means that it can't be served, or that the
// command line is wrong.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("sluice check", flag.ContinueOnError)
	file := flags.String("c", "", "the configuration `file` (default "+config.DefaultFile+")")
	offline := flags.Bool("offline", false, "ask neither Kafka nor the schema registry")
	strict := flags.Bool("strict", false, "warnings are faults")
	asJSON := flags.Bool("json", false, "print one JSON object: status, findings, topics")
	record := flags.Bool("record", false, "say who would get the record that follows")
	words, err := cmdline.Words(flags, args, usage, stdout)
	if err == nil && !*record && len(words) > 0 {
		err = fmt.Errorf("%q: a record is described after --record", words[0])
	}
	if err == nil && *record && (*strict || *asJSON) {
		err = errors.New("--record takes neither --strict nor --json")
	}
	var s sample.Sample
	if err == nil {
		s, err = sample.Parse(words)
	}
	if err != nil {
		return cmdline.Status(flags, err, stderr)
	}

	c, findings := config.Load(*file, os.Environ())
	r := result{findings: findings, strict: *strict}
	if len(findings.Faults()) > 0 {
		return r.say(*asJSON, c, stdout, stderr)
	}
	if *record {
		for _, f := range findings {
			fmt.Fprintln(stderr, f)
		}
		if err := explain(ctx, stdout, c, s); err != nil {
			fmt.Fprintf(stderr, "sluice check: %v\n", err)
			return unserved
		}
		return served
	}
	if !*offline {
		r.inspect(ctx, c)
		r.askRegistry(ctx, c)
	}
	return r.say(*asJSON, c, stdout, stderr)
}

// inspect asks Kafka for the topics, and finds what is wrong with them. Kafka being away
// is only worth a warning: the gateway would wait for it.
func (r *result) inspect(ctx context.Context, c *config.Config) {
	ctx, cancel := context.WithTimeout(ctx, kafkaTimeout)
	defer cancel()
	add := func(f config.Finding) { r.findings = append(r.findings, f) }
	topics, err := r.inspectTopics(ctx, c)
	switch {
	case errors.Is(err, kerr.SaslAuthenticationFailed):
		add(c.Fault("kafka.sasl", err.Error()))
		return
	case err != nil:
		r.unlearned = true
		add(c.Warning("kafka.brokers", err.Error()+"; nothing was learned about the topics"))
		return
	}
	r.topics = topics
	unreached := make(map[string][]string) // topics, by what is said of their leaders
	widths := map[string]cursor.Width{}
	for i, s := range c.Streams {
		key, width := "streams."+s.Name+".topic", cursor.Width{}
		if s.Topics.IsGiven() {
			key, width.Topics = key+"s", []int{}
		}
		if s.Topics.Pattern != "" && len(r.matched[i]) == 0 {
			add(c.Warning(key, s.Topics.Pattern+" matches no topic now; the gateway would wait for one"))
		}
		for _, name := range r.topicsOf(i, s) {
			t := topics[name]
			switch {
			case t.Denied:
				add(c.Fault(key, name+": "+t.Fault+"; grant it both"))
			case t.Fault != "":
				add(c.Warning(key, name+": "+t.Fault+"; the gateway would wait for it"))
			}
			if t.Leaders != "" && !slices.Contains(unreached[t.Leaders], name) {
				unreached[t.Leaders] = append(unreached[t.Leaders], name)
			}
			if !s.Topics.IsGiven() {
				width.Partitions = t.Partitions
			} else if t.Partitions > 0 {
				width = width.With(t.Partitions)
			}
		}
		widths[s.Name] = width
	}
	for _, d := range c.DeliveryTopics() {
		switch t := topics[d.Topic]; {
		case t.Denied:
			add(c.Fault(d.Key, d.Topic+": "+t.Fault+"; grant it both, and WRITE where records go"))
		case t.Fault != "":
			add(c.Warning(d.Key, d.Topic+": "+t.Fault+"; "+d.Missing))
		}
	}
	for _, text := range slices.Sorted(maps.Keys(unreached)) {
		add(c.Fault("kafka.brokers", fmt.Sprintf("%s; it leads partitions of %s. Brokers must advertise (advertised.listeners) names and ports that are reached from here",
			text, strings.Join(unreached[text], ", "))))
	}
	refused, _ := cursor.TooWide(c.IDs, widths, nil)
	for _, name := range refused {
		say, without := c.Warning, "the gateway would serve the others without it"
		if widths[name].Topics != nil {
			add(say("streams."+name+".topics", fmt.Sprintf("its %d topics of %d partitions don't fit into event ids beside the other streams: an id may have %d characters. The gateway would refuse those that don't fit, by name",
				len(widths[name].Topics), widths[name].Partitions, cursor.MaxID)))
			continue
		}
		if len(refused) == len(widths) {
			say, without = c.Fault, "the gateway would serve nothing"
		}
		add(say("streams."+name+".topic", cursor.WhyTooWide(widths[name].Partitions)+"; "+without))
	}
}

// inspectTopics asks about all topics that streams name or match.
func (r *result) inspectTopics(ctx context.Context, c *config.Config) (map[string]broker.Inspected, error) {
	r.matched = make([][]string, len(c.Streams))
	var names, all []string
	for i, s := range c.Streams {
		if s.Topics.Pattern == "" {
			names = append(names, r.topicsOf(i, s)...)
			continue
		}
		if all == nil {
			var err error
			if all, err = broker.ListTopicNames(ctx, c.Broker()); err != nil {
				return nil, err
			}
		}
		topics := c.TopicsOf(s)
		for _, name := range all {
			if topics.Has(name) {
				r.matched[i] = append(r.matched[i], name)
			}
		}
		slices.Sort(r.matched[i])
		names = append(names, r.matched[i]...)
	}
	for _, d := range c.DeliveryTopics() {
		names = append(names, d.Topic)
	}
	if len(names) == 0 {
		return map[string]broker.Inspected{}, nil
	}
	slices.Sort(names)
	return broker.Inspect(ctx, c.Broker(), slices.Compact(names)...)
}

// topicsOf are the topics of a stream, as far as Kafka has said.
func (r *result) topicsOf(i int, s config.Stream) []string {
	switch {
	case s.Topics.Pattern != "" && i < len(r.matched):
		return r.matched[i]
	case s.Topics.IsGiven():
		return s.Topics.Names
	}
	return []string{s.Topic}
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
