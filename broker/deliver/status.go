package deliver

import (
	"maps"
	"time"
)

// Status is how a delivery is, on this gateway.
type Status struct {
	Name       string
	Topic      string // or topics, as they were written
	Group      string
	Target     string
	DeadLetter string
	State      State
	Partitions int   // this gateway's
	Lag        int64 // records of them that are not done; -1: not known
	Held       int   // records in memory
	HeldBytes  int64
	InFlight   int
	Waiting    int       // keys that wait for their next attempt
	Stuck      int       // records whose attempts are used up, without dead letters
	Full       int       // partitions that are not fetched, since their window is full
	Oldest     time.Time // when the record came that waits longest; zero: none waits
	Circuit    string    // closed or open
	Delivered  uint64
	Attempts   map[string]uint64 // that failed, by cause
	Dropped    map[string]uint64 // records that are not for the target, by reason
	Dead       map[string]uint64 // dead letters, by cause
}

// The words of Status.Circuit.
const (
	CircuitClosed = "closed"
	CircuitOpen   = "open"
)

// Status says how the delivery is.
func (d *Delivery) Status() Status {
	c := d.config
	s := Status{Name: c.Name, Topic: c.Source.name(), Group: c.groupName(), Target: d.target.String(), DeadLetter: c.DeadLetter}
	d.mu.Lock()
	s.State = d.state
	ends := maps.Clone(d.ends)
	d.mu.Unlock()
	d.engine.report(&s, ends)
	return s
}

func (e *engine) report(s *Status, ends map[partitionID]int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.paused.On && s.State.Word == StateRunning {
		s.State = State{Word: StatePaused, Why: e.paused.Why, Since: e.paused.Since}
	}
	s.Partitions, s.InFlight, s.Waiting, s.Circuit = len(e.partitions), e.flying, len(e.waiting), CircuitClosed
	if e.circuit.open {
		s.Circuit = CircuitOpen
	}
	for id, p := range e.partitions {
		if end, ok := ends[id]; !ok {
			s.Lag = -1
		} else if s.Lag >= 0 {
			s.Lag += max(end, p.next) - p.low
		}
		s.HeldBytes += p.bytes
		if p.paused {
			s.Full++
		}
		for _, it := range p.items {
			if it.done {
				continue
			}
			s.Held++
			if it.stuck {
				s.Stuck++
			}
			if s.Oldest.IsZero() || it.taken.Before(s.Oldest) {
				s.Oldest = it.taken
			}
		}
	}
	s.Delivered = e.totals.delivered
	s.Attempts, s.Dropped, s.Dead = maps.Clone(e.totals.attempts), maps.Clone(e.totals.dropped), maps.Clone(e.totals.deadLetters)
}
