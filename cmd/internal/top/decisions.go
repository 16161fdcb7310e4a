package top

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"sluice/cmd/internal/reach"
)

// decisions is what is used of GET /decisions.
type decisions struct {
	Since   time.Time  `json:"since"`
	Cause   string     `json:"cause"`
	Because string     `json:"because"`
	Records []decision `json:"records"`
}

type decision struct {
	Stream      string       `json:"stream"`
	Topic       string       `json:"topic"`
	Partition   int32        `json:"partition"`
	Offset      int64        `json:"offset"`
	Read        time.Time    `json:"read"`
	Event       string       `json:"event"`
	Subject     string       `json:"subject"`
	Users       []string     `json:"users"`
	MoreUsers   int          `json:"more_users"`
	Audience    string       `json:"audience"`
	Cause       string       `json:"cause"`
	Because     string       `json:"because"`
	For         []verdict    `json:"for"`
	Subscribers []subscriber `json:"subscribers"`
}

type subscriber struct {
	ID      string     `json:"id"`
	User    string     `json:"user"`
	Subject string     `json:"subject"`
	Since   time.Time  `json:"since"`
	Until   *time.Time `json:"until"`
	Ended   string     `json:"ended"`
	Cause   string     `json:"cause"`
}

type verdict struct {
	User    string `json:"user"`
	Cause   string `json:"cause"`
	Because string `json:"because"`
}

// printDecisions prints what happened to the records asked about.
func (a *adminClient) printDecisions(ctx context.Context, out io.Writer) error {
	text, err := a.ask(ctx, "/decisions", a.question)
	if err != nil {
		return err
	}
	if a.json && json.Valid(text) {
		_, err = out.Write(reach.PrintableJSON(text))
		return err
	}
	var d decisions
	if err := json.Unmarshal(text, &d); err != nil {
		return errors.New("the answer is not a gateway's: is this the admin address?")
	}
	_, err = io.WriteString(out, d.text(a.question.Has("offset")))
	return err
}

// text is the answer for people; one is of one record, so that every connection is named.
// What users and subjects are called is anybody's choice, so no name begins a line.
func (d *decisions) text(one bool) string {
	var b strings.Builder
	say := func(format string, args ...any) { b.WriteString(reach.Line(fmt.Sprintf(format, args...)) + "\n") }
	for i := range d.Records {
		r := &d.Records[i]
		say("%s/%d/%d in %s, read %s%s", r.Topic, r.Partition, r.Offset, r.Stream, moment(r.Read), r.about())
		say("  %s: %s", r.Cause, r.Because)
		if !one {
			continue
		}
		for _, v := range r.For {
			if len(r.For) > 1 {
				say("  %s: %s: %s", v.User, v.Cause, v.Because)
			}
		}
		for j := range r.Subscribers {
			say("  %s", r.Subscribers[j].text())
		}
	}
	switch {
	case len(d.Records) > 0:
	case d.Because != "":
		say("%s: %s", d.Cause, d.Because)
	default:
		say("Nothing is remembered of it. The record of decisions begins at %s.", moment(d.Since))
	}
	return b.String()
}

// text is what happened to a record for a connection.
func (v *subscriber) text() string {
	text := fmt.Sprintf("connection %s of %s", v.ID, cmp.Or(v.User, "a ticket"))
	if v.Subject != "" {
		text += fmt.Sprintf(" for %q", v.Subject)
	}
	text += ", since " + moment(v.Since)
	if v.Until != nil {
		text += fmt.Sprintf(" until %s (%s)", moment(*v.Until), v.Ended)
	}
	return text + ": " + v.Cause
}

// about is how a record was decoded.
func (r *decision) about() string {
	var b strings.Builder
	if r.Event != "" {
		b.WriteString(", " + r.Event)
	}
	if r.Subject != "" {
		fmt.Fprintf(&b, ", about %q", r.Subject)
	}
	switch {
	case len(r.Users) > 0:
		b.WriteString(", of " + strings.Join(r.Users, ", "))
		if r.MoreUsers > 0 {
			fmt.Fprintf(&b, " and %d more", r.MoreUsers)
		}
	case r.Audience == "everyone":
		b.WriteString(", for everyone")
	}
	return b.String()
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000 UTC") }
