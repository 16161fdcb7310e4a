// Command sluice is a gateway from Kafka to browsers: records become Server-Sent Events
// for the users they belong to. `sluice help` lists what it can do.
//
// Files:
//   - main.go, run.go: signals, the list of commands, and help.
//   - serve.go, version.go, completion.go: these commands.
//   - check.go, cursor.go, deliver.go, demo.go, doctor.go, init.go, keys.go, produce.go,
//     tail.go, token.go, top.go: where these commands are in cmd/internal.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	signals := make(chan os.Signal, 2) // the second one counts too
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // nohup wants it to go on
		signal.Notify(signals, syscall.SIGHUP)
	}
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, signals))
}
