package broker

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/stream"
)

// noteLeaderless notes the partitions whose leader does not answer. It reports whether
// there are any.
func (r *Reader) noteLeaderless(t *topic, errs []error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	for p, err := range errs {
		if err == nil {
			delete(t.leaderlessSince, int32(p))
		} else if _, known := t.leaderlessSince[int32(p)]; !known {
			t.leaderlessSince[int32(p)] = now
		}
	}
	if lasting := t.leaderless(r.cfg.StaleAfter); len(lasting) > 0 && t.begun && len(lasting) < len(t.next) {
		t.complain(leaderlessText(lasting))
	}
	return len(t.leaderlessSince) > 0
}

// leaderless returns the partitions without an answer for that long, ascending.
func (t *topic) leaderless(d time.Duration) []int32 {
	var lasting []int32
	for _, p := range slices.Sorted(maps.Keys(t.leaderlessSince)) {
		if time.Since(t.leaderlessSince[p]) >= d {
			lasting = append(lasting, p)
		}
	}
	return lasting
}

// isLeaderless reports whether a partition has had no answer for that long.
func (t *topic) isLeaderless(p int32, d time.Duration) bool {
	since, offline := t.leaderlessSince[p]
	return offline && time.Since(since) >= d
}

// leaderlessText says which partitions can't be read. Of many it names some.
func leaderlessText(partitions []int32) string {
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

// waitForLeaders says why reading a topic doesn't begin yet: leaders may come back in a
// moment. "": it begins.
func (r *Reader) waitForLeaders(t *topic, errs []error) string {
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
	return leaderlessText(missing)
}

// beginLeaderless begins to read partitions that had no leader when reading began, and
// have one now. Nothing was written to them in between. So they are read from where they
// ended: where the next leader epoch begins.
func (r *Reader) beginLeaderless(ctx context.Context, t *topic, m topicMeta) error {
	r.mu.Lock()
	ends := make([]int32, len(m.leaders)) // the epoch whose end is asked for
	waiting := 0
	for p := range ends {
		ends[p] = -1
		if epoch, waits := t.unbegun[int32(p)]; waits && m.leaders[p] >= 0 {
			ends[p] = epoch
			waiting++
		}
	}
	r.mu.Unlock()
	if waiting == 0 {
		return nil
	}
	stable, errs := listLeaders(ctx, r.cl, t.name, m, latest, committed)
	before, _ := epochEnds(ctx, r.cl, t.name, m, ends)
	var aged []int64
	if t.replay > 0 {
		var err error
		if aged, err = r.replayStart(ctx, t, m.reachable(errs), stable); err != nil {
			return err
		}
	}
	from, _, err := r.stateStart(ctx, t, m.reachable(errs), stable, stable)
	if err != nil {
		return err
	}
	lineages := askLineages(ctx, r.cl, t.name, m)

	r.mu.Lock()
	defer r.mu.Unlock()
	at := make(map[int32]kgo.Offset)
	for p := range ends {
		part := int32(p)
		if _, waits := t.unbegun[part]; !waits || m.leaders[p] < 0 || errs[p] != nil {
			continue
		}
		to := stable[p]
		if before[p].Epoch >= 0 {
			to = min(to, before[p].End)
		}
		if aged != nil {
			to = min(to, aged[p])
		}
		delete(t.unbegun, part)
		t.log.Info("a partition that had no leader is read from now on", "partition", p, "from", to)
		if to > 0 {
			t.next[p], t.base[p] = to, to
			r.tellJump(t, part, stream.ReasonRetention, to) // clients that come with an earlier position must be told
		}
		r.tellLineage(t, part, lineages[p].before(to))
		if t.state && from[p] < to { // the state is filled late
			t.stateFrom[p], t.next[p] = from[p], from[p]
		}
		at[part] = t.offset(part)
	}
	if len(at) > 0 {
		r.cl.AddConsumePartitions(map[string]map[int32]kgo.Offset{t.name: at})
	}
	return nil
}
