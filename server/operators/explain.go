package operators

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"sluice/stream"
)

// clock is a moment as a sentence has it: with its day, unless that is close.
func clock(t time.Time) string {
	layout := "15:04:05.000 UTC"
	if time.Since(t) > 12*time.Hour {
		layout = "2006-01-02 " + layout
	}
	return t.UTC().Format(layout)
}

// explainer says in words what the hub's record of decisions knows.
type explainer struct {
	Hub    *stream.Hub
	Access map[string][]string // roles of which a reader needs one, by stream
}

// explain says in a sentence what became of a record for a user.
func (e *explainer) explain(d *stream.Decision, v stream.Verdict) string {
	who := v.User
	name := e.Hub.Specs()[d.Stream].Name
	switch v.Cause {
	case stream.CauseWritten:
		if v.At.IsZero() {
			return fmt.Sprintf("Written to %s.", who) + endedSince(v)
		}
		return fmt.Sprintf("Written to %s at %s, %s.", who, clock(v.At), after(d, v.At)) + endedSince(v)
	case stream.CauseWrittenLater:
		when := ""
		if !v.At.IsZero() {
			when = " at " + clock(v.At)
		}
		return fmt.Sprintf("%s was not connected when it was read; back at %s, it was written%s.", who, clock(v.Since), when) + endedSince(v)
	case stream.CauseNotYet:
		return fmt.Sprintf("%s is connected since %s and has not been sent it yet: it waits for the connection to take what comes before it.", who, clock(v.Since))
	case stream.CauseSkipped:
		return fmt.Sprintf("%s's connection was too slow: at %s it was moved to live, told so by sluice.reset (lagged), and this event was skipped.", who, clock(v.At))
	case stream.CauseLagged:
		return fmt.Sprintf("%s's connection was too slow and was closed at %s; it has not come back for it.", who, clock(v.Until))
	case stream.CauseDisconnected:
		return fmt.Sprintf("%s's connection ended at %s (%s) before it was sent, and has not come back for it.", who, clock(v.Until), v.Ended)
	case stream.CauseSubject:
		about := fmt.Sprintf("it is about %q", d.Subject)
		if d.Subject == "" {
			about = "it is about no subject"
		}
		return fmt.Sprintf("%s's connection follows the %s only, and %s.", who, listed("subject", v.Filter.Subjects()), about)
	case stream.CauseEvent:
		is := fmt.Sprintf("this one is %q", d.Name)
		if d.Name == "" {
			is = "this one has no name"
		}
		return fmt.Sprintf("%s's connection is sent the %s only, and %s.", who, listed("event", v.Filter.Events()), is)
	case stream.CauseBefore:
		return fmt.Sprintf("%s connected at %s with a position that was past it already.", who, clock(v.Since))
	case stream.CauseRole:
		if v.At.IsZero() {
			v.At = v.Since
		}
		return fmt.Sprintf("%s came at %s and may not read the stream %s%s.", who, clock(v.At), name, e.needs(name))
	case stream.CauseStream:
		return fmt.Sprintf("%s was connected, but had not asked for the stream %s.", who, name)
	case stream.CauseNotConnected:
		if !v.Came.IsZero() {
			return fmt.Sprintf("%s was not connected when it was read; the connection of %s begins after it.", who, clock(v.Came))
		}
		return fmt.Sprintf("%s was not connected when it was read, and has not come back for it.", who)
	case stream.CauseWrongUser:
		return fmt.Sprintf("It belongs to %s, not to %s.", owners(d), who)
	case stream.CausePoison, stream.CauseFiltered:
		return e.explainRefusal(d)
	}
	return string(v.Cause)
}

func (e *explainer) explainRefusal(d *stream.Decision) string {
	name := e.Hub.Specs()[d.Stream].Name
	return fmt.Sprintf("The record at %s, offset %d is no event of the stream %s: %s. It reaches nobody.", e.partition(d.Stream, d.Partition), d.Offset, name, refusalText(name, d))
}

// partition names a stream's partition; of several topics, with its topic.
func (e *explainer) partition(i int, partition int32) string {
	topic, number := e.Hub.TopicPartition(i, partition)
	if topic == "" {
		return fmt.Sprintf("partition %d", number)
	}
	return fmt.Sprintf("partition %d of topic %s", number, topic)
}

// refusalText says a reason of the reader's in words; what it doesn't know, it repeats.
// The words of what was filtered begin with the key that did it.
func refusalText(name string, d *stream.Decision) string {
	text, ok := refusalTexts[d.Poison]
	switch {
	case !ok:
		text = d.Poison
	case d.Detail != "" && d.Refused == stream.CauseFiltered:
		text = fmt.Sprintf("filtered by %s.%s (%s)", name, d.Detail, d.Poison)
	case d.Detail != "":
		text += ": " + d.Detail
	}
	return text
}

var refusalTexts = map[string]string{
	"no_user":                "its user was not found (no_user)",
	"user_too_long":          "its user is too long (user_too_long)",
	"too_many_users":         "it names too many users (too_many_users)",
	"record_too_large":       "it is larger than max_record_bytes (record_too_large)",
	"batch_too_large":        "its compressed batch unpacks to more than the gateway takes (batch_too_large)",
	"bad_json":               "it is not JSON, so its user can't be found (bad_json)",
	"tombstone_without_user": "it has no value, and its user would stand in the value (tombstone_without_user)",
	"framed":                 "its value has a schema's header, and the stream shows JSON (framed)",
	"decode_error":           "its value can't be decoded (decode_error)",
	"schema_missing":         "the schema registry has no schema with its id (schema_missing)",
	"key_error":              "its key can't be decoded (key_error)",
	"no_change":              "it says no change of a row (no_change)",
	"former_user_unknown":    "it is a row that was deleted, and doesn't say whose it was (former_user_unknown)",
	"filtered":               "the stream's filter drops it, or nothing is left of it (filtered)",
	"shape_error":            "the stream's filter or shape failed for it (shape_error)",
}

// endedSince tells of a connection that has ended since: what was on its way may not have
// arrived.
func endedSince(v stream.Verdict) string {
	if v.Until.IsZero() {
		return ""
	}
	return fmt.Sprintf(" That connection ended at %s (%s).", clock(v.Until), v.Ended)
}

func after(d *stream.Decision, at time.Time) string {
	waited := at.Sub(d.Read)
	if waited < 10*time.Second {
		return fmt.Sprintf("%d ms after it was read", waited.Milliseconds())
	}
	return fmt.Sprintf("%v after it was read", waited.Round(time.Second))
}

func owners(d *stream.Decision) string {
	names := strings.Join(d.Users, ", ")
	if d.MoreUsers > 0 {
		names += fmt.Sprintf(" and %d more", d.MoreUsers)
	}
	return names
}

func (e *explainer) needs(name string) string {
	if roles := e.Access[name]; len(roles) > 0 {
		return " (it takes one of the roles " + strings.Join(roles, ", ") + ")"
	}
	return ""
}

// explainAll sums up what became of a record for several users, or for everyone.
func (e *explainer) explainAll(d *stream.Decision) (stream.Cause, string) {
	switch {
	case d.Poison != "":
		return d.Refused, e.explainRefusal(d)
	case len(d.For) > 0:
		got := 0
		worst := stream.CauseWritten
		for _, v := range d.For {
			if v.Cause == stream.CauseWritten || v.Cause == stream.CauseWrittenLater {
				got++
			} else {
				worst = v.Cause
			}
		}
		if d.MoreUsers > 0 { // of whom no more is known than how often it was written in all
			return worst, fmt.Sprintf("Written for %d of the first %d of its %d users; %s in all.", got, len(d.For), len(d.For)+d.MoreUsers, counted(d.Written, "time"))
		}
		return worst, fmt.Sprintf("Written for %d of its %d users.", got, len(d.For))
	case d.Written > 0:
		return stream.CauseWritten, fmt.Sprintf("Written %s; %s read the stream when it was read.", counted(d.Written, "time"), counted(d.Connected, "connection"))
	case len(d.Each) == 0:
		return stream.CauseNotConnected, "Nobody was connected to the stream when it was read, or came back for it."
	}
	return d.Each[0].Cause, fmt.Sprintf("Written to none of those who were there: %s.", counted(d.Connected, "connection"))
}

func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// explainUnknown says why nothing is known of a record.
func (e *explainer) explainUnknown(cause stream.Cause, i int, partition int32, offset int64, since time.Time) string {
	switch cause {
	case stream.CauseNotRead:
		next := "it has no such partition"
		if _, head := e.Hub.Positions(i); int(partition) < len(head) {
			if next = fmt.Sprintf("it reads offset %d of %s next", head[partition], e.partition(i, partition)); head[partition] == stream.Gone {
				next = "the topic was deleted"
			}
		}
		return fmt.Sprintf("This gateway has not read it: %s.", next)
	case stream.CauseNoRecord:
		return fmt.Sprintf("There is no event and no refused record at offset %d: it is a transaction marker, was aborted, or was compacted away.", offset)
	}
	return fmt.Sprintf("It is older than the record of decisions, which begins at %s.", since.UTC().Format(time.RFC3339))
}

// listed says a few of some names.
func listed(kind string, names []string) string {
	const most = 3
	var quoted []string
	for _, name := range names[:min(len(names), most)] {
		quoted = append(quoted, strconv.Quote(name))
	}
	if more := len(names) - most; more > 0 {
		quoted = append(quoted, fmt.Sprintf("%d more", more))
	}
	if len(names) == 1 {
		return kind + " " + quoted[0]
	}
	last := len(quoted) - 1
	return kind + "s " + strings.Join(quoted[:last], ", ") + " and " + quoted[last]
}
