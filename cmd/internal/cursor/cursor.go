// Package cursor is `sluice cursor`: it says what an event's id stands for.
package cursor

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"sluice/cmd/internal/cmdline"
	"sluice/cmd/internal/config"
	"sluice/stream/cursor"
)

const usage = `Usage: sluice cursor [-c FILE] ID

Says what an event's id stands for: per stream the topic's epoch, and the next offset of
each partition. The leader epoch of the record before it follows where it is known:
0:1042 (epoch 3). To read an id of ids: sealed it takes the keys of the configuration.
Other ids need no configuration.

Example:
  sluice cursor orders@kZ3fQ1:1042.998.17

Flags:
`

// Run is the command. It returns the exit status: 0, 1 for an id that can't be read, 2
// for a bad command line or configuration.
func Run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("sluice cursor", flag.ContinueOnError)
	file := flags.String("c", "", "the configuration `file` (default "+config.DefaultFile+")")
	words, err := cmdline.Words(flags, args, usage, stdout)
	if err == nil && len(words) == 0 {
		err = errors.New("it needs an id")
	}
	if err := cmp.Or(err, cmdline.TooMany(words, 1)); err != nil {
		return cmdline.Status(flags, err, stderr)
	}
	c, findings := config.Load(*file, os.Environ())
	if c.IDs == nil && *file == "" && absent() {
		c.IDs = cursor.Plain // all that can be read without keys
	}
	if c.IDs == nil { // other faults are no matter here
		fmt.Fprintln(stderr, findings.Faults())
		return 2
	}
	segments, err := cursor.Positions(c.IDs, words[0])
	for _, p := range segments { // a gateway goes by what it can read, too
		describe(stdout, p)
	}
	if err != nil {
		fmt.Fprintf(stderr, "sluice cursor: %v\n", err)
		return 1
	}
	return 0
}

// absent reports whether there is no configuration here.
func absent() bool {
	_, err := os.Stat(config.DefaultFile)
	return errors.Is(err, fs.ErrNotExist)
}

func describe(w io.Writer, p cursor.Segment) {
	if p.Epoch == cursor.Several {
		fmt.Fprintf(w, "%s\n  topics     %d, by key: a hash of the name, and the start of the topic id\n", p.Stream, len(p.Topics))
		for t := range p.ByTopic() {
			fmt.Fprintf(w, "  %s   %s\n", t.Key, positionText(t.Offsets, t.Leaders))
		}
	} else {
		fmt.Fprintf(w, "%s\n  epoch      %s\n  partitions %s\n", p.Stream, p.Epoch, positionText(p.Offsets, p.Leaders))
	}
	if p.Filter != "" {
		fmt.Fprintf(w, "  filter     %s\n", p.Filter)
	}
	if p.Key != "" {
		fmt.Fprintf(w, "  sealed by  %s\n", p.Key)
	}
}

// positionText lists the partitions of one topic.
func positionText(offsets []int64, leaders []int32) string {
	texts := make([]string, 0, len(offsets))
	for i, o := range offsets {
		text := fmt.Sprintf("%d:%d", i, o)
		if leader := cursor.LeaderAt(leaders, i); leader >= 0 {
			text += fmt.Sprintf(" (epoch %d)", leader)
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, " ")
}
