package cursor

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// TooWide returns which streams have no room in an id, by name, and how long an id of the
// others can be. partitions has the number of partitions by stream. Narrow streams get
// room first, equals by name. So a wide topic costs only itself, and all gateways decide
// alike. The streams of last come last of all.
func TooWide(c Codec, partitions map[string]int, last map[string]bool) (refused []string, length int) {
	names := slices.SortedFunc(maps.Keys(partitions), func(a, b string) int {
		if last[a] != last[b] {
			return map[bool]int{false: -1, true: 1}[last[a]]
		}
		return cmp.Or(cmp.Compare(partitions[a], partitions[b]), cmp.Compare(a, b))
	})
	fitting := make(map[string]int)
	for _, name := range names {
		fitting[name] = partitions[name]
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

// WhyTooWide says why a stream of so many partitions, which [TooWide] refuses, can't be
// served, and what to do.
func WhyTooWide(partitions int) string {
	return fmt.Sprintf("its %d partitions don't fit into event ids beside those of the other streams: an id may have %d characters, since proxies cut longer headers. "+
		"Serve it from a gateway for itself, or from a topic of fewer partitions", partitions, MaxID)
}
