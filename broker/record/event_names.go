package record

import "sluice/stream/sse"

// eventNames remembers what sse.EventName said of a name. So a topic with a handful of
// event names costs no allocation for each record.
type eventNames map[string]eventName

type eventName struct {
	name string
	ok   bool
}

const maxNames = 1024 // names that are remembered

// of returns an event name as text. ok: an event may have it.
func (names eventNames) of(found []byte) (name string, ok bool) {
	if known, ok := names[string(found)]; ok {
		return known.name, known.ok
	}
	name, ok = sse.EventName(found)
	if len(names) < maxNames {
		names[string(found)] = eventName{name, ok}
	}
	return name, ok
}
