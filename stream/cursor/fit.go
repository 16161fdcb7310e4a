package cursor

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// Width is how much of an id a stream takes.
type Width struct {
	Partitions int   // of all its topics
	Topics     []int // of a stream of several topics the partitions of each; nil: it has one
}

// With is the width with one more topic.
func (w Width) With(partitions int) Width {
	return Width{Partitions: w.Partitions + partitions, Topics: append(slices.Clip(w.Topics), partitions)}
}

// TooWide returns which streams have no room in an id, by name, and how long an id of the
// others can be. Narrow streams get room first, equals by name. So a wide topic costs
// only itself, and all gateways decide alike. The streams of last come last of all.
func TooWide(c Codec, widths map[string]Width, last map[string]bool) (refused []string, length int) {
	names := slices.SortedFunc(maps.Keys(widths), func(a, b string) int {
		if last[a] != last[b] {
			return map[bool]int{false: -1, true: 1}[last[a]]
		}
		return cmp.Or(cmp.Compare(widths[a].Partitions, widths[b].Partitions), cmp.Compare(a, b))
	})
	fitting := make(map[string]Width)
	for _, name := range names {
		fitting[name] = widths[name]
		if n := c.MaxLen(fitting); n <= MaxID {
			length = n
		} else {
			delete(fitting, name)
			refused = append(refused, name)
		}
	}
	slices.Sort(refused)
	return refused, length
}

// WhyTopicTooWide says why a stream of several topics can't have one more, of so many
// partitions, and what to do.
func WhyTopicTooWide(partitions int) string {
	of := fmt.Sprintf("its %d partitions don't", partitions)
	if partitions == 1 {
		of = "it doesn't"
	}
	return fmt.Sprintf("%s fit into event ids beside the other topics: an id may have %d characters, since proxies cut longer headers. "+
		"Leave it out of the pattern, or read it from a gateway for itself", of, MaxID)
}

// WhyTooWide says why a stream of so many partitions, which [TooWide] refuses, can't be
// served, and what to do.
func WhyTooWide(partitions int) string {
	return fmt.Sprintf("its %d partitions don't fit into event ids beside those of the other streams: an id may have %d characters, since proxies cut longer headers. "+
		"Serve it from a gateway for itself, or from a topic of fewer partitions", partitions, MaxID)
}
