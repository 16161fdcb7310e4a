package gateway

import (
	"fmt"

	"sluice/stream/cursor"
)

// maxNumbers is how many partitions a stream of several topics may ever have had. Those
// of topics that were deleted keep their numbers.
const maxNumbers = 4096

// Admit says why a stream of several topics can't have one more; "": it can, and its room
// is taken. It implements [broker.Config.Admit]. Streams whose topic isn't found yet keep
// room for one partition.
func (w *idLimiter) Admit(stream int, topic string, partitions int) (why string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.numbers[stream]+partitions > maxNumbers {
		return fmt.Sprintf("the stream has had %d partitions, with those of topics that were deleted, and %d is the bound: restart the gateway", w.numbers[stream], maxNumbers)
	}
	name := w.specs[stream].Name
	fitting := map[string]cursor.Width{}
	for i, spec := range w.specs {
		width, found := w.widths[spec.Name]
		switch {
		case i == stream:
			fitting[spec.Name] = w.widthOfTopics(stream).With(partitions)
		case w.refused[spec.Name] != "":
		case found:
			fitting[spec.Name] = width
		default:
			fitting[spec.Name] = cursor.Width{Partitions: 1}
		}
	}
	length := w.ids.MaxLen(fitting)
	if length > cursor.MaxID {
		return cursor.WhyTopicTooWide(partitions)
	}
	w.topics[stream][topic] = partitions
	w.widths[name], w.length = w.widthOfTopics(stream), length
	return ""
}

// Release gives the room of a topic back, which was deleted.
func (w *idLimiter) Release(stream int, topic string) {
	w.mu.Lock()
	delete(w.topics[stream], topic)
	width := w.widthOfTopics(stream)
	w.mu.Unlock()
	w.setWidth(stream, width, false)()
}

// widthOfTopics is how much of an id a stream's several topics take.
func (w *idLimiter) widthOfTopics(stream int) cursor.Width {
	width := cursor.Width{Topics: []int{}}
	for _, n := range w.topics[stream] {
		width = width.With(n)
	}
	return width
}

// AddTopic passes on a topic that was found.
func (w *idLimiter) AddTopic(stream int, name, key string, start []int64) {
	back := w.setTopic(stream, name, key, len(start), 0)
	w.Hub.AddTopic(stream, name, key, start)
	back()
}

// GrowTopic passes on partitions that were added to a topic.
func (w *idLimiter) GrowTopic(stream int, key string, start []int64) {
	w.mu.Lock()
	name := w.keys[key]
	had := w.topics[stream][name]
	w.mu.Unlock()
	back := w.setTopic(stream, name, key, had+len(start), had)
	w.Hub.GrowTopic(stream, key, start)
	back()
}

// setTopic takes note of a topic's partitions, of which the stream had some.
func (w *idLimiter) setTopic(stream int, name, key string, partitions, had int) (back func()) {
	w.mu.Lock()
	w.keys[key] = name
	w.numbers[stream] += partitions - had
	w.topics[stream][name] = partitions
	width := w.widthOfTopics(stream)
	w.mu.Unlock()
	return w.setWidth(stream, width, true)
}
