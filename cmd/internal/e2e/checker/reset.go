package checker

import "encoding/json"

// Reset is one partition's part of a sluice.reset.
type Reset struct {
	Client    string
	Stream    string
	Reason    string
	Partition int32
}

// receivedReset is a Reset that a client was sent: events from From up to To were not.
type receivedReset struct {
	Reset
	from, to int64
	known    bool // the reset names its offsets: with sealed ids it doesn't
	after    int  // how many events the client had been sent before
}

// expectation is a Reset that has to happen.
type expectation struct {
	Reset
	generation int // the stream's, once it has happened
}

// WholeStream stands for the partition of a reset that names none.
const WholeStream int32 = -1

// Reset enters the data of a sluice.reset that the client was sent.
func (c *Client) Reset(data string) {
	defer c.checker.Changed()
	c.checker.mu.Lock()
	defer c.checker.mu.Unlock()
	var wire struct {
		Reason     string
		Stream     string
		Partitions []struct {
			Partition int32
			From, To  *int64
		}
	}
	if err := json.Unmarshal([]byte(data), &wire); err != nil {
		c.foreignLocked("the reset %.100q: %v", data, err)
		return
	}
	r := Reset{Client: c.label, Stream: wire.Stream, Reason: wire.Reason, Partition: WholeStream}
	if len(wire.Partitions) == 0 {
		c.told = append(c.told, receivedReset{Reset: r, after: len(c.received)})
	}
	for _, p := range wire.Partitions {
		r.Partition = p.Partition
		told := receivedReset{Reset: r, after: len(c.received)}
		if p.From != nil && p.To != nil {
			told.from, told.to, told.known = *p.From, *p.To, true
		}
		c.told = append(c.told, told)
	}
}

// Resets is how many partitions' resets of this stream and reason the client was sent.
func (c *Client) Resets(stream, reason string) (n int) {
	c.checker.mu.Lock()
	defer c.checker.mu.Unlock()
	for _, r := range c.told {
		if r.Stream == stream && r.Reason == reason {
			n++
		}
	}
	return n
}

// Expect says that the client has to be sent a reset, once, in each of the partitions.
// Only the events in the range of such a reset are excused. After a re-creation it is
// called after [Checker.Recreated].
func (c *Client) Expect(stream, reason string, partitions ...int32) {
	c.checker.mu.Lock()
	defer c.checker.mu.Unlock()
	for _, p := range partitions {
		c.checker.expected = append(c.checker.expected, &expectation{
			Reset:      Reset{Client: c.label, Stream: stream, Reason: reason, Partition: p},
			generation: c.checker.streamLocked(stream).generation,
		})
	}
}

// excuse is a range of one partition that a client needn't have been sent.
type excuse struct {
	stream     string
	partition  int32
	generation int
	from, to   int64
	older      bool // the topic was re-created: all from `from` on of older generations
}

func (x excuse) covers(stream string, e *producedEvent) bool {
	switch {
	case x.stream != stream || x.partition != e.partition || e.offset < x.from:
		return false
	case x.older:
		return e.generation < x.generation
	}
	return e.generation == x.generation && e.offset < x.to
}

// matchResetsLocked pairs the resets that the client was sent with those it had to be
// sent.
func (c *Client) matchResetsLocked() (excuses []excuse, missing, unexpected []Reset) {
	due := make(map[Reset][]*expectation)
	for _, x := range c.checker.expected {
		if x.Client == c.label {
			due[x.Reset] = append(due[x.Reset], x)
		}
	}
	for _, r := range c.told {
		if s := c.checker.streams[r.Stream]; s != nil && r.Reason == truncated && len(s.truncations[r.Partition]) > 0 {
			continue // see judgeTruncationsLocked
		}
		if len(due[r.Reset]) == 0 {
			unexpected = append(unexpected, r.Reset)
			continue
		}
		x := due[r.Reset][0]
		due[r.Reset] = due[r.Reset][1:]
		excuses = append(excuses, excuse{
			stream: r.Stream, partition: r.Partition, generation: x.generation,
			from: r.from, to: r.to, older: r.Reason == "recreated",
		})
	}
	for r, rest := range due {
		for range rest {
			missing = append(missing, r)
		}
	}
	return excuses, missing, unexpected
}
