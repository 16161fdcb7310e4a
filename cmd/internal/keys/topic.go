package keys

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"sluice/broker"
	"sluice/cmd/internal/config"
	"sluice/cmd/internal/reach"
	"sluice/server/portal"
)

// topicTimeout bounds how long the topic is read.
const topicTimeout = 30 * time.Second

// onTopic does what a command line says to the portal's topic. It returns the exit
// status.
func (o *options) onTopic(ctx context.Context, stdout, stderr io.Writer) int {
	c, findings := config.Load(o.config, os.Environ())
	if faults := findings.Faults(); len(faults) > 0 {
		fmt.Fprintln(stderr, faults)
		return 2
	}
	if c.Portal.Topic == "" {
		fmt.Fprintln(stderr, "sluice keys: the configuration has no portal: write -f with the file of back ends' keys")
		return 2
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	topic, err := broker.NewControl(c.Broker(), "portal", c.Portal.Topic, log)
	if err != nil {
		fmt.Fprintf(stderr, "sluice keys: %v\n", err)
		return 1
	}
	defer topic.Close()
	all, err := readTopic(ctx, topic)
	if err == nil && o.verb == "list" {
		err = o.listTopic(all, stdout)
	} else if err == nil {
		err = o.revokeOn(ctx, topic, all, stdout)
	}
	if err != nil {
		fmt.Fprintf(stderr, "sluice keys: %v\n", err)
		return 1
	}
	return 0
}

// readTopic reads all that the topic has.
func readTopic(ctx context.Context, topic *broker.Control) (*portal.Inventory, error) {
	ctx, stop := context.WithTimeout(ctx, topicTimeout)
	defer stop()
	all, done := portal.NewInventory(), make(chan error, 1)
	go func() { done <- topic.Run(ctx, all.Hear) }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !topic.CaughtUp() {
		select {
		case <-tick.C:
		case err := <-done: // ctx is done, or the client can't be made
			return nil, errors.Join(errors.New("the topic of keys could not be read in time"), err)
		}
	}
	stop()
	return all, <-done
}

func (o *options) listTopic(all *portal.Inventory, stdout io.Writer) error {
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tKIND\tOWNER\tNAME\tFOR\tSTREAMS\tSTATE\tENDS")
	for _, k := range all.List(time.Now()) {
		if o.owner == "" || o.owner == k.Owner {
			fmt.Fprintln(w, strings.Join([]string{
				k.ID, k.Kind, reach.Line(k.Owner), reach.Line(k.Name), orAll(k.Actions), orAll(k.Streams), k.State, k.Ends.UTC().Format(time.RFC3339),
			}, "\t"))
		}
	}
	if n := all.Rubbish(); n > 0 {
		fmt.Fprintf(w, "%d records of the topic are no key.\n", n)
	}
	return w.Flush()
}

// revokeOn revokes one key, or all of a user, on every gateway.
func (o *options) revokeOn(ctx context.Context, topic *broker.Control, all *portal.Inventory, stdout io.Writer) error {
	now, n := time.Now(), 0
	for _, k := range all.List(now) {
		if !k.IsGood || k.ID != o.name && k.Owner != o.owner {
			continue
		}
		key, text := portal.Revocation(k.ID, now)
		if err := topic.Announce(ctx, key, text); err != nil {
			return fmt.Errorf("%d are revoked, and then: %w", n, err)
		}
		n++
	}
	if n == 0 {
		return errors.New("there is no such key that is still good")
	}
	fmt.Fprintf(stdout, "%d revoked.\n", n)
	return nil
}
