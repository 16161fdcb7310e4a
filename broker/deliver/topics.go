package deliver

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// name is the topic, or the topics as they were written.
func (s Source) name() string {
	switch {
	case s.Topics == nil:
		return s.Topic
	case s.Topics.Listed() == nil:
		return s.Topics.String()
	}
	return strings.Join(s.Topics.Listed(), ", ")
}

// has reports whether a topic is one of the source's.
func (s Source) has(topic string) bool {
	if s.Topics != nil {
		return s.Topics.Has(topic)
	}
	return s.Topic == topic
}

// findTopics returns the topics of the source that Kafka has. One alone has to be there.
// Of several some may be missing: they are taken up when they come.
func (d *Delivery) findTopics(ctx context.Context) (map[string]kadm.TopicDetail, error) {
	named := []string{d.config.Source.Topic}
	if s := d.config.Source.Topics; s != nil {
		named = s.Listed() // none: all of Kafka
	}
	what := "topic " + d.config.Source.name()
	all, err := d.admin.ListTopics(ctx, named...)
	if err != nil {
		return nil, about(what, err)
	}
	found := make(map[string]kadm.TopicDetail)
	missing := error(kerr.UnknownTopicOrPartition)
	for _, topic := range all {
		switch err := topic.Err; {
		case !d.config.Source.has(topic.Topic):
		case errors.Is(err, kerr.UnknownTopicOrPartition), err == nil && len(topic.Partitions) == 0:
		case err != nil && d.config.Source.Topics == nil:
			missing = err
		case err != nil:
			return nil, about("topic "+topic.Topic, err)
		default:
			found[topic.Topic] = topic
		}
	}
	if len(found) == 0 {
		return nil, about(what, missing)
	}
	return found, nil
}

// topicSet are the topics that a session reads, with their ids.
type topicSet map[string]kadm.TopicID

func idsOf(topics map[string]kadm.TopicDetail) topicSet {
	set := make(topicSet)
	for name, topic := range topics {
		set[name] = topic.ID
	}
	return set
}

func (t topicSet) names() []string { return slices.Sorted(maps.Keys(t)) }

// other returns a topic that has another id than it had: it was created anew. The zero id
// says nothing.
func (t topicSet) other(now topicSet) (name string, isOther bool) {
	for name, id := range now {
		if had := t[name]; id != had && id != (kadm.TopicID{}) && had != (kadm.TopicID{}) {
			return name, true
		}
	}
	return "", false
}

// errTopics ends a session whose topics are not those of the source any more. The next
// one begins with them.
var errTopics = errors.New("the source has other topics")

// changed reports whether there are others than those of the session, twice in a row: a
// broker may learn of a topic late, or of its end.
func (s *session) changed(now topicSet) bool {
	before := s.differed
	s.differed = !slices.Equal(s.topics.names(), now.names())
	return before && s.differed
}
