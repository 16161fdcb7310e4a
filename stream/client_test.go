package stream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"testing"

	"sluice/stream/cursor"
	"sluice/stream/sse"
	"sluice/stream/ssetest"
)

// connection is that of a model's client. It takes apart what the client is sent.
type connection struct {
	sub   Sub
	batch Batch
	taker taker // the client
}

// taker holds what a client is sent against what is in Kafka.
type taker interface {
	check(t *testing.T, id string, data *string) // data is that of the event with the id; nil: there is none
	reset(t *testing.T, data string)
}

// begin takes over a subscription, and says hello.
func (c *connection) begin(t *testing.T, sub Sub, o Opening) {
	c.sub = sub
	var b []byte
	for _, r := range o.Resets {
		b = sse.AppendEvent(b, r.ID, ResetEvent, r.AppendJSON(nil))
	}
	c.arrive(t, sse.AppendEvent(b, o.ID, "sluice.hello", []byte("{}")))
}

func (c *connection) disconnect() {
	c.sub.Close()
	c.sub = Sub{}
}

// pull takes a batch and lets only the first arrive bytes of it through.
func (c *connection) pull(t *testing.T, most, arrive int) Pulled {
	c.batch.Reset()
	p := c.sub.Pull(&c.batch, most)
	b := bytes.Join(c.batch.Bufs, nil)
	c.arrive(t, b[:min(arrive, len(b))])
	if p == Lagged || p == Closed || c.batch.Bytes > arrive {
		c.disconnect()
	}
	return p
}

// heartbeat has the client told the position reached, whatever it has not pulled yet.
func (c *connection) heartbeat(t *testing.T) {
	if id := string(c.sub.AppendID(nil)); id != "" {
		c.taker.check(t, id, nil)
	}
}

func (c *connection) arrive(t *testing.T, b []byte) {
	r := ssetest.NewReader(bytes.NewReader(b))
	last := ""
	for {
		ev, err := r.Next()
		if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		switch ev.Name {
		case "sluice.hello":
			c.taker.check(t, ev.ID, nil)
		case ResetEvent:
			c.taker.reset(t, ev.Data)
			if ev.ID != last { // only the last of those before hello has one
				c.taker.check(t, ev.ID, nil)
			}
		default:
			c.taker.check(t, ev.ID, &ev.Data)
		}
		last = ev.ID
	}
}

// client is a browser: it knows its URL and the last id it was sent, nothing else. What
// else is here is the test's, which holds every id against the one sentence of
// ARCHITECTURE.md.
type client struct {
	connection
	n       int
	user    string
	streams []int // it may read
	anyUser bool
	id      string

	subjects, names []string // what its URL is narrowed to; empty: to nothing

	gw      *gateway
	reading []int // streams of this connection

	world *world
	at    map[string]cursor.Segment  // where its last id stands, by stream
	told  map[string]map[int][]Moved // by stream and partition, what resets have said since that id
	whole map[string]Reason          // by stream, resets that concern all of it
}

// world is what has ever been in Kafka.
type world struct {
	kafka *fakeKafka
	specs []Spec
	ids   cursor.Codec
	was   []map[string]*fakeTopic // by stream, topics that have been deleted, by epoch
}

func (w *world) topic(stream int, epoch string) *fakeTopic {
	if t := &w.kafka.topics[stream]; t.epochText() == epoch {
		return t
	}
	return w.was[stream][epoch]
}

func (c *client) connect(t *testing.T, gw *gateway, streams []int) {
	c.disconnect()
	sub, o, err := gw.hub.Open(context.Background(), Request{
		Streams: streams, User: c.user, Filter: NewFilter(c.subjects, c.names), AnyUser: c.anyUser, Cursor: c.id, From: From{Kind: FromEarliest},
		Waker: gw.waker, Token: uint32(c.n),
	})
	if errors.Is(err, ErrNotWarm) {
		return // a gateway that is behind asks to come back
	}
	if err != nil {
		t.Fatalf("Open(%q): %v", c.id, err)
	}
	c.gw, c.reading = gw, streams
	c.told, c.whole = map[string]map[int][]Moved{}, map[string]Reason{}
	c.begin(t, sub, o)
}

// follow narrows the connection to something else. The id that answers is the last of
// the old filter, and the first of the new one.
func (c *client) follow(t *testing.T, subjects, names []string) {
	id, ok := c.sub.SetFilter(NewFilter(subjects, names))
	if !ok {
		return
	}
	c.check(t, id, nil)
	c.subjects, c.names = subjects, names
}

// reset notes what a reset says.
func (c *client) reset(t *testing.T, data string) {
	var r struct {
		Reason     Reason
		Stream     string
		Partitions []struct {
			Partition int
			From, To  *int64
		}
	}
	if err := json.Unmarshal([]byte(data), &r); err != nil {
		t.Fatal(err)
	}
	if r.Reason == ReasonRecreated {
		c.whole[r.Stream], c.told[r.Stream] = r.Reason, nil
	}
	if c.told[r.Stream] == nil {
		c.told[r.Stream] = map[int][]Moved{}
	}
	for _, m := range r.Partitions {
		said := Moved{Partition: int32(m.Partition), From: Unknown, To: Unknown}
		if (m.From == nil) != c.world.ids.Sealed() {
			t.Fatalf("client %d: %s", c.n, data)
		}
		if m.From != nil {
			said.From, said.To = *m.From, *m.To
		}
		c.told[r.Stream][m.Partition] = append(c.told[r.Stream][m.Partition], said)
	}
}

// check holds an id, and the event that it comes with, against the one sentence. Every
// event for the client that the id covers and that the one before it didn't has been sent
// with it, and no other. What is not sent has been told by a reset that names its
// partition.
func (c *client) check(t *testing.T, id string, data *string) {
	t.Helper()
	places, err := cursor.Positions(c.world.ids, id)
	if err != nil {
		t.Fatalf("client %d was sent id %q: %v", c.n, id, err)
	}
	c.world.kafka.mu.Lock()
	defer c.world.kafka.mu.Unlock()
	found := data == nil
	for _, v := range places {
		i := slices.IndexFunc(c.world.specs, func(s Spec) bool { return s.Name == v.Stream })
		was, known := c.at[v.Stream]
		if !slices.Contains(c.reading, i) {
			if !known || was.Epoch != v.Epoch || !slices.Equal(was.Offsets, v.Offsets) || !slices.Equal(was.Leaders, v.Leaders) {
				t.Fatalf("client %d: %s, which it doesn't read, went from %v to %v", c.n, v.Stream, was, v)
			}
			continue
		}
		c.at[v.Stream] = v
		if !known {
			continue
		}
		topic := c.world.topic(i, v.Epoch)
		if v.Epoch != was.Epoch {
			if c.whole[v.Stream] != ReasonRecreated {
				t.Fatalf("client %d: from %s to %s of %s without a word", c.n, was.Epoch, v.Epoch, v.Stream)
			}
			was = cursor.Segment{Epoch: v.Epoch}
			for p := range v.Offsets {
				start := int64(0)
				if moved := c.told[v.Stream][p]; len(moved) > 0 {
					start = max(0, moved[0].To)
				}
				was.Offsets = append(was.Offsets, min(start, v.Offsets[p]))
			}
		}
		for p := range max(len(v.Offsets), len(was.Offsets)) {
			found = c.checkPartition(t, topic, i, p, was, v, data) || found
		}
	}
	if !found {
		t.Fatalf("client %d was sent %.40s with the id %s, which isn't its event there; before it stood at %v", c.n, *data, id, c.at)
	}
	c.id = id
	c.told, c.whole = map[string]map[int][]Moved{}, map[string]Reason{}
}

// checkPartition is check for one partition; it reports whether data is the event that
// comes there.
func (c *client) checkPartition(t *testing.T, topic *fakeTopic, stream, p int, was, v cursor.Segment, data *string) (found bool) {
	t.Helper()
	if p >= len(topic.partitions) {
		t.Fatalf("client %d: partition %d of %s isn't there: was %v now %v told %v", c.n, p, v.Stream, was, v, c.told)
	}
	from, to := at(was.Offsets, p), at(v.Offsets, p)
	moved := c.told[v.Stream][p]
	told := len(moved) > 0
	epoch := cursor.LeaderAt(v.Leaders, p)
	lost := to > from || to == from && cursor.LeaderAt(was.Leaders, p) != noEpoch
	excused := c.whole[v.Stream] != "" || c.gw.newestOnly && (told || c.gw.unaware(stream, p))
	if len(topic.epochs) > 0 && lost && epoch == noEpoch && !excused {
		t.Fatalf("client %d: no leader epoch of partition %d of %s at %d: was %v, now %v", c.n, p, v.Stream, to, was, v)
	}
	log := topic.log(p, epoch)
	if from > 0 && len(topic.epochs) > 0 && cursor.LeaderAt(was.Leaders, p) != noEpoch {
		if parted := partedAt(topic.log(p, cursor.LeaderAt(was.Leaders, p)), log, from); parted < from {
			if !told {
				t.Fatalf("client %d: partition %d of %s parted at %d from where it was without a word: was %v, now %v",
					c.n, p, v.Stream, parted, was, v)
			}
			from = parted
		}
	}
	if to < from {
		if !told {
			t.Fatalf("client %d: partition %d of %s went back from %d to %d without a word", c.n, p, v.Stream, from, to)
		}
		return false
	}
	alive := int64(len(log)) // from here on its leader's log is no more
	if alive = partedAt(log, topic.partitions[p], alive); to > int64(len(log)) {
		to = int64(len(log))
	}
	for o := from; o < to; o++ {
		ev := log[o]
		if data != nil && o == to-1 {
			if ev != nil && c.gets(stream, ev) && string(c.text(stream, ev)) == *data {
				found = true
				continue
			}
			// Read from Kafka after an election that the gateway has yet to notice, and
			// tell.
			if o >= alive && c.anywhere(topic, stream, p, o, *data) {
				return true
			}
		}
		if ev == nil || !c.gets(stream, ev) || o >= alive {
			continue
		}
		if !slices.ContainsFunc(moved, func(m Moved) bool { return m.To < 0 || m.From <= o && o < m.To }) {
			t.Fatalf("client %d (%s %q %q) lost %.40s between %d and %d without a word; was %v, now %v, told %v",
				c.n, c.user, c.subjects, c.names, ev.Data, from, to, was, v, c.told)
		}
	}
	return found
}

// anywhere reports whether an event of the client's stands at an offset in any leader's
// log.
func (c *client) anywhere(topic *fakeTopic, stream, p int, o int64, data string) bool {
	for epoch := range topic.lineage(p).newest() + 1 {
		if log := topic.log(p, epoch); o < int64(len(log)) && log[o] != nil && string(c.text(stream, log[o])) == data {
			return true
		}
	}
	return false
}

// partedAt returns the first offset before end at which two logs differ, end if there is
// none.
func partedAt(a, b []*Event, end int64) int64 {
	if len(a) > 0 && len(b) > 0 && &a[0] == &b[0] { // of one leader
		return min(end, int64(len(a)), int64(len(b)))
	}
	for o := range end {
		if o >= int64(len(a)) || o >= int64(len(b)) || a[o] != b[o] {
			return o
		}
	}
	return end
}

// gets reports whether the client is sent an event of a stream, or that it is gone.
func (c *client) gets(stream int, ev *Event) bool { return c.text(stream, ev) != nil }

// text is what the client is sent of an event's record; nil: nothing.
func (c *client) text(stream int, ev *Event) []byte {
	everyone := c.world.specs[stream].Audience == AudienceEveryone
	is := func(users [][]byte, subject []byte, name string) bool {
		if name == "" {
			name = "message"
		}
		return (len(c.subjects) == 0 || slices.Contains(c.subjects, string(subject))) &&
			(len(c.names) == 0 || slices.Contains(c.names, name)) &&
			(everyone || len(users) > 0 && (c.anyUser || has(users, c.user)))
	}
	switch {
	case !ev.Hidden && is(ev.Users, ev.Subject, ev.Name):
		return ev.Data
	case !everyone && is(ev.Former, ev.FormerSubject, "delete"):
		return ev.FormerData
	}
	return nil
}
