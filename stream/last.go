package stream

import (
	"context"
	"slices"
)

// last finds the place just before the newest N events that the request would get, over all its
// streams together, as newest has it.
//
// Kafka is asked about a stream only if it can make a difference: when memory alone hasn't N, or when it
// reaches less far back in this stream than the oldest of those N.
func (h *Hub) last(ctx context.Context, r Request, unnamed []int, st *starts) error {
	pick := &newest{n: min(r.From.N, MaxLast)}
	memories := make([]memory, len(unnamed))
	since := make([]int64, len(unnamed))
	for i, u := range unnamed {
		c := recall{memory: h.memory(r.Streams[u]), r: r, pick: pick, index: i}
		since[i] = h.recollect(&c)
		memories[i] = c.memory
	}
	for i := range unnamed {
		if since[i] <= pick.since() {
			continue
		}
		if err := h.look(ctx, memories[i], r, pick, i); err != nil {
			return err
		}
	}
	for i, u := range unnamed {
		pos := slices.Clone(memories[i].head)
		for _, m := range pick.marks {
			if m.stream == i {
				pos[m.partition] = min(pos[m.partition], m.offset)
			}
		}
		st.places[u] = place{epoch: memories[i].epoch, gen: memories[i].gen, pos: pos}
	}
	return nil
}
