package check

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	"sluice/broker"
	"sluice/cmd/internal/config"
)

// result is what was found.
type result struct {
	findings  config.Findings
	strict    bool                        // warnings are faults
	unlearned bool                        // Kafka can't be asked; one of the warnings says why
	topics    map[string]broker.Inspected // nil: Kafka wasn't asked, or didn't answer
	matched   [][]string                  // by stream, the topics that its pattern matches now
}

func (r *result) add(f config.Finding) { r.findings = append(r.findings, f) }

// status is the exit status. That Kafka can't be asked is no fault, even if warnings are.
// It has a separate status, after which a script may try again.
func (r *result) status() int {
	warnings := len(r.findings.Warnings())
	if r.unlearned {
		warnings--
	}
	switch {
	case len(r.findings.Faults()) > 0, r.strict && warnings > 0:
		return unserved
	case r.unlearned:
		return unlearned
	}
	return served
}

// say writes the result for people or as JSON, and returns the exit status.
func (r *result) say(asJSON bool, c *config.Config, stdout, stderr io.Writer) int {
	status := r.status()
	if asJSON {
		if err := r.writeJSON(stdout, status); err != nil {
			fmt.Fprintf(stderr, "sluice check: %v\n", err)
			return unserved
		}
		return status
	}
	for _, f := range r.findings {
		fmt.Fprintln(stderr, f)
	}
	faults, warnings := len(r.findings.Faults()), len(r.findings.Warnings())
	if status == unserved {
		if faults > 0 {
			fmt.Fprintln(stderr, counted(faults, "fault"))
		} else {
			fmt.Fprintf(stderr, "%s, which --strict takes for faults\n", counted(warnings, "warning"))
		}
		return status
	}
	describe(stdout, c, r)
	switch {
	case status == unlearned:
		fmt.Fprintln(stdout, "\nNothing could be learned of Kafka, so it isn't known whether this can be served.")
	case warnings > 0:
		fmt.Fprintf(stdout, "\nIt can be served; %s above.\n", counted(warnings, "warning"))
	default:
		fmt.Fprintln(stdout, "\nIt can be served.")
	}
	return status
}

// resultJSON is the result for programs.
type resultJSON struct {
	Status   int           `json:"status"` // the exit status
	Served   bool          `json:"can_be_served"`
	Learned  bool          `json:"kafka_asked"` // Kafka was asked, and answered
	Findings []findingJSON `json:"findings"`
	Topics   []topicJSON   `json:"topics"`
}

type findingJSON struct {
	Level string `json:"level"` // fault or warning
	At    string `json:"at"`    // file:line, a file, or a variable
	Key   string `json:"key"`   // "" the file as a whole
	Text  string `json:"text"`
}

type topicJSON struct {
	Topic      string `json:"topic"`
	Partitions int    `json:"partitions"`
	Fault      string `json:"fault,omitempty"`
	Leaders    string `json:"leaders,omitempty"` // those that can't be reached
}

func (r *result) writeJSON(w io.Writer, status int) error {
	body := resultJSON{Status: status, Served: status == served, Learned: r.topics != nil, Findings: []findingJSON{}, Topics: []topicJSON{}}
	for _, f := range r.findings {
		level := "fault"
		if f.Warning && !r.strict {
			level = "warning"
		}
		body.Findings = append(body.Findings, findingJSON{level, f.At(), f.Key, f.Text})
	}
	for _, name := range slices.Sorted(maps.Keys(r.topics)) {
		t := r.topics[name]
		body.Topics = append(body.Topics, topicJSON{name, t.Partitions, t.Fault, t.Leaders})
	}
	return json.NewEncoder(w).Encode(body)
}
