// Package demo is `sluice demo`: two gateways as serve runs them, an embedded Kafka, and
// made-up shops. The shops write to that Kafka as any producer would. With -c it is the
// gateway of a configuration, for a shop of one's own. Nothing is short-circuited.
//
// Files:
//   - demo.go, settings.go: the command, and the configuration that it serves.
//   - kafka.go: the embedded Kafka.
//   - shop.go, produce.go: what the shops make up, and how it is written to Kafka.
//   - gateways.go: the two gateways, which may stop for a while.
//   - balancer.go, buttons.go: what is before them, and what the page's buttons do there.
//   - page.go: the page at /.
package demo

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"sluice/cmd/internal/config"
	"sluice/cmd/internal/gateway"
	"sluice/server/listen"
)

// stopTimeout bounds how long open pages have to hear that the demo ends. They are few,
// and the user who pressed Ctrl-C waits for it.
const stopTimeout = 2 * time.Second

// Run is the command. It returns the exit status: 0 when ctx ended it, 1 when something
// failed, 2 for a bad command line or environment.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(stderr, "sluice demo: %v\nSee sluice demo -h.\n", err)
		return 2
	}
	err = o.run(ctx, stdout, stderr)
	var faults config.Findings
	switch {
	case errors.As(err, &faults):
		fmt.Fprintln(stderr, faults)
		return 2
	case err != nil:
		fmt.Fprintln(stderr, "sluice demo:", err)
		return 1
	}
	if o.file == "" {
		fmt.Fprintln(stdout, "The shops are closed.")
	}
	return 0
}

// run starts Kafka, and what reads it.
func (o options) run(ctx context.Context, stdout, stderr io.Writer) error {
	kafka, err := startKafka(o.kafka)
	if err != nil {
		return fmt.Errorf("the embedded Kafka: %w (--kafka says where it listens)", err)
	}
	defer kafka.Close()
	brokers := kafka.ListenAddrs()

	c, findings := o.settings(brokers[0], os.Environ())
	if faults := findings.Faults(); len(faults) > 0 {
		return faults
	}
	if err := makeTopics(kafka, c); err != nil {
		return fmt.Errorf("the embedded Kafka: %w", err)
	}
	log, err := gateway.NewLog(c.Log, stderr)
	if err != nil {
		return err
	}
	for _, warning := range findings {
		log.Warn().Msg(warning.String())
	}
	if o.file != "" {
		return o.runOwnGateway(ctx, stdout, gateway.Options{Config: c, Log: log}, brokers[0])
	}
	return o.runShops(ctx, stdout, c, log, brokers)
}

// runOwnGateway runs the gateway of somebody's own configuration until ctx ends or it
// fails.
func (o options) runOwnGateway(ctx context.Context, stdout io.Writer, setup gateway.Options, broker string) (err error) {
	g, err := startGateway(ctx, setup)
	defer func() { err = errors.Join(err, stopGateway(g)) }()
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return err
	}
	o.greetOwnGateway(stdout, g, broker)
	select {
	case <-ctx.Done():
		return nil
	case err := <-g.Failed():
		return err
	}
}

// runShops runs the gateways and the shops until ctx ends or one fails. It ends them in
// the order of the records' way. Nothing is written any more, what was written is carried
// out, and then the balancer goes.
func (o options) runShops(ctx context.Context, stdout io.Writer, c *config.Config, log zerolog.Logger, brokers []string) (err error) {
	l, err := listen.WithMode(ctx, c.Listen, c.SocketMode)
	if err != nil {
		return fmt.Errorf("listen: %w: end the process that has it, or --listen 127.0.0.1:0", err)
	}
	all := startGateways(c, log)
	visits := make(chan visit)
	failed, stop := newBalancer(all.members[:], visits).serve(l, c.TLS)
	defer stop()
	defer func() { err = errors.Join(err, all.close()) }()

	if err := all.untilReady(ctx); err != nil {
		return unlessEnded(ctx, err)
	}
	o.greet(stdout, siteURL(c, l), all, brokers[0])

	ctx, cancel := context.WithCancel(ctx)
	closed := make(chan error, 1)
	go func() { closed <- produceEvents(ctx, brokers, openShops(o.rate, rand.Uint64()), visits) }()
	select {
	case err = <-closed: // also when ctx ends
		cancel()
		return err
	case err = <-all.failed:
	case err = <-failed:
	}
	cancel()
	return errors.Join(err, <-closed)
}

// unlessEnded is the error, but for what the end of ctx makes fail.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // it ended because it was to end
	}
	return err
}

// siteURL is where browsers find the demo.
func siteURL(c *config.Config, l net.Listener) string {
	scheme := "http://"
	if c.TLS != (config.CertPair{}) {
		scheme = "https://"
	}
	return scheme + reachable(l.Addr())
}

// greet says what there is to look at.
func (o options) greet(w io.Writer, url string, all *gateways, broker string) {
	fmt.Fprintf(w, `The shops are open: alice, bob and carol place orders.

  page    %[1]s/
          what one of them sees, with buttons to disturb it
  console %[6]s
          what the three are told, and how the first gateway does: live
          (the second: http://%[7]s/console/)
  curl    curl -N '%[1]s/events?user=alice'
  tail    sluice tail %[1]s --user alice
  ready   http://%[2]s/readyz
  Kafka   %[3]s, topics %[4]s and %[5]s; any producer may write to it:
          echo 'alice:{"orderId":"mine","type":"order.confirmed","status":"confirmed","shop":"Mine","total":1,"currency":"EUR"}' | kcat -P -b %[3]s -t %[4]s -K:

Ctrl-C ends it.
`, url, all.members[0].operators(), broker, orderTopic, announcementTopic, console(all.members[0].operators()), all.members[1].operators())
}

// console is the address of the operator's console, opened as each of the made-up users.
func console(admin string) string {
	return "http://" + admin + "/console/#try?user=" + strings.Join(users, "&user=")
}

// greetOwnGateway says where a gateway of somebody's own configuration is.
func (o options) greetOwnGateway(w io.Writer, g *gateway.Gateway, broker string) {
	fmt.Fprintf(w, "The gateway of %s is ready.\n\n  listens %s\n  console http://%s/console/\n  Kafka   %s, which keeps nothing\n\nCtrl-C ends it.\n",
		o.file, reachable(g.Addr()), reachable(g.AdminAddr()), broker)
}

// reachable is an address to connect to: what listens everywhere is asked for on
// localhost.
func reachable(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}
