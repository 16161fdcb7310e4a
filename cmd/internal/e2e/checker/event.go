package checker

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Event is what the run produces.
type Event struct {
	Users   []string // whose it is; none for an audience of everyone
	Key     string   // the record's key, where the topic is compacted
	Aborted bool     // it goes into a transaction that will not be committed: nobody may see it

	// Time is the record's timestamp. The zero time is left to the producer's clock.
	Time time.Time
}

// producedEvent is an event in the books. What Kafka says about it comes with its
// acknowledgement.
type producedEvent struct {
	Event
	acked      bool
	generation int
	partition  int32
	offset     int64
	lineage    int  // how often its partition had been truncated before it was written
	truncated  bool // an election has lost it: Kafka doesn't have it any more
}

// Payload is the value of an event's record.
type Payload struct {
	Run      string `json:"run"`
	Stream   string `json:"stream"`
	Number   int    `json:"number"`
	Customer owners `json:"customer,omitempty"` // `user: value:customer` finds it
	Type     string `json:"type"`
	Pad      string `json:"pad,omitempty"` // makes one event in three large enough to be compressed
}

// owners are one user, written as a string, or several, as an array.
type owners []string

func (o owners) MarshalJSON() ([]byte, error) {
	if len(o) == 1 {
		return json.Marshal(o[0])
	}
	return json.Marshal([]string(o))
}

func (o *owners) UnmarshalJSON(data []byte) error {
	if data[0] == '[' {
		return json.Unmarshal(data, (*[]string)(o))
	}
	*o = make(owners, 1)
	return json.Unmarshal(data, &(*o)[0])
}

// Produce enters an event and returns its number in the stream and the value of its
// record. [Checker.Acked] must follow once Kafka has it.
func (c *Checker) Produce(stream string, e Event) (number int, value []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.streamLocked(stream)
	number = len(s.events)
	s.events = append(s.events, &producedEvent{Event: e, generation: s.generation})
	payload := Payload{Run: c.run, Stream: stream, Number: number, Customer: e.Users, Type: stream}
	if number%3 == 0 {
		payload.Pad = strings.Repeat("pad ", 150)
	}
	value, err := json.Marshal(payload)
	if err != nil {
		panic(err) // strings and a number
	}
	return number, value
}

// Acked enters where Kafka put an event.
func (c *Checker) Acked(stream string, number int, partition int32, offset int64) {
	defer c.Changed()
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.streamLocked(stream)
	e := s.events[number]
	e.acked, e.partition, e.offset = true, partition, offset
	e.lineage = len(s.truncations[partition])
	c.acknowledged++
	s.noteNewestLocked(number)
}

// noteNewestLocked notes an acknowledged event as its users' newest, if it is.
func (s *stream) noteNewestLocked(number int) {
	e := s.events[number]
	if e.Aborted || e.truncated || e.generation != s.generation {
		return
	}
	partition, users := e.partition, e.Users
	if s.everyone {
		users = []string{""}
	}
	for _, user := range users {
		newest := s.newest[user]
		if newest == nil {
			newest = make(map[int32]int)
			s.newest[user] = newest
		}
		if before, ok := newest[partition]; !ok || s.events[before].before(e) {
			newest[partition] = number
		}
	}
}

// AckedEvents is how many events of all streams Kafka has acknowledged.
func (c *Checker) AckedEvents() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.acknowledged
}

// AckedIn is how many of the stream's events Kafka has put in the partition, in this
// generation.
func (c *Checker) AckedIn(name string, partition int32) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.streamLocked(name)
	for _, e := range s.events {
		if e.acked && e.generation == s.generation && e.partition == partition {
			n++
		}
	}
	return n
}

// meantFor reports whether the event is the user's to see.
func (e *producedEvent) meantFor(s *stream, user string) bool {
	return !e.Aborted && (s.everyone || slices.Contains(e.Users, user))
}
