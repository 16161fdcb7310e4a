package top

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"sluice/cmd/internal/reach"
)

// render is a snapshot as lines of text, none wider than width. r is nil while there are
// no rates yet.
func render(s *snapshot, r *rates, width int) []string {
	g := &s.Gateway
	state := "ready"
	switch {
	case g.Draining:
		state = "draining"
	case !g.Ready:
		state = "NOT READY"
	}
	kafka := "Kafka answers"
	if !s.Kafka.Answers {
		kafka = "KAFKA DOES NOT ANSWER"
		if s.Kafka.StaleSince != nil {
			kafka += " for " + age(s.Time.Sub(*s.Kafka.StaleSince))
		}
	}
	cpu, written := "-", "-"
	turns, carriers := "", counts(g.Carriers)
	if carriers != "" {
		carriers = " (" + carriers + ")"
	}
	if r != nil {
		cpu = fmt.Sprintf("%.2f", r.CPU)
		written = fmt.Sprintf("%s events/s, %s/s", number(r.Events), size(r.Bytes))
		turns = fmt.Sprintf(", +%s -%s/s", number(r.Opened), number(r.Closed))
	}
	lines := []string{
		fmt.Sprintf("sluice %s  up %s  %s  %s", g.Version, age(time.Duration(g.Uptime*float64(time.Second))), state, kafka),
		fmt.Sprintf("cpu %s of %d cores  memory %s (heap %s)  descriptors %d of %d", cpu, g.Cores, size(float64(g.RSS)), size(float64(g.Heap)), g.Descriptors, g.MaxDescriptors),
		fmt.Sprintf("connections %d%s  polls %d%s  written %s", g.Connections, carriers, g.Polls, turns, written),
	}
	if resets := counts(s.Resets); resets != "" {
		lines = append(lines, "resets "+resets)
	}
	lines = append(append(lines, ""), table(s, r, width)...)
	for _, one := range s.Streams {
		if one.Waiting != "" {
			lines = append(lines, one.Name+" waits: "+one.Waiting)
		}
	}
	for i := range lines {
		lines[i] = clip(reach.Printable(lines[i]), width)
	}
	return lines
}

// column is one of the table of streams.
type column struct {
	title string
	rank  int // of those that don't fit, the highest goes first
	value func(s *snapshot, one *stream, r *streamRates) string
}

var columns = []column{
	{"stream", 0, func(_ *snapshot, one *stream, _ *streamRates) string { return one.Name }},
	{"records/s", 3, rated(func(r *streamRates) float64 { return r.Records })},
	{"events/s", 1, rated(func(r *streamRates) float64 { return r.Events })},
	{"sent/s", 2, rated(func(r *streamRates) float64 { return r.Deliveries })},
	{"lag", 1, func(_ *snapshot, one *stream, _ *streamRates) string {
		if one.Lag == nil {
			return "?"
		}
		return number(float64(*one.Lag))
	}},
	{"newest", 4, func(s *snapshot, one *stream, _ *streamRates) string {
		if one.Log.Newest == nil {
			return "-"
		}
		return age(s.Time.Sub(*one.Log.Newest)) + " ago"
	}},
	{"kafka", 5, func(s *snapshot, one *stream, _ *streamRates) string {
		switch {
		case one.StaleSince != nil:
			return "away " + age(s.Time.Sub(*one.StaleSince))
		case !one.Ready:
			return "not ready"
		}
		return "fresh"
	}},
	{"readers", 3, func(_ *snapshot, one *stream, _ *streamRates) string { return number(float64(one.Subscribers)) }},
	{"log", 6, func(_ *snapshot, one *stream, _ *streamRates) string {
		return number(float64(one.Log.Entries)) + ", " + size(float64(one.Log.Bytes))
	}},
	{"poison", 4, func(_ *snapshot, one *stream, _ *streamRates) string { return number(float64(poisoned(one.Poison))) }},
}

func rated(of func(r *streamRates) float64) func(*snapshot, *stream, *streamRates) string {
	return func(_ *snapshot, _ *stream, r *streamRates) string {
		if r == nil {
			return "-"
		}
		return number(of(r))
	}
}

// table has a line for each stream, and as many columns as fit.
func table(s *snapshot, r *rates, width int) []string {
	kept := slices.Clone(columns)
	for {
		lines := rows(s, r, kept)
		if len(kept) == 1 || utf8.RuneCountInString(lines[0]) <= width {
			return lines
		}
		last := 0
		for i := range kept {
			if kept[i].rank >= kept[last].rank {
				last = i
			}
		}
		kept = slices.Delete(kept, last, last+1)
	}
}

// rows are the table of these columns: the first flush left, the others right.
func rows(s *snapshot, r *rates, columns []column) []string {
	lines := make([]string, len(s.Streams)+1)
	for i, c := range columns {
		cells := []string{c.title}
		wide := len(c.title)
		for j := range s.Streams {
			var of *streamRates
			if r != nil {
				if known, ok := r.Streams[s.Streams[j].Name]; ok {
					of = &known
				}
			}
			cell := reach.Printable(c.value(s, &s.Streams[j], of))
			cells, wide = append(cells, cell), max(wide, utf8.RuneCountInString(cell))
		}
		for j, cell := range cells {
			pad := strings.Repeat(" ", wide-utf8.RuneCountInString(cell))
			if i == 0 {
				lines[j] = cell + pad
			} else {
				lines[j] += "  " + pad + cell
			}
		}
	}
	return lines
}

// counts lists what there is of each kind, the kinds without any left out.
func counts(m map[string]uint64) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if m[name] > 0 {
			parts = append(parts, name+" "+strconv.FormatUint(m[name], 10))
		}
	}
	return strings.Join(parts, ", ")
}

// clip cuts a line to a width.
func clip(line string, width int) string {
	if utf8.RuneCountInString(line) <= width {
		return line
	}
	runes := []rune(line)
	return string(runes[:max(0, width-1)]) + "…"
}

// number is a figure of three digits or so.
func number(n float64) string {
	for _, unit := range []string{"", "k", "M", "G"} {
		switch {
		case n < 9.95 && n != float64(int64(n)):
			return fmt.Sprintf("%.1f%s", n, unit)
		case n < 999.5 || unit == "" && n < 9999.5:
			return fmt.Sprintf("%.0f%s", n, unit)
		}
		n /= 1000
	}
	return fmt.Sprintf("%.0fT", n)
}

func size(n float64) string {
	for _, unit := range []string{"B", "KB", "MB", "GB"} {
		switch {
		case n < 9.95 && unit != "B":
			return fmt.Sprintf("%.1f %s", n, unit)
		case n < 1023.5:
			return fmt.Sprintf("%.0f %s", n, unit)
		}
		n /= 1024
	}
	return fmt.Sprintf("%.1f TB", n)
}

// age is a duration by its largest unit or two.
func age(d time.Duration) string {
	d = max(0, d)
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0fs", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd", int(d.Hours())/24)
}
