package deliver

import (
	"log/slog"
	"time"
)

// event is what an engine has to say. It is said under the engine's lock.
type event struct {
	kind    eventKind
	item    *item
	outcome Outcome
	open    bool // the circuit
	pause   Pause
	err     error
}

type eventKind uint8

const (
	circuitChanged eventKind = iota
	deliveryPaused
	itemBuried // it is in the dead letters
	buryFailed // it can't be put there
	itemStuck  // its attempts are used up, and it stays
)

// quiet is the time between two log lines of one kind: a target that refuses everything
// must not fill a disk.
const quiet = 10 * time.Second

// talker logs what an engine says. It is guarded by the engine's lock.
type talker struct {
	log    *slog.Logger
	said   map[eventKind]time.Time
	unsaid map[eventKind]int
}

func newTalker(log *slog.Logger) *talker {
	return &talker{log: log, said: make(map[eventKind]time.Time), unsaid: make(map[eventKind]int)}
}

func (t *talker) say(e event) {
	if e.item != nil && time.Since(t.said[e.kind]) < quiet {
		t.unsaid[e.kind]++
		return
	}
	t.said[e.kind] = time.Now()
	log := t.log
	if n := t.unsaid[e.kind]; n > 0 {
		log, t.unsaid[e.kind] = log.With("others_not_logged", n), 0
	}
	if e.item != nil {
		log = log.With("topic", e.item.part.id.topic, "partition", e.item.part.id.num, "offset", e.item.rec.Offset,
			"cause", e.outcome.Cause, "attempts", e.item.attempts)
	}
	switch e.kind {
	case circuitChanged:
		if e.open {
			log.Warn("the target is down: one record is tried every few seconds", "cause", e.outcome.Cause, "error", e.outcome.Err)
		} else {
			log.Info("the target answers again")
		}
	case deliveryPaused:
		log.Warn("the delivery is paused: nothing is sent and nothing is lost. It goes on by POST /deliveries/NAME/resume or a restart", "why", e.pause.Why)
	case itemBuried:
		log.Warn("a record was given up, and is in the dead letters", "error", e.outcome.Err)
	case buryFailed:
		log.Error("a record was given up and can't be written to dead_letter: it stays, and its key waits", "error", e.err)
	case itemStuck:
		log.Error("a record can't be delivered and there is no dead_letter: it is tried on, and its key waits", "error", e.outcome.Err)
	}
}
