package deliver

import (
	"regexp"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker"
)

// into writes a record to a topic, which is made first if it isn't there.
func (s *site) into(topic, value string) {
	s.t.Helper()
	if err := s.client.ProduceSync(s.t.Context(), &kgo.Record{Topic: topic, Key: []byte(value), Value: []byte(value)}).FirstErr(); err != nil {
		s.t.Fatal(err)
	}
}

// A delivery of several topics begins at their ends, and goes on where it was in each. A
// topic that comes later is delivered from its first record, also if it came while no
// gateway ran. One that is deleted holds up no other.
func TestADeliveryOfSeveralTopics(t *testing.T) {
	for _, by := range []string{"pattern", "list"} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, 1)
			base := s.config.Source.Topic
			name := func(n string) string { return base + "." + n }
			topics := broker.ListTopics(name("a"), name("b"), name("c"), name("d"))
			if by == "pattern" {
				var err error
				if topics, err = broker.MatchTopics(regexp.QuoteMeta(base)+`\..*`, s.config.DeadLetter); err != nil {
					t.Fatal(err)
				}
			}
			s.config.Source = Source{Topics: topics}
			s.cluster.CreateTopic(t, name("a"), 2)
			s.cluster.CreateTopic(t, name("b"), 2)
			s.into(name("a"), "old")

			d, stop := s.start()
			s.awaitState(d, StateRunning, "")
			s.into(name("a"), "a1")
			s.into(name("b"), "b1")
			s.awaitValues("a1", "b1")
			if got := d.Status(); got.Topic != s.config.Source.name() || got.Partitions != 4 {
				t.Errorf("%+v", got)
			}

			s.cluster.CreateTopic(t, name("c"), 3)
			s.into(name("c"), "c1")
			s.awaitValues("a1", "b1", "c1")
			s.await("no lag", func() bool { return d.Status().Lag == 0 })
			s.await("each partition has an offset", func() bool { return s.positions() == 7 })
			stop()

			s.into(name("b"), "b2")
			s.cluster.CreateTopic(t, name("d"), 1)
			s.into(name("d"), "d1")
			if _, err := s.cluster.Admin().DeleteTopics(t.Context(), name("c")); err != nil {
				t.Fatal(err)
			}
			d, _ = s.start()
			s.awaitValues("a1", "b1", "b2", "c1", "d1")
			s.into(name("a"), "a2")
			s.awaitValues("a1", "a2", "b1", "b2", "c1", "d1")

			if _, err := s.cluster.Admin().DeleteTopics(t.Context(), name("d")); err != nil {
				t.Fatal(err)
			}
			s.await("the deleted topic is read no more", func() bool { return d.Status().Partitions == 4 })
			s.into(name("b"), "b3")
			s.awaitValues("a1", "a2", "b1", "b2", "b3", "c1", "d1")
			if got := s.inbox.values(); slices.Contains(got, "old") {
				t.Errorf("an old record was delivered: %v", got)
			}
		})
	}
}

// positions is how many partitions the group has an offset of.
func (s *site) positions() (n int) {
	all, err := s.cluster.Admin().FetchOffsets(s.t.Context(), s.config.groupName())
	if err != nil {
		return -1
	}
	for _, partitions := range all {
		n += len(partitions)
	}
	return n
}

// Of several topics none may be there yet: the delivery waits for the first. As it came
// after the delivery, it is delivered from its first record.
func TestADeliveryWaitsForTheFirstOfItsTopics(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1)
	topic := s.config.Source.Topic + ".later"
	s.config.Source = Source{Topics: broker.ListTopics(topic)}
	d, _ := s.start()
	s.awaitState(d, StateWaiting, "topic "+topic)
	s.cluster.CreateTopic(t, topic, 1)
	s.into(topic, "first")
	s.awaitValues("first")
}
