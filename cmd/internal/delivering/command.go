package delivering

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/rs/zerolog"

	"sluice/broker/deliver"
	"sluice/cmd/internal/cmdline"
	"sluice/cmd/internal/config"
)

const usage = `Usage: sluice deliver [-c FILE]
       sluice deliver [-c FILE] --from now|earliest|since:TIME DELIVERY

Delivers records to programs, as the section deliveries of the configuration says. It
needs no more than kafka, deliveries and the streams that these name. sluice serve does
the same, unless it is told --no-deliveries. The address admin has metrics,
/deliveries, /livez and /readyz.

With --from it delivers nothing, but says where a delivery goes on. No gateway may run
that delivery meanwhile. Records before that place are not delivered any more, and those
after it are delivered again.

Example:
  sluice deliver --from since:24h order-mail

Flags:
`

const (
	statusFine   = 0
	statusFailed = 1
	statusUsage  = 2
)

// Streams are where a command writes, and the log that its configuration asks for.
type Streams struct {
	Kill           context.Context // done when it must end at once
	Stdout, Stderr io.Writer
	NewLog         func(config.Log, io.Writer) (zerolog.Logger, error)
}

// Run is the command. It returns the exit status: 0, 1 for a failure, 2 for a bad command
// line or configuration.
func Run(stop context.Context, args []string, s Streams) int {
	flags := flag.NewFlagSet("sluice deliver", flag.ContinueOnError)
	file := flags.String("c", "", "the configuration `file` (default "+config.DefaultFile+")")
	from := flags.String("from", "", "say where the delivery goes on: `PLACE` is now, earliest or since:TIME")
	words, err := cmdline.Words(flags, args, usage, s.Stdout)
	var start deliver.Start
	switch {
	case err != nil:
	case *from == "":
		err = cmdline.TooMany(words, 0)
	case len(words) == 0:
		err = errors.New("--from needs the delivery's name")
	default:
		if err = cmdline.TooMany(words, 1); err == nil {
			start, err = deliver.ParseStart(*from, config.ParseDuration)
		}
	}
	if err != nil {
		return cmdline.Status(flags, err, s.Stderr)
	}
	c, log, status := s.load(*file)
	if c == nil {
		return status
	}
	if *from != "" {
		err := move(stop, c, log, words[0], start)
		if err == nil {
			fmt.Fprintf(s.Stdout, "%s goes on from %s, once gateways run it.\n", words[0], *from)
		}
		return s.finish("sluice deliver", err)
	}
	return s.finish("sluice deliver", runAlone(stop, s.Kill, c, log))
}

// load reads the configuration; nil: it can't be used, and that has been said.
func (s Streams) load(file string) (*config.Config, zerolog.Logger, int) {
	c, findings := config.LoadDeliveries(file, os.Environ())
	if len(findings.Faults()) > 0 {
		fmt.Fprintln(s.Stderr, findings)
		return nil, zerolog.Logger{}, statusUsage
	}
	log, err := s.NewLog(c.Log, s.Stderr)
	if err != nil {
		fmt.Fprintln(s.Stderr, err)
		return nil, log, statusUsage
	}
	for _, warning := range findings {
		log.Warn().Msg(warning.String())
	}
	return c, log, statusFine
}

func (s Streams) finish(name string, err error) int {
	if err != nil {
		fmt.Fprintf(s.Stderr, "%s: %v\n", name, err)
		return statusFailed
	}
	return statusFine
}

// askTimeout bounds what a command asks of Kafka.
const askTimeout = 30 * time.Second

func move(ctx context.Context, c *config.Config, log zerolog.Logger, name string, to deliver.Start) error {
	return withDelivery(c, slog.New(zerolog.NewSlogHandler(log)), name, func(d *deliver.Delivery) error {
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		return d.Move(ctx, to)
	})
}

// withDelivery calls do with one delivery, which doesn't run.
func withDelivery(c *config.Config, log *slog.Logger, name string, do func(*deliver.Delivery) error) error {
	registry, err := c.Registry(log)
	if err != nil {
		return err
	}
	defer registry.Close()
	set, err := New(c, c.Broker(), registry, log)
	if err != nil {
		return err
	}
	defer set.Close()
	d := set.named(name)
	if d == nil {
		return fmt.Errorf("there is no delivery %q: see deliveries in the configuration", name)
	}
	return do(d)
}
