package broker

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// offline notes which partitions of a topic nobody answers for, and says it once it
// lasts. It reports whether there are any.
func (r *Reader) offline(t *topic, errs []error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	for p, err := range errs {
		if err == nil {
			delete(t.offline, int32(p))
		} else if _, known := t.offline[int32(p)]; !known {
			t.offline[int32(p)] = now
		}
	}
	if lasting := t.offlineFor(r.cfg.StaleAfter); len(lasting) > 0 && t.begun && len(lasting) < len(t.next) {
		t.complain(offlineText(lasting))
	}
	return len(t.offline) > 0
}

// offlineFor returns the partitions that nobody has answered for that long, ascending.
func (t *topic) offlineFor(d time.Duration) []int32 {
	var lasting []int32
	for _, p := range slices.Sorted(maps.Keys(t.offline)) {
		if time.Since(t.offline[p]) >= d {
			lasting = append(lasting, p)
		}
	}
	return lasting
}

// isOffline reports whether nobody has answered for a partition for that long.
func (t *topic) isOffline(p int32, d time.Duration) bool {
	since, offline := t.offline[p]
	return offline && time.Since(since) >= d
}

// offlineText says which partitions can't be read, some of them where they are many.
func offlineText(partitions []int32) string {
	const named = 10
	var list strings.Builder
	for i, p := range partitions[:min(named, len(partitions))] {
		if i > 0 {
			list.WriteString(", ")
		}
		list.WriteString(strconv.Itoa(int(p)))
	}
	if more := len(partitions) - named; more > 0 {
		fmt.Fprintf(&list, " and %d more", more)
	}
	if len(partitions) == 1 {
		return "partition " + list.String() + " has no leader that answers"
	}
	return "partitions " + list.String() + " have no leader that answers"
}

// holdUp says why a topic isn't begun yet: some of its partitions may come back in a
// moment. "": it is.
func (r *Reader) holdUp(t *topic, errs []error) string {
	var missing []int32
	for p, err := range errs {
		if err != nil {
			missing = append(missing, int32(p))
		}
	}
	if len(missing) == 0 {
		return ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.heldSince.IsZero() {
		t.heldSince = time.Now()
	}
	if time.Since(t.heldSince) >= r.cfg.OfflineHold {
		return ""
	}
	return offlineText(missing)
}
