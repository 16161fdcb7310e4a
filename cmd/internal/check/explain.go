package check

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/broker/record"
	"sluice/cmd/internal/config"
	"sluice/cmd/internal/sample"
	"sluice/stream/sse"
)

// registryTimeout bounds the wait for a schema.
const registryTimeout = 10 * time.Second

// explain says for each stream, or for the one the sample names, who would get it.
func explain(ctx context.Context, w io.Writer, c *config.Config, s sample.Sample) error {
	registry, err := c.Registry(slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer registry.Close()
	ctx, cancel := context.WithTimeout(ctx, registryTimeout)
	defer cancel()
	records := c.Records(registry)
	var names []string
	found := false
	for i, one := range c.Streams {
		names = append(names, one.Name)
		if s.Stream != "" && s.Stream != one.Name {
			continue
		}
		if found {
			fmt.Fprintln(w)
		}
		found = true
		e, err := record.Explain(ctx, records[i].Record, s.Record)
		if err != nil {
			return fmt.Errorf("streams.%s.%w", one.Name, err)
		}
		show(w, one, e)
	}
	if !found {
		return fmt.Errorf("there is no stream %q: there are %s", s.Stream, strings.Join(names, ", "))
	}
	return nil
}

func show(w io.Writer, s config.Stream, e record.Explanation) {
	line := func(what, text string) { fmt.Fprintf(w, "  %-8s %s\n", what, text) }
	steps := func() {
		for _, step := range e.Steps {
			line(step.Name, step.Text)
		}
	}
	if !e.Delivered {
		fmt.Fprintf(w, "%s: nobody would get it\n", s.Name)
		for _, r := range e.Refusals {
			line("because", because(s, r, e.Err))
		}
		if e.Err != "" && !slices.Contains(e.Refusals, record.Filtered) {
			line("error", e.Err)
		}
		steps()
		former(w, e)
		return
	}
	if e.Everyone {
		fmt.Fprintf(w, "%s: everyone who is identified would get it\n", s.Name)
		line("because", "audience: everyone")
	} else {
		fmt.Fprintf(w, "%s: %s would get it\n", s.Name, quoted(e.Users))
		line("because", "user: "+s.User)
	}
	if e.Subject != "" {
		line("subject", strconv.Quote(e.Subject)+" (subject: "+s.Subject+")")
	}
	for _, r := range e.Refusals {
		line("but", r.Text())
	}
	if e.Err != "" {
		line("error", e.Err)
	}
	steps()
	fmt.Fprintln(w, "  on the wire, after its id:")
	wire(w, e.Name, e.Data)
	former(w, e)
}

// because says why nobody gets a record. A user that isn't found was looked for by the
// stream's selectors.
func because(s config.Stream, r record.Refusal, more string) string {
	if r == record.Filtered && more != "" {
		return "filtered by streams." + s.Name + "." + more
	}
	if r&(record.NoUser|record.UserTooLong|record.TooManyUsers|record.BadJSON|record.TombstoneNoUser) != 0 {
		return r.Text() + " (user: " + s.User + ")"
	}
	return r.Text()
}

// former says who is told that they have a row no longer.
func former(w io.Writer, e record.Explanation) {
	switch {
	case e.FormerFromState:
		fmt.Fprintln(w, "  whoever has it in the state, and isn't named here, would get:")
	case len(e.Former) > 0:
		fmt.Fprintf(w, "  %s had it, and would get:\n", quoted(e.Former))
	default:
		return
	}
	wire(w, "delete", e.FormerData)
}

func wire(w io.Writer, name, data string) {
	frame := string(sse.AppendEvent(nil, "", name, []byte(data)))
	for part := range strings.Lines(strings.TrimRight(frame, "\n")) {
		fmt.Fprintf(w, "    %s\n", strings.TrimSuffix(part, "\n"))
	}
}

func quoted(users []string) string {
	all := make([]string, len(users))
	for i, u := range users {
		all[i] = strconv.Quote(u)
	}
	return strings.Join(all, ", ")
}
