package checker

import (
	"fmt"
	"slices"
	"strings"
)

// Kind is a way in which a promise is broken.
type Kind string

// The kinds of findings.
const (
	Lost       Kind = "lost"             // a client was not sent an event meant for it
	Twice      Kind = "twice"            // a client was sent an event again
	Misordered Kind = "misordered"       // a client was sent a partition's events in another order
	Foreign    Kind = "foreign"          // a client was sent what is not its own, or not an event at all
	Irregular  Kind = "irregular"        // a client met what no EventSource should: see [Client.Irregular]
	Unexpected Kind = "unexpected reset" // a client was sent a reset that didn't have to happen
	Missing    Kind = "missing reset"    // a client was not sent a reset that had to happen
	Silent     Kind = "silent"           // a client was not told that records it was sent, or passed, are not Kafka's any more
	Unacked    Kind = "unacknowledged"   // Kafka never said that it has the event: the run proves nothing
)

// Verdict is the result of a run.
type Verdict struct {
	Events     int // produced
	Deliveries int // of events, to clients
	ByPolls    int // of these, those to clients that poll
	Resets     int // that had to happen and did, counted by partition
	Findings   map[Kind][]string
}

// Clean reports whether every promise was kept.
func (v *Verdict) Clean() bool { return len(v.Findings) == 0 }

// String lists the counts, and the first findings of each kind.
func (v *Verdict) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d events, %d deliveries (%d by polls), %d expected resets", v.Events, v.Deliveries, v.ByPolls, v.Resets)
	for _, kind := range []Kind{Lost, Twice, Misordered, Foreign, Silent, Irregular, Unexpected, Missing, Unacked} {
		found := v.Findings[kind]
		fmt.Fprintf(&b, "; %s %d", kind, len(found))
		for _, f := range found[:min(len(found), 20)] {
			fmt.Fprintf(&b, "\n    %s", f)
		}
		if len(found) > 20 {
			b.WriteString("\n    …")
		}
	}
	return b.String()
}

func (v *Verdict) find(kind Kind, format string, args ...any) {
	v.Findings[kind] = append(v.Findings[kind], fmt.Sprintf(format, args...))
}

// Verdict compares what was sent with what should have been.
func (c *Checker) Verdict() *Verdict {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := &Verdict{Findings: make(map[Kind][]string)}
	for _, s := range c.streams {
		v.Events += len(s.events)
		for number, e := range s.events {
			if !e.acked {
				v.find(Unacked, "%s/%d", s.name, number)
			}
		}
	}
	for _, client := range c.clients {
		v.Deliveries += len(client.received)
		if client.polling {
			v.ByPolls += len(client.received)
		}
		client.judgeLocked(v)
	}
	return v
}

func (c *Client) judgeLocked(v *Verdict) {
	for _, f := range c.foreign {
		v.find(Foreign, "%s", f)
	}
	for _, i := range c.faults {
		v.find(Irregular, "%s", i)
	}
	excuses, missing, unexpected := c.matchResetsLocked()
	v.Resets += len(excuses)
	for _, r := range missing {
		v.find(Missing, "%+v", r)
	}
	for _, r := range unexpected {
		v.find(Unexpected, "%+v", r)
	}
	c.judgeOrderLocked(v)
	for _, name := range c.streams {
		for partition := range c.checker.streams[name].truncations {
			c.judgeTruncationsLocked(v, c.checker.streams[name], partition)
		}
	}
	for _, name := range c.streams {
		s := c.checker.streams[name]
		superseded := make(map[*producedEvent]bool)
		if slices.Contains(c.compacted, name) {
			superseded = s.superseded()
		}
		for number, e := range s.events {
			if e.acked && !e.truncated && e.meantFor(s, c.user) && !c.arrived[Arrival{name, number}] && !superseded[e] &&
				!slices.ContainsFunc(excuses, func(x excuse) bool { return x.covers(name, e) }) {
				v.find(Lost, "%s was not sent %s/%d (%v)", c.label, name, number, e)
			}
		}
	}
}

// judgeOrderLocked walks through what the client was sent. There is an order within a
// partition and generation, and no event of a generation may come once a newer one has
// begun.
func (c *Client) judgeOrderLocked(v *Verdict) {
	type partition struct {
		stream string
		number int32
	}
	latest := make(map[partition]*producedEvent)
	seen := make(map[Arrival]bool)
	for _, a := range c.received {
		e := c.checker.streams[a.Stream].events[a.Number]
		if seen[a] {
			v.find(Twice, "%s was sent %v again (%v)", c.label, a, e)
			continue
		}
		seen[a] = true
		if !e.acked {
			continue // its place is not known; that is a separate finding
		}
		at := partition{a.Stream, e.partition}
		if before := latest[at]; before != nil && e.before(before) {
			v.find(Misordered, "%s was sent %v (%v) after %v", c.label, a, e, before)
			continue
		}
		latest[at] = e
	}
}

// before reports whether the event stands before another of its partition. What was
// written after an election stands after everything that was written before.
func (e *producedEvent) before(other *producedEvent) bool {
	if e.generation != other.generation {
		return e.generation < other.generation
	}
	if e.lineage != other.lineage {
		return e.lineage < other.lineage
	}
	return e.offset < other.offset
}

func (e *producedEvent) String() string {
	return fmt.Sprintf("generation %d, partition %d, offset %d", e.generation, e.partition, e.offset)
}

// superseded are the events of which compaction keeps only a later one with the same key.
func (s *stream) superseded() map[*producedEvent]bool {
	type compactionKey struct {
		generation int
		partition  int32
		key        string
	}
	last, gone := make(map[compactionKey]*producedEvent), make(map[*producedEvent]bool)
	for _, e := range s.events {
		if !e.acked || e.Aborted {
			continue
		}
		at := compactionKey{e.generation, e.partition, e.Key}
		switch before := last[at]; {
		case before == nil:
			last[at] = e
		case before.offset < e.offset:
			gone[before], last[at] = true, e
		default:
			gone[e] = true
		}
	}
	return gone
}
