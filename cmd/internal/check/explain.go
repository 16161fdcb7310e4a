package check

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"sluice/broker/record"
	"sluice/cmd/internal/config"
	"sluice/cmd/internal/sample"
	"sluice/stream/sse"
)

// explain says for each stream, or for the one the sample names, who would get it.
func explain(w io.Writer, c *config.Config, s sample.Sample) error {
	var names []string
	found := false
	for _, one := range c.Streams {
		names = append(names, one.Name)
		if s.Stream != "" && s.Stream != one.Name {
			continue
		}
		if found {
			fmt.Fprintln(w)
		}
		found = true
		e, err := record.Explain(one.Broker().Record, s.Record)
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
	if !e.Delivered {
		fmt.Fprintf(w, "%s: nobody would get it\n", s.Name)
		for _, r := range e.Refusals {
			fmt.Fprintf(w, "  because  %s (user: %s)\n", r.Text(), s.User)
		}
		return
	}
	line := func(what, text string) { fmt.Fprintf(w, "  %-8s %s\n", what, text) }
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
	fmt.Fprintln(w, "  on the wire, after its id:")
	frame := string(sse.AppendEvent(nil, "", e.Name, []byte(e.Data)))
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
