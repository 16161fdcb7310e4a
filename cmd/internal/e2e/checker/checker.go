// Package checker keeps the books of an end-to-end run: what was produced, what each
// client was sent. Afterwards it proves that nothing was lost, sent twice, out of a
// partition's order, or to the wrong client. It also proves that clients were told of
// exactly the resets that had to happen.
//
// It judges from outside, by the payloads alone. Ids are the gateway's business: the
// checker never looks at one. What an event's place in its partition is, Kafka said when
// it acknowledged it.
//
// Files:
//   - checker.go, event.go, client.go: a run, what is produced, what a client is sent.
//   - reset.go, truncation.go: resets that have to happen, and unclean elections.
//   - verdict.go: what is wrong.
//   - changes.go: waiting until a condition is true.
package checker

import (
	"fmt"
	"sync"
)

// Checker keeps the books of one run. It is safe for concurrent use.
type Checker struct {
	run string
	Changes

	mu           sync.Mutex // guards the rest and what it leads to; a leaf lock
	streams      map[string]*stream
	clients      []*Client
	expected     []*expectation
	acknowledged int // events that Kafka has acknowledged
}

// stream is one stream's events, in the order they were given numbers.
type stream struct {
	name       string
	everyone   bool
	generation int // how often the topic was re-created
	events     []*producedEvent

	// newest is, by user ("" for everyone) and partition, the acknowledged event with the
	// highest offset of this generation.
	newest map[string]map[int32]int

	// truncations are, by partition, the offsets from which on unclean elections have lost
	// records of this generation, in the order of the elections.
	truncations map[int32][]int64
}

// New returns the empty books of a run. The run's name goes with every event, so that
// another run's are told from its own.
func New(run string) *Checker {
	return &Checker{run: run, streams: make(map[string]*stream)}
}

// Stream makes a stream known. everyone is its audience: each event goes to all who read
// it.
func (c *Checker) Stream(name string, everyone bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.streams[name] = &stream{name: name, everyone: everyone, newest: make(map[string]map[int32]int), truncations: make(map[int32][]int64)}
}

// Recreated says that the stream's topic was deleted and created again: what is produced
// from now on is a new generation, whose offsets begin anew.
func (c *Checker) Recreated(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.streamLocked(name)
	s.generation++
	clear(s.newest)
	clear(s.truncations)
}

func (c *Checker) streamLocked(name string) *stream {
	s := c.streams[name]
	if s == nil {
		panic(fmt.Sprintf("checker: nobody told of a stream %q", name))
	}
	return s
}
