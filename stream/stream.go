// Package stream holds the events of all streams in memory and knows how far each
// subscriber is.
//
// It is between Kafka and the connections. A reader (package broker) publishes what it
// reads to a [Hub]. A carrier (package server) opens a [Sub] for each connection and
// pulls from it what it writes next. The package itself does no I/O. What is older
// than memory it asks for through [History].
//
// # Terms
//
// A stream is what clients subscribe to. It is the events of one Kafka topic.
//
// A position is a vector: for each partition of a topic the next offset to come. A cursor
// is a position in each of some streams, and its text is the SSE id of an event (package
// cursor).
//
// A log is what the hub remembers of a stream: the newest entries, in the order this
// gateway read them. Each entry has a number, seq, counted across all streams of the hub.
//
// A subscriber follows, resumes or catches up. One that follows has a number, the seq of
// its next entry. One that resumes has its own position, and memory serves it. One
// that catches up is older than memory, and Kafka is read for it.
//
// # What is promised
//
// When a subscription has been handed the id V, then:
//
//  1. Every event for it that V covers, and that its starting position did not cover, has
//     been handed to it before.
//  2. No event has been handed to it that V does not cover.
//  3. No event has been handed to it twice.
//  4. Events of one partition came in the order of their offsets.
//  5. No id that it was handed before is above V in any partition, unless a reset said
//     so.
//  6. V is enough to go on at any gateway and at any time. What can't be handed to it any
//     more is said by a [Reset], before anything that comes after it.
//
// An event is for a subscription when its stream is for everyone, or when it names the
// user of the request, compared as a whole byte string. A filter leaves those about one
// subject.
//
// Less formally: resuming at the last id loses nothing, repeats nothing and shows nobody
// what is somebody else's. TestModel holds this against a model with many gateways, and a
// Kafka that is truncated, compacted and created anew.
//
// # What is not promised
//
// There is no order between partitions. Two gateways may read them in another order, and
// a client that changes gateways may see that. Timestamps order nothing but last:N and
// the state.
//
// An event is handed over once. Whether it arrived is the carrier's to know: it sends the
// id with the event, so what did not arrive is asked for again.
//
// # Concurrency
//
// One lock guards the whole hub. It is held for memory work only, and for a bounded
// amount of it. That is what makes replay and live meet exactly: nothing is published
// between a subscriber's look at the log and its being registered. Publish waits for no
// subscriber. A [Waker] is called under the lock, so it must not call the hub.
//
// All methods of [Hub] may be called concurrently, but a stream has one reader. One
// goroutine at a time calls [Hub.Begin], [Hub.Publish], [Hub.Advance], [Hub.Jump] and
// [Hub.FillState] of one stream. One goroutine at a time, its carrier, calls [Sub.Pull]
// and [Sub.AppendID] of one subscription.
//
// # Where to find what
//
// ARCHITECTURE.md has the account of cursor, log and hand-over, its rules, and a line for
// each file.
package stream

import "time"

// Stats is what a stream holds, and what has gone through it.
type Stats struct {
	Entries    int   // in memory
	Bytes      int64 // of them, as Spec.ReplayBytes counts
	Subjects   int   // in the state
	StateBytes int64 // as StateBounds.MaxBytes counts

	Subscribers int       // subscriptions that read it
	Deliveries  uint64    // events pulled, by all together
	Oldest      time.Time // when this gateway read the oldest entry in memory; zero: there is none
	Newest      time.Time // when it read the newest event ever; zero: none yet
	Stamp       time.Time // that event's timestamp, which is the producer's or Kafka's
}

// Stats returns the figures of a stream as they are now.
func (h *Hub) Stats(stream int) Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.logs[stream]
	s := Stats{Bytes: l.bytes, Subscribers: h.reading(stream), Deliveries: l.deliveries}
	if e := l.oldest(); e != nil {
		s.Oldest = h.wall(e.read)
	}
	s.Entries = -l.skip
	for _, b := range l.blocks {
		s.Entries += len(b.entries)
	}
	if l.begun {
		s.Newest, s.Stamp = h.wall(l.eventRead), Time(l.eventTime)
	}
	if t := l.state; t != nil {
		s.Subjects, s.StateBytes = t.values.len(), t.bytes()
	}
	return s
}

// wall is a time of the hub's clock as others have it.
func (h *Hub) wall(ms int64) time.Time { return h.start.Add(time.Duration(ms) * time.Millisecond) }
