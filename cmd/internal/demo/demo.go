// Package demo is `sluice demo`: the gateway as serve runs it, an embedded Kafka, and
// made-up shops. The shops write to that Kafka as any producer would. With -c it is the
// gateway of a configuration, for a shop of one's own. Nothing is short-circuited.
//
// Files:
//   - demo.go, settings.go: the command, and the configuration that it serves.
//   - kafka.go: the embedded Kafka.
//   - shop.go, produce.go: what the shops make up, and how it is written to Kafka.
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
	"net/http"
	"os"
	"strings"
	"time"

	"sluice/cmd/internal/config"
	"sluice/cmd/internal/gateway"
	"sluice/web"
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

// run starts Kafka, the gateway and the shops, and waits for ctx or a failure. It ends
// them in the order of the records' way. Nothing is written any more, what was written is
// carried out, and Kafka goes last.
func (o options) run(ctx context.Context, stdout, stderr io.Writer) (err error) {
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
	var g *gateway.Gateway
	setup := gateway.Options{Config: c, Log: log}
	if o.file == "" {
		setup.Page = page(web.Demo, func() string { return console(g) })
	}
	g, err = gateway.New(setup)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		err = errors.Join(err, g.Stop(ctx))
	}()
	if err := g.Start(ctx); err != nil {
		if g.AdminAddr() == nil {
			return fmt.Errorf("%w, or --admin 127.0.0.1:0", err)
		}
		return fmt.Errorf("%w, or --listen 127.0.0.1:0", err)
	}

	ctx, cancel := context.WithCancel(ctx)
	closed := make(chan error, 1)
	go func() {
		if !ready(ctx, "http://"+g.AdminAddr().String()+"/readyz") {
			closed <- nil // ctx ended
			return
		}
		if o.file != "" {
			o.greetOwnGateway(stdout, g, brokers[0])
			<-ctx.Done()
			closed <- nil
			return
		}
		o.greet(stdout, c, g, brokers[0])
		closed <- produceEvents(ctx, brokers, openShops(o.rate, rand.Uint64()))
	}()
	select {
	case err = <-closed: // also when ctx ends
		cancel()
	case err = <-g.Failed():
		cancel()
		err = errors.Join(err, <-closed)
	}
	return err
}

// ready waits until the gateway says that it is. A user who follows the greeting at once
// would be told to come again, and curl doesn't. It says whether that came before ctx's
// end.
func ready(ctx context.Context, url string) bool {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		if req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil); err == nil {
			if resp, err := client.Do(req); err == nil {
				resp.Body.Close()
				if resp.StatusCode == http.StatusOK {
					return true
				}
			}
		}
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
}

// greet says what there is to look at.
func (o options) greet(w io.Writer, c *config.Config, g *gateway.Gateway, broker string) {
	url := "http://"
	if c.TLS != (config.CertPair{}) {
		url = "https://"
	}
	url += reachable(g.Addr())
	fmt.Fprintf(w, `The shops are open: alice, bob and carol place orders.

  console %[6]s
          what the three are told, and how the gateway does: live
  page    %[1]s/
          what one of them sees
  curl    curl -N '%[1]s/events?user=alice'
  tail    sluice tail %[1]s --user alice
  ready   http://%[2]s/readyz
  Kafka   %[3]s, topics %[4]s and %[5]s; any producer may write to it:
          echo 'alice:{"orderId":"mine","type":"order.confirmed","status":"confirmed","shop":"Mine","total":1,"currency":"EUR"}' | kcat -P -b %[3]s -t %[4]s -K:

Ctrl-C ends it.
`, url, reachable(g.AdminAddr()), broker, orderTopic, announcementTopic, console(g))
}

// console is the address of the operator's console, opened as each of the made-up users.
func console(g *gateway.Gateway) string {
	return "http://" + reachable(g.AdminAddr()) + "/console/#try?user=" + strings.Join(users, "&user=")
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
