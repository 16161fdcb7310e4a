package broker

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"sluice/stream/cursor"
)

// Topics says which topics a stream of several has, and which of them each of the
// stream's partitions is. The reader takes topics up, and the history goes by that. So
// both are given the same one.
type Topics struct {
	names    []string       // a list; nil: by pattern
	pattern  *regexp.Regexp // of whole names
	text     string         // the pattern as it was written
	excluded map[string]bool

	mu    sync.Mutex // guards the rest; a leaf
	ever  map[string]bool
	slots []topicSlot // by partition of the stream
}

// topicSlot is what one of a stream's partitions is. It never becomes another's.
type topicSlot struct {
	topic  string
	key    string
	epoch  string
	number int32
	gone   bool // the topic was deleted
}

// ListTopics is a stream of these topics.
func ListTopics(names ...string) *Topics {
	return &Topics{names: slices.Clone(names), ever: make(map[string]bool)}
}

// MatchTopics is a stream of all topics whose whole name a regular expression (RE2)
// matches. It never has internal topics (__… and those that Kafka calls so), nor the
// excluded ones.
func MatchTopics(pattern string, excluded ...string) (*Topics, error) {
	whole, err := regexp.Compile("^(?:" + pattern + ")$")
	if err != nil {
		return nil, fmt.Errorf("%q is no regular expression: %w", pattern, err)
	}
	s := &Topics{pattern: whole, text: pattern, excluded: make(map[string]bool), ever: make(map[string]bool)}
	for _, name := range excluded {
		s.excluded[name] = true
	}
	return s, nil
}

// Listed are the topics of a list, whether they are there or not; nil: it is a pattern.
func (s *Topics) Listed() []string { return slices.Clone(s.names) }

// Has reports whether a topic is one of the stream's.
func (s *Topics) Has(name string) bool {
	if s.pattern == nil {
		return slices.Contains(s.names, name)
	}
	return !strings.HasPrefix(name, "__") && !s.excluded[name] && s.pattern.MatchString(name)
}

// add takes up partitions of a topic, after the stream's others, and returns which of the
// stream's they are.
func (s *Topics) add(topic, key, epoch string, first, n int) (partitions []int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ever[key] = true
	for number := first; number < first+n; number++ {
		partitions = append(partitions, int32(len(s.slots)))
		s.slots = append(s.slots, topicSlot{topic: topic, key: key, epoch: epoch, number: int32(number)})
	}
	return partitions
}

// remove notes that a topic was deleted.
func (s *Topics) remove(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.slots {
		s.slots[i].gone = s.slots[i].gone || s.slots[i].key == key
	}
}

// knew reports whether a topic of this key was there once.
func (s *Topics) knew(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ever[key]
}

// all returns what the stream's partitions are.
func (s *Topics) all() []topicSlot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.slots)
}

// keyOf is a topic's key in ids.
func keyOf(topic, epoch string) string { return cursor.TopicKey(topic, epoch) }

// topicNames are the topics that streams name, without patterns.
func topicNames(streams []StreamConfig) (names []string) {
	for _, s := range streams {
		if s.Topics == nil {
			names = append(names, s.Topic)
		} else {
			names = append(names, s.Topics.names...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// has reports whether a topic is one of the stream's, by its name.
func (s StreamConfig) has(topic string) bool {
	if s.Topics == nil {
		return s.Topic == topic
	}
	return s.Topics.Has(topic)
}
