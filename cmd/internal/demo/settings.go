package demo

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"sluice/cmd/internal/cmdline"
	"sluice/cmd/internal/config"
)

const usage = `Usage: sluice demo [flags]

Runs two gateways with an embedded Kafka, and made-up shops. They take and confirm orders
of alice, bob and carol. Its page has buttons to disturb it. The demo needs no network,
keeps nothing, and ends with Ctrl-C. SLUICE_ variables work as for serve, except those of
kafka, streams and auth.

With -c it runs one gateway of your configuration, to try your own application. It reads
the embedded Kafka, which has the topics of your streams. There are no made-up shops.

Example:
  sluice demo --listen 127.0.0.1:8081

Flags:
`

// options is what the command line asks for.
type options struct {
	listen, admin string  // "": as SLUICE_ variables or the defaults have it
	kafka         string  // address of the embedded broker
	rate          float64 // orders a second
	file          string  // a configuration that takes the place of the demo's own and its shops; ""
}

// parse reads the command line. The error ends in status 2; flag.ErrHelp when help was
// asked for, and given on stdout.
func parse(args []string, stdout io.Writer) (options, error) {
	var o options
	rated := false
	flags := flag.NewFlagSet("sluice demo", flag.ContinueOnError)
	flags.StringVar(&o.file, "c", "", "the gateway of this configuration `file`, without the made-up shops")
	flags.StringVar(&o.listen, "listen", "", "`address` for browsers (default \"127.0.0.1:8080\"; with -c that of the file)")
	flags.StringVar(&o.admin, "admin", "", "`address` for operators (default \"127.0.0.1:9090\")")
	flags.StringVar(&o.kafka, "kafka", "127.0.0.1:0", "`address` of the embedded Kafka; port 0 is any free one")
	flags.Float64Var(&o.rate, "rate", 1, "`orders` a second, 0.01 to 10000")
	words, err := cmdline.Words(flags, args, usage, stdout)
	switch {
	case err != nil:
		return o, err
	case len(words) > 0:
		return o, cmdline.TooMany(words, 0)
	case !(o.rate >= 0.01 && o.rate <= 10_000): // NaN is neither
		return o, fmt.Errorf("--rate: %v is not from 0.01 to 10000", o.rate)
	}
	flags.Visit(func(f *flag.Flag) { rated = rated || f.Name == "rate" })
	if rated && o.file != "" {
		return o, errors.New("--rate: with -c there are no made-up shops")
	}
	if _, _, err := net.SplitHostPort(o.kafka); err != nil {
		return o, fmt.Errorf("--kafka: %q is no host:port, such as 127.0.0.1:9092", o.kafka)
	}
	return o, nil
}

// demoConfig is the demo's configuration. What isn't said here is as serve has it. Its
// log has errors only: the user has configured nothing that a warning could be about.
const demoConfig = `
listen: 127.0.0.1:8080
streams:
  orders:
    topic: ` + orderTopic + `
    user: key
    subject: value:orderId
    event: value:type
  announcements:
    topic: ` + announcementTopic + `
    audience: everyone
    event: value:type
auth: none
decisions: 10000
log: {level: error}
kafka:
  brokers: [%q]
`

// settings is the configuration that the gateway is given: the demo's own or the file's,
// then the environment, then the flags. Kafka is the embedded one in any case.
func (o options) settings(broker string, environ []string) (*config.Config, config.Findings) {
	own := []string{"KAFKA", "STREAMS", "AUTH"}
	if o.file != "" {
		own = own[:1]
	}
	environ = slices.DeleteFunc(slices.Clone(environ), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return slices.ContainsFunc(own, func(section string) bool {
			return name == "SLUICE_"+section || strings.HasPrefix(name, "SLUICE_"+section+"_")
		})
	})
	for _, flag := range []struct{ variable, value string }{{"SLUICE_LISTEN", o.listen}, {"SLUICE_ADMIN", o.admin}} {
		if flag.value != "" {
			environ = append(environ, flag.variable+"="+flag.value)
		}
	}
	if o.file == "" {
		return config.Parse("sluice demo", fmt.Appendf(nil, demoConfig, broker), environ)
	}
	c, findings := config.Load(o.file, append(environ, "SLUICE_KAFKA_BROKERS="+broker))
	c.Kafka = config.Kafka{Brokers: []string{broker}} // no TLS, no login
	return c, findings
}
