package gateway

import (
	"log/slog"
	"sync"
	"time"

	"sluice/broker"
	"sluice/stream"
)

// outageLog is a sink that logs when Kafka stops answering, and when it answers again.
// Each is one line for the whole gateway, however many streams it concerns. The reader's
// lines say why Kafka does not answer.
type outageLog struct {
	broker.Sink
	log   *slog.Logger
	specs []stream.Spec

	mu    sync.Mutex        // guards the rest; nothing but the log is called under it
	stale map[int]time.Time // by stream, since when nothing comes
	since time.Time         // of the outage that has been logged; zero: there is none
}

func newOutageLog(next broker.Sink, specs []stream.Spec, log *slog.Logger) *outageLog {
	return &outageLog{Sink: next, log: log, specs: specs, stale: map[int]time.Time{}}
}

// SetStale passes on since when a stream's topic is silent.
func (o *outageLog) SetStale(index int, since time.Time) {
	o.Sink.SetStale(index, since)
	o.mu.Lock()
	defer o.mu.Unlock()
	if !since.IsZero() {
		o.stale[index] = since
		if o.since.IsZero() {
			o.since = since
			o.log.Warn("Kafka does not answer: clients stay connected and are served from memory",
				"since", since.UTC(), "stream", o.specs[index].Name)
		}
		return
	}
	delete(o.stale, index)
	if len(o.stale) == 0 && !o.since.IsZero() {
		o.log.Info("Kafka answers again: new records are read", "after", time.Since(o.since).Round(time.Second))
		o.since = time.Time{}
	}
}
