package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

var colours = map[verdict]string{ok: "\x1b[32m", fault: "\x1b[31m", unknown: "\x1b[33m"}

const normal = "\x1b[0m"

// write prints the report in one Write, for a person or as JSON.
func (r *report) write(out io.Writer, asJSON, coloured bool) error {
	var text strings.Builder
	if asJSON {
		enc := json.NewEncoder(&text)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(r); err != nil {
			return err
		}
	} else {
		r.readable(&text, coloured)
	}
	_, err := io.WriteString(out, text.String())
	return err
}

// readable writes
//
//	ok       bytes        at once: …
//	fault    idle         cut off after 5s of silence: …
//	                      nginx: proxy_read_timeout 1h;
//
// and how many faults there are.
func (r *report) readable(text *strings.Builder, coloured bool) {
	const indent = "                       "
	for _, f := range r.Findings {
		word := fmt.Sprintf("%-8s", f.Verdict)
		if coloured {
			word = colours[f.Verdict] + word + normal
		}
		fmt.Fprintf(text, "%s %-13s %s\n", word, f.Check, strings.ReplaceAll(f.Seen, "\n", "\n"+indent))
		for _, c := range f.Cure {
			where := c.Proxy
			if where == gatewayItself {
				where = "sluice.yaml"
			}
			for i, line := range c.Lines {
				if i > 0 {
					where = ""
				}
				fmt.Fprintf(text, "%s%-12s %s\n", indent, where, line)
			}
		}
	}
	switch {
	case r.Interrupted:
		text.WriteString("\nInterrupted: not all was looked at.\n")
	case r.Faults == 0:
		text.WriteString("\nNothing is wrong, as far as it was looked at.\n")
	case r.Faults == 1:
		text.WriteString("\n1 fault." + r.recipes() + "\n")
	default:
		fmt.Fprintf(text, "\n%d faults.%s\n", r.Faults, r.recipes())
	}
}

// recipes says where to find a proxy's whole configuration, if there is something to
// change in one.
func (r *report) recipes() string {
	for _, f := range r.Findings {
		if f.Verdict == fault && slices.ContainsFunc(f.Cure, func(c cure) bool { return c.Proxy != gatewayItself }) {
			return " Whole configurations, tried: deploy/proxies of sluice."
		}
	}
	return ""
}
