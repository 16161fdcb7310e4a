package broker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"sluice/broker/record"
	"sluice/stream"
	"sluice/stream/cursor"
)

// several is a stream of several topics, as far as the reader is with it. Reader.mu
// guards it.
type several struct {
	index  int
	name   string
	topics *Topics
	begun  bool // Kafka has been asked for topics once
	warm   bool
	first  []*topic  // that were there then
	stale  time.Time // since when one of its topics is; zero: none is

	events, records uint64 // of topics that were deleted
	jumps           map[stream.Reason]uint64
	refused         map[record.Refusal]uint64
	lastRefused     map[record.Refusal]RefusedRecord
}

// addTopic begins to know a topic. isNew says that it was created since the start: it is
// read from its first record. Which streams show a topic is told by its name, so all of
// them have it from the beginning.
func (r *Reader) addTopic(name string, isNew bool) *topic {
	t := newTopic(name, r.log)
	t.isNew, t.answeredAt = isNew, time.Now()
	for i, s := range r.configs {
		if !s.has(name) {
			continue
		}
		d := r.decoders[i]
		if s.Topics != nil {
			d = d.For(name)
		}
		v := newView(i, s, d)
		if v.several = s.Topics; v.several == nil {
			t.views = append(t.views, v)
		} else {
			t.several = append(t.several, v)
		}
		if !d.IsPlain() && t.shaping == nil {
			t.shaping = newShaping()
		}
		t.replay = max(t.replay, s.Replay)
		t.noteState(s)
	}
	r.topics[name] = t
	if r.start != nil {
		r.start(t)
	}
	return t
}

// discover takes up the topics that match a pattern and are not known yet.
func (r *Reader) discover(ctx context.Context) error {
	patterns := slices.DeleteFunc(slices.Clone(r.severals), func(s *several) bool { return s.topics.pattern == nil })
	if len(patterns) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	names, err := askTopicNames(ctx, r.cl)
	if err != nil {
		return err
	}
	fresh := slices.DeleteFunc(names, func(name string) bool { // without the lock: a cluster may have many
		_, known := r.topics[name]
		return known || !slices.ContainsFunc(patterns, func(s *several) bool { return s.topics.Has(name) })
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range fresh {
		r.addTopic(name, r.listed)
	}
	r.listed = true
	return nil
}

// beginSeveral begins the streams of several topics, once it is known which there are.
func (r *Reader) beginSeveral(metas map[string]topicMeta) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.severals {
		if s.begun {
			continue
		}
		s.begun = true
		r.sink.Begin(s.index, cursor.Several, nil)
		for name, t := range r.topics {
			if !s.topics.Has(name) {
				continue
			}
			if metas[name].err == nil {
				s.first = append(s.first, t)
			} else {
				t.isNew = t.isNew || errors.Is(metas[name].err, kerr.UnknownTopicOrPartition)
			}
		}
	}
}

// admit decides which topics have room in ids, small ones first. A topic without room is
// refused by name, and the others go on.
func (r *Reader) admit(metas map[string]topicMeta) {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := slices.SortedFunc(maps.Keys(metas), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(metas[a].leaders), len(metas[b].leaders)), cmp.Compare(a, b))
	})
	for _, name := range names {
		t, m := r.topics[name], metas[name]
		for _, v := range t.several {
			if v.admitted || m.err != nil {
				continue
			}
			why := ""
			if v.several.knew(keyOf(name, m.id.epoch())) {
				why = isAgain
			} else if r.cfg.Admit != nil {
				why = r.cfg.Admit(v.stream, name, len(m.leaders))
			}
			if v.admitted = why == ""; why != v.unadmitted && why != "" {
				t.log.Error("the topic is not served", "stream", v.name, "why", why)
			}
			v.unadmitted = why
		}
	}
}

// isAgain is said of a topic that looks like one that was deleted: ids couldn't tell the
// two apart. Brokers without topic ids have no more to tell them by.
const isAgain = "it was deleted and is there again, with the same id or none: restart the gateway"

// isRefused reports whether no stream shows a topic.
func (t *topic) isRefused() bool {
	return len(t.views) == 0 && !slices.ContainsFunc(t.several, func(v *view) bool { return v.admitted })
}

// show has the streams of several topics show one that has been found. start is where its
// partitions are read from.
func (r *Reader) show(t *topic, start []int64) {
	key := keyOf(t.name, t.epoch)
	for _, v := range t.several {
		r.hide(t, v)
		if v.admitted && v.several.knew(key) {
			t.log.Error("the topic is not served", "stream", v.name, "why", isAgain)
			v.admitted, v.unadmitted = false, isAgain
			if r.cfg.Release != nil {
				r.cfg.Release(v.stream, t.name)
			}
		}
		if !v.admitted {
			continue
		}
		v.key, v.partitions = key, v.several.add(t.name, key, t.epoch, 0, len(start))
		t.views = append(slices.Clip(t.views), v)
		r.sink.AddTopic(v.stream, t.name, key, slices.Clone(start))
	}
}

// hide has a stream of several topics show one no more.
func (r *Reader) hide(t *topic, v *view) {
	if v.key == "" {
		return
	}
	v.several.remove(v.key)
	r.sink.RemoveTopic(v.stream, v.key)
	v.jumps[stream.ReasonRecreated]++
	v.key, v.partitions = "", nil
	t.views = slices.DeleteFunc(slices.Clone(t.views), func(other *view) bool { return other == v })
}

// missedRounds is how many rounds in a row brokers must not have a topic before it counts
// as deleted.
const missedRounds = 3

// noteNotMissing notes that brokers don't say any more that they lack the topic.
func (t *topic) noteNotMissing() { t.missed, t.missingSince = 0, time.Time{} }

// dropDeleted forgets topics that brokers have not had for a while, and that only streams
// of several topics show. Those streams are told.
func (r *Reader) dropDeleted() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, t := range r.topics {
		if len(t.several) == 0 || t.missed < missedRounds || time.Since(t.missingSince) < r.cfg.DeletedAfter {
			continue
		}
		shown := false
		for _, v := range t.several {
			shown = shown || v.key != ""
			if r.hide(t, v); v.admitted && r.cfg.Release != nil {
				r.cfg.Release(v.stream, name)
			}
			v.admitted, v.unadmitted = false, ""
		}
		if shown {
			t.log.Warn("the topic was deleted: its streams go on without it")
		}
		if len(t.views) > 0 {
			continue // a stream of this topic alone waits for it
		}
		r.setStale(t, time.Time{})
		r.unpause(t) // the client would remember it, and the topic may come again
		r.forgetAllShaping(t)
		r.cl.PurgeTopicsFromClient(name)
		if t.stop != nil {
			t.stop()
		}
		for _, v := range t.several {
			r.severalOf(v.stream).keep(v)
		}
		delete(r.topics, name)
		if slices.Contains(topicNames(r.configs), name) {
			r.addTopic(name, true)
		}
	}
}

func (r *Reader) severalOf(stream int) *several {
	for _, s := range r.severals {
		if s.index == stream {
			return s
		}
	}
	return nil
}

// keep keeps the counts of a topic that is forgotten.
func (s *several) keep(v *view) {
	s.events += v.events
	s.records += v.records
	for reason, n := range v.jumps {
		s.jumps[reason] += n
	}
	for one, r := range v.refused {
		s.refused[one] += r.n
		if r.last.At.After(s.lastRefused[one].At) {
			s.lastRefused[one] = r.last
		}
	}
}

// endSeveralRound draws the conclusions of a round of the watch.
func (r *Reader) endSeveralRound() {
	r.dropDeleted()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checkSeveralWarm()
}

// checkSeveralWarm tells the sink once that a stream of several topics has been read up
// to where its topics ended at start. Topics that can't be read don't count.
func (r *Reader) checkSeveralWarm() {
	for _, s := range r.severals {
		if s.warm || !s.begun {
			continue
		}
		if !slices.ContainsFunc(s.first, func(t *topic) bool { return !t.warm && t.unreadableSince.IsZero() && !t.isRefused() }) {
			s.warm, s.first = true, nil
			r.sink.SetWarm(s.index)
		}
	}
}

// tellSeveralStale tells the sink since when one of a stream's several topics is stale.
func (r *Reader) tellSeveralStale(index int) {
	s := r.severalOf(index)
	var since time.Time
	for _, t := range r.topics {
		if s.topics.Has(t.name) && !t.staleSince.IsZero() && (since.IsZero() || t.staleSince.Before(since)) {
			since = t.staleSince
		}
	}
	if !s.stale.Equal(since) {
		s.stale = since
		r.sink.SetStale(index, since)
	}
}

// at is which of the stream's partitions one of the topic's is.
func (v *view) at(partition int32) int32 {
	if v.several == nil {
		return partition
	}
	return v.partitions[partition]
}

// TopicStatus is how far the reader is with one of a stream's several topics.
type TopicStatus struct {
	Topic      string
	Partitions int
	Fetching   bool
	Behind     int64  // -1: not known
	Waiting    string // why it is not fetching; "": it is
	Refused    bool   // it has no room in ids
	Records    uint64
	Events     uint64
}

// PartitionStatus is how far the reader is with a partition of one of several topics.
type PartitionStatus struct {
	Topic     string
	Number    int32
	Next, End int64 // End -1: not known
}

// status puts a stream's status together from those of its topics. parts are by
// topic.
func (s *several) status(parts []Status) Status {
	all := Status{
		Stream: s.name, Topic: s.topics.String(), Epoch: cursor.Several, Warm: s.warm, Fetching: s.begun, Exists: len(parts) > 0,
		Events: s.events, Records: s.records, Jumps: maps.Clone(s.jumps), Refused: maps.Clone(s.refused), LastRefused: maps.Clone(s.lastRefused), StaleSince: s.stale,
	}
	troubles := 0
	for _, one := range parts {
		topic := TopicStatus{Topic: one.Topic, Partitions: one.Partitions, Fetching: one.Fetching, Behind: one.Behind, Waiting: one.Waiting, Refused: one.Unadmitted, Records: one.Records, Events: one.Events}
		all.Topics = append(all.Topics, topic)
		all.add(one)
		for number := range one.Next[:min(len(one.Next), len(one.at))] {
			p := PartitionStatus{Topic: one.Topic, Number: int32(number), Next: one.Next[number], End: -1}
			if number < len(one.LastStableOffsets) {
				p.End = one.LastStableOffsets[number]
			}
			all.Parts = append(all.Parts, p)
		}
		if one.Waiting != "" {
			if troubles++; troubles == 1 {
				all.Waiting = one.Topic + ": " + one.Waiting
			}
		}
	}
	switch {
	case troubles > 1:
		all.Waiting += fmt.Sprintf(" (and %d more of its topics wait)", troubles-1)
	case !s.begun:
		all.Waiting = "Kafka has not said yet which topics there are"
	}
	return all
}

// add adds what a topic has to its stream.
func (s *Status) add(one Status) {
	s.Partitions += one.Partitions
	s.Records, s.Events = s.Records+one.Records, s.Events+one.Events
	for reason, n := range one.Jumps {
		s.Jumps[reason] += n
	}
	for refusal, n := range one.Refused {
		s.Refused[refusal] += n
		if last, ok := one.LastRefused[refusal]; ok && last.At.After(s.LastRefused[refusal].At) {
			s.LastRefused[refusal] = last
		}
	}
	if !one.Unadmitted && one.Exists {
		s.Fetching = s.Fetching && one.Fetching
		if s.Behind = addKnown(s.Behind, one.Behind); one.Epoch != "" {
			s.LSOLag = addKnown(s.LSOLag, one.LSOLag)
		}
	}
	if s.AnsweredAt.IsZero() || one.AnsweredAt.Before(s.AnsweredAt) && !one.AnsweredAt.IsZero() {
		s.AnsweredAt = one.AnsweredAt
	}
	for _, h := range one.Held {
		h.Topic = one.Topic
		s.Held = append(s.Held, h)
	}
}

// addKnown adds two numbers of which -1 is not known.
func addKnown(a, b int64) int64 {
	if a < 0 || b < 0 {
		return -1
	}
	return a + b
}

// String is the topics as the configuration has them.
func (s *Topics) String() string {
	if s.pattern == nil {
		return fmt.Sprint(s.names)
	}
	return s.text
}
