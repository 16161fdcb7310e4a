package gateway

import (
	"log/slog"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"sluice/stream"
	"sluice/stream/cursor"
)

// idLimiter is the hub as the reader sees it, with an eye on how long ids can grow. It
// takes all topics' partitions to know, so it shows only as they are found. A stream
// without room in an id is not served: proxies would cut the header that the id comes
// back in. All others are. A stream that outgrows its room while the gateway runs is
// closed itself, whatever its size. A restart decides anew, see [cursor.TooWide].
type idLimiter struct {
	*stream.Hub
	ids   cursor.Codec
	specs []stream.Spec
	log   *slog.Logger

	mu      sync.Mutex              // guards the rest; a leaf
	widths  map[string]cursor.Width // by stream, of those found
	grown   map[string]bool         // streams that outgrew their room
	refused map[string]string       // why, by stream
	length  int                     // an id of the streams that are served is no longer
	topics  []map[string]int        // by stream of several topics: the partitions of each that has room
	keys    map[string]string       // by a topic's key in ids, its name
	numbers []int                   // by stream of several topics: partitions that it ever had
}

func newIDLimiter(hub *stream.Hub, ids cursor.Codec, log *slog.Logger) *idLimiter {
	specs := hub.Specs()
	topics := make([]map[string]int, len(specs))
	for i := range topics {
		topics[i] = map[string]int{}
	}
	return &idLimiter{
		Hub: hub, ids: ids, specs: specs, log: log,
		widths: map[string]cursor.Width{}, grown: map[string]bool{}, refused: map[string]string{},
		topics: topics, keys: map[string]string{}, numbers: make([]int, len(specs)),
	}
}

// Begin passes a topic on that was found.
func (w *idLimiter) Begin(stream int, epoch string, start []int64) {
	width := cursor.Width{Partitions: len(start)}
	if epoch == cursor.Several {
		width.Topics = []int{}
	}
	back := w.setWidth(stream, width, false)
	w.Hub.Begin(stream, epoch, start)
	back()
}

// AddPartitions passes on partitions that were added.
func (w *idLimiter) AddPartitions(stream int, start []int64) {
	back := w.setWidth(stream, cursor.Width{Partitions: w.widthOf(stream).Partitions + len(start)}, true)
	w.Hub.AddPartitions(stream, start)
	back()
}

func (w *idLimiter) widthOf(index int) cursor.Width {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.widths[w.specs[index].Name]
}

// setWidth takes note of a stream's partitions. grew: it has more than before. Streams
// that no longer have room are withdrawn before it returns. Those that have room again
// are back with the call of what it returns: an id must not be written of partitions that
// are about to go.
func (w *idLimiter) setWidth(index int, width cursor.Width, grew bool) (back func()) {
	var out, in []int
	defer func() {
		for _, i := range out {
			w.Withdraw(i, true)
		}
	}()
	w.mu.Lock()
	defer w.mu.Unlock()
	name := w.specs[index].Name
	if !grew {
		delete(w.grown, name)
	}
	w.widths[name] = width
	refused, length := cursor.TooWide(w.ids, w.widths, w.grown)
	if grew && w.refused[name] == "" && slices.ContainsFunc(refused, func(s string) bool { return w.refused[s] == "" }) {
		w.grown[name] = true
		refused, length = cursor.TooWide(w.ids, w.widths, w.grown)
	}
	w.length = length
	was := w.refused
	w.refused = make(map[string]string, len(refused))
	for _, name := range refused {
		w.refused[name] = cursor.WhyTooWide(w.widths[name].Partitions)
	}
	for i, spec := range w.specs {
		why := w.refused[spec.Name]
		switch before := was[spec.Name]; {
		case why != "" && why != before:
			w.log.Error("the stream is not served", "stream", spec.Name, "why", why)
			out = append(out, i)
		case why == "" && before != "":
			w.log.Info("the stream is served again", "stream", spec.Name)
			in = append(in, i)
		}
	}
	return func() {
		for _, i := range in {
			w.Withdraw(i, false)
		}
	}
}

// why says why a stream is not served; "": it is.
func (w *idLimiter) why(stream string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.refused[stream]
}

// register adds the metrics of how near the bound is.
func (w *idLimiter) register(r prometheus.Registerer) {
	gauge := func(name, help string, value func() float64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	gauge("sluice_id_length_chars", "Characters that an event's id of all streams served can reach.", func() float64 {
		w.mu.Lock()
		defer w.mu.Unlock()
		return float64(w.length)
	})
	gauge("sluice_id_length_max_chars", "Characters that an event's id may have; a stream beyond is not served.", func() float64 { return cursor.MaxID })
	gauge("sluice_streams_too_wide", "Streams that are not served because their partitions don't fit into an id.", func() float64 {
		w.mu.Lock()
		defer w.mu.Unlock()
		return float64(len(w.refused))
	})
}
