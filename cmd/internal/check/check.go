// Package check is `sluice check`: it says everything that is wrong with a configuration,
// what it means, and for a sample record who would get it and why.
//
// Files:
//   - check.go: the command.
//   - kafka.go: what it asks Kafka.
//   - credentials.go: whether there are credentials for AWS.
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
	"os"
	"time"

	"sluice/cmd/internal/cmdline"
	"sluice/cmd/internal/config"
	"sluice/cmd/internal/sample"
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

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
