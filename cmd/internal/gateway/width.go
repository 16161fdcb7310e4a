package gateway

import (
	"fmt"
	"log/slog"
	"sync"

	"sluice/stream"
)

// width is the hub as the reader sees it, with an eye on how long ids can grow: it takes all topics' partitions
// to know, so it shows only as they are found. At start too long an id ends the gateway, since proxies would cut
// the header it comes back in and no client could resume. When partitions are added while it runs, it is said
// in the log, and the gateway goes on for those it has.
type width struct {
	*stream.Hub
	ids   stream.IDs
	specs []stream.Spec
	log   *slog.Logger
	fail  func(error)

	mu         sync.Mutex     // guards the rest; a leaf
	partitions map[string]int // by stream, of those found
}

func newWidth(hub *stream.Hub, ids stream.IDs, log *slog.Logger, fail func(error)) *width {
	return &width{Hub: hub, ids: ids, specs: hub.Specs(), log: log, fail: fail, partitions: map[string]int{}}
}

// Begin passes a topic on that was found.
func (w *width) Begin(stream int, epoch string, start []int64) {
	first, err := w.add(stream, len(start), false)
	switch {
	case err != nil && first:
		w.fail(err)
	case err != nil:
		w.log.Error(err.Error())
	}
	w.Hub.Begin(stream, epoch, start)
}

// AddPartitions passes on partitions that were added.
func (w *width) AddPartitions(stream int, start []int64) {
	if _, err := w.add(stream, len(start), true); err != nil {
		w.log.Error(err.Error())
	}
	w.Hub.AddPartitions(stream, start)
}

// add takes note of a stream's partitions, beside those it has or instead of them. It says whether the stream is
// new, and fails when ids could become too long.
func (w *width) add(index, n int, beside bool) (first bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := w.specs[index].Name
	had, known := w.partitions[name]
	if beside {
		n += had
	}
	w.partitions[name] = n
	if chars := w.ids.MaxLen(w.partitions); chars > stream.MaxID {
		err = fmt.Errorf("streams: an event's id could reach %d characters, and proxies cut headers beyond %d: serve fewer streams, or topics of fewer partitions, from one gateway", chars, stream.MaxID)
	}
	return !known, err
}
