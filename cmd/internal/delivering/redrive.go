package delivering

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/rs/zerolog"

	"sluice/broker/deliver"
	"sluice/cmd/internal/cmdline"
	"sluice/cmd/internal/config"
	"sluice/cmd/internal/reach"
)

const redriveUsage = `Usage: sluice redrive [-c FILE] DELIVERY [--list | --show PARTITION/OFFSET]
       sluice redrive [-c FILE] DELIVERY --all | --cause CAUSE | --key KEY

Lists the dead letters of a delivery, shows one, or sends them again: all of them, those
of a cause, or those of a key. What the target takes is marked in the topic of dead
letters, and is listed no more. It runs beside gateways that deliver.

Example:
  sluice redrive order-mail --cause status_400

Flags:
`

// redriving is what a command line asks for.
type redriving struct {
	list, all  bool
	show       string
	cause, key string
	isKey      bool
}

func (r redriving) check(words []string) error {
	chosen := 0
	for _, one := range []bool{r.list, r.all || r.cause != "" || r.isKey, r.show != ""} {
		if one {
			chosen++
		}
	}
	switch {
	case len(words) == 0:
		return errors.New("it needs a delivery's name")
	case chosen > 1:
		return errors.New("--list, --show and sending again exclude each other")
	case r.all && (r.cause != "" || r.isKey):
		return errors.New("--all leaves nothing to choose: drop it, or --cause and --key")
	}
	return cmdline.TooMany(words, 1)
}

func (r redriving) sends() bool { return r.all || r.cause != "" || r.isKey }

func (r redriving) selection() deliver.Selection {
	s := deliver.Selection{Cause: r.cause}
	if r.isKey {
		s.Key = &r.key
	}
	return s
}

// Redrive is the command. It returns the exit status: 0, 1 if a letter could not be sent,
// 2 for a bad command line or configuration.
func Redrive(ctx context.Context, args []string, s Streams) int {
	flags := flag.NewFlagSet("sluice redrive", flag.ContinueOnError)
	var r redriving
	file := flags.String("c", "", "the configuration `file` (default "+config.DefaultFile+")")
	flags.BoolVar(&r.list, "list", false, "list the dead letters; so does no flag at all")
	flags.StringVar(&r.show, "show", "", "show the dead letter at `PARTITION/OFFSET`, with headers and value")
	flags.BoolVar(&r.all, "all", false, "send all again")
	flags.StringVar(&r.cause, "cause", "", "send those of this `CAUSE` again")
	flags.Func("key", "send those of this `KEY` again", func(key string) error { r.key, r.isKey = key, true; return nil })
	words, err := cmdline.Words(flags, args, redriveUsage, s.Stdout)
	if err == nil {
		err = r.check(words)
	}
	if err != nil {
		return cmdline.Status(flags, err, s.Stderr)
	}
	c, log, status := s.load(*file)
	if c == nil {
		return status
	}
	return s.finish("sluice redrive", withDelivery(c, slog.New(zerolog.NewSlogHandler(log)), words[0], func(d *deliver.Delivery) error {
		switch {
		case r.sends():
			return r.send(ctx, d, s.Stdout)
		case r.show != "":
			return r.showOne(ctx, d, s.Stdout)
		}
		return r.listAll(ctx, d, s.Stdout)
	}))
}

// say writes a line. What records and targets hold must not steer the terminal, nor begin
// another line.
func say(w io.Writer, format string, args ...any) error {
	_, err := fmt.Fprintln(w, reach.Line(fmt.Sprintf(format, args...)))
	return err
}

func (r redriving) listAll(ctx context.Context, d *deliver.Delivery, w io.Writer) error {
	n := 0
	err := d.Letters(ctx, deliver.Selection{}, func(l deliver.Letter) error {
		n++
		return say(w, "%s  %s  key=%s  %s/%d/%d  attempts=%d  last=%s  %s", letterName(l), l.Cause, l.Record.Key,
			l.Record.Topic, l.Record.Partition, l.Record.Offset, l.Attempts, l.Last.Format(time.RFC3339), l.Message)
	})
	if err == nil && n == 0 {
		fmt.Fprintln(w, "There are no dead letters.")
	}
	return err
}

func letterName(l deliver.Letter) string { return fmt.Sprintf("%d/%d", l.Partition, l.Offset) }

func (r redriving) showOne(ctx context.Context, d *deliver.Delivery, w io.Writer) error {
	found := false
	err := d.Letters(ctx, deliver.Selection{}, func(l deliver.Letter) error {
		if letterName(l) != r.show {
			return nil
		}
		found = true
		return showLetter(w, l)
	})
	if err == nil && !found {
		err = fmt.Errorf("there is no dead letter %s, or it was sent again: --list has them", r.show)
	}
	return err
}

func showLetter(w io.Writer, l deliver.Letter) error {
	at := func(t time.Time) string { return t.Format(time.RFC3339) }
	err := errors.Join(
		say(w, "record: %s/%d/%d of %s", l.Record.Topic, l.Record.Partition, l.Record.Offset, at(l.Record.Timestamp)),
		say(w, "key: %s", l.Record.Key),
		say(w, "cause: %s", l.Cause),
		say(w, "message: %s", l.Message),
		say(w, "attempts: %d, from %s to %s", l.Attempts, at(l.First), at(l.Last)),
	)
	for _, h := range l.Record.Headers {
		err = errors.Join(err, say(w, "header %s: %s", h.Key, h.Value))
	}
	return errors.Join(err, say(w, "value: %s", l.Record.Value))
}

func (r redriving) send(ctx context.Context, d *deliver.Delivery, w io.Writer) error {
	done, err := d.Redrive(ctx, r.selection(), func(l deliver.Letter, o deliver.Outcome) {
		if o.Verdict != deliver.Delivered {
			_ = say(w, "%s  %s  not sent: %s %v", letterName(l), l.Record.Key, o.Cause, o.Err) // the count says it too
		}
	})
	fmt.Fprintf(w, "%d sent again, %d not wanted by the filter, %d failed.\n", done.Sent, done.Dropped, done.Failed)
	if err == nil && done.Failed > 0 {
		err = fmt.Errorf("%d dead letters are left", done.Failed)
	}
	return err
}
