package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"

	"sluice/cmd/internal/cmdline"
	"sluice/cmd/internal/config"
	"sluice/cmd/internal/gateway"
)

var serveCommand = command{"serve", "[-c sluice.yaml]", "the gateway", runServe}

const serveUsage = `Usage: sluice serve [-c FILE] [--no-deliveries]

Reads the streams' topics from Kafka and serves them to browsers on the address listen.
The address admin has health, readiness, metrics and the console.
Every key of the configuration is also an environment variable, such as
SLUICE_KAFKA_BROKERS. With variables alone it needs no file. sluice check says what is
wrong with a configuration, and what it means.

SIGTERM or Ctrl-C shuts it down: clients are told to come back elsewhere, spread over some
seconds. A second signal ends it at once. SIGHUP shuts it down too. A later version will
read its configuration again instead.

Example:
  SLUICE_LOG_LEVEL=debug sluice serve -c sluice.yaml

Flags:
`

func runServe(p process, args []string) int {
	flags := flag.NewFlagSet("sluice serve", flag.ContinueOnError)
	file := flags.String("c", "", "the configuration `file` (default "+config.DefaultFile+")")
	noDeliveries := flags.Bool("no-deliveries", false, "leave deliveries to sluice deliver")
	words, err := cmdline.Words(flags, args, serveUsage, p.stdout)
	if err := cmp.Or(err, cmdline.TooMany(words, 0)); err != nil {
		return cmdline.Status(flags, err, p.stderr)
	}

	c, findings := config.Load(*file, os.Environ())
	if len(findings.Faults()) > 0 {
		fmt.Fprintln(p.stderr, findings)
		return statusUsage
	}
	log, err := gateway.NewLog(c.Log, p.stderr)
	if err != nil {
		fmt.Fprintln(p.stderr, "sluice serve:", err)
		return statusUsage
	}
	for _, warning := range findings {
		log.Warn().Msg(warning.String())
	}
	g, err := gateway.New(gateway.Options{Config: c, Log: log, NoDeliveries: *noDeliveries})
	if err != nil {
		log.Error().Msg(err.Error())
		return statusFailed
	}
	if err := g.Run(p.stop, p.kill); err != nil {
		log.Error().Msg(err.Error())
		return statusFailed
	}
	if p.kill.Err() != nil {
		return statusFailed
	}
	log.Info().Msg("stopped")
	return statusFine
}
