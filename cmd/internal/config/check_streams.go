package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"sluice/broker"
	"sluice/broker/record"
	"sluice/server/auth"
	"sluice/stream"
)

const (
	// maxTopic is Kafka's own bound.
	maxTopic = 249
	// minReplayBytes holds one record of Kafka's usual greatest size (1 MiB) with its
	// bookkeeping.
	minReplayBytes = 2 << 20
)

// errNames say what a name must be, by its section.
var errNames = map[string]string{
	"streams":    "is no name for a stream: write small letters, digits and dashes, a letter first, at most 64",
	"deliveries": "is no name for a delivery: write small letters, digits and dashes, a letter first, at most 64",
}

var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]+$`)

func (l *loader) checkStreams() {
	streams := l.config.Streams
	switch n := len(streams); {
	case n == 0 && !l.misunderstood("streams"):
		l.fault("streams", "is missing: write one, such as streams: {orders: {topic: order-topic, user: key}}")
	case n > stream.MaxStreams:
		l.fault("streams", fmt.Sprintf("has %d streams: there is room for %d", n, stream.MaxStreams))
	}
	for i := range streams {
		l.checkStream(&streams[i])
	}
}

func (l *loader) checkStream(s *Stream) {
	at := func(leaf string) string { return "streams." + s.Name + "." + leaf }
	_, several := l.given[at("topics")]
	switch {
	case several && s.Topic != "":
		l.fault(at("topics"), "is given beside topic: write one of the two")
	case several:
		l.checkTopics(at("topics"), s.Topics)
	case s.Topic == "" && l.misunderstood(at("topic")):
	case s.Topic == "":
		l.fault(at("topic"), "is missing: write the Kafka topic it shows")
	case !isTopic(s.Topic):
		l.fault(at("topic"), notATopic(s.Topic))
	}
	l.positive(at("replay"), s.Replay)
	if s.ReplayBytes < minReplayBytes && !l.broken[at("replay_bytes")] {
		l.fault(at("replay_bytes"), fmt.Sprintf("%v is too little: write at least %v, so that one record fits", s.ReplayBytes, Size(minReplayBytes)))
	}
	l.checkRecordSize(at("max_record_bytes"), s)
	l.checkState(s)
	l.checkShape(s)
	l.checkDeprecated(s)
	user := l.selector(at("user"), s.User)
	l.selector(at("subject"), s.Subject)
	l.selector(at("event"), s.Event)

	if l.broken[at("audience")] {
		return
	}
	l.checkAccess(at("access"), s)
	switch {
	case s.Audience == AudienceUser && s.User == "" && l.misunderstood(at("user")):
	case s.Audience == AudienceUser && s.User == "":
		l.fault(at("user"), "is missing: write where a record says whose it is (key, header:NAME, value:PATH or key:PATH), or audience: everyone")
	case s.Audience == AudienceUser && s.Unwrap != "" && user.MayUseValue() && !s.hasState():
		l.warn(at("unwrap"), "a change that doesn't say what the row was before (Postgres without REPLICA IDENTITY FULL) tells its former user nothing: the state would know them, but a stream without subject has none")
	case s.Audience == AudienceUser && s.Unwrap == "" && user.UsesValue():
		l.warn(at("user"), "a tombstone (a record without a value) has no user this way, so a deletion reaches nobody; where the topic is compacted, use key, key:PATH or header:NAME")
	case s.Audience == AudienceEveryone && s.User != "":
		l.warn(at("user"), "is not looked at with audience: everyone")
	}
}

// checkTopics says what is wrong with a stream's several topics.
func (l *loader) checkTopics(key string, t TopicList) {
	if l.broken[key] {
		return
	}
	if t.Pattern != "" {
		if _, err := broker.MatchTopics(t.Pattern); err != nil {
			l.fault(key, err.Error())
		}
		return
	}
	if len(t.Names) == 0 {
		l.fault(key, `is empty: name topics, or write a pattern such as ^orders\..*`)
	}
	for i, name := range t.Names {
		switch {
		case strings.HasPrefix(name, "^"):
			l.fault(key, fmt.Sprintf("%s is a pattern, and stands alone: write topics: %s without a list, with | between alternatives", name, name))
		case !isTopic(name):
			l.fault(key, notATopic(name))
		case slices.Contains(t.Names[:i], name):
			l.fault(key, name+" is named twice")
		}
	}
}

// isTopic reports whether Kafka takes a name.
func isTopic(name string) bool {
	return len(name) <= maxTopic && name != "." && name != ".." && topicName.MatchString(name)
}

func notATopic(name string) string {
	return fmt.Sprintf("%q can't be a topic: write one name of letters, digits, dots, dashes and underscores, at most %d", name, maxTopic)
}

// maxRecord is the most that max_record_bytes may be: Kafka's sizes are 32 bits wide, and
// a batch may unpack to four records.
const maxRecord = 256 << 20

// checkRecordSize sees to it that a record fits into the stream's memory twice: while it
// is being sent, the next one comes.
func (l *loader) checkRecordSize(key string, s *Stream) {
	switch {
	case l.broken[key]:
	case s.MaxRecord == 0 && !l.has(key): // the default fits
	case s.MaxRecord < 1 || s.MaxRecord > maxRecord:
		l.fault(key, fmt.Sprintf("%v is no size for a record: write 1 to %v", s.MaxRecord, Size(maxRecord)))
	case s.ReplayBytes >= minReplayBytes && s.MaxRecord > s.ReplayBytes/2:
		l.fault(key, fmt.Sprintf("%v is more than half of replay_bytes (%v): a record has to fit into memory twice; lower it, or raise replay_bytes", s.MaxRecord, s.ReplayBytes))
	}
}

func (l *loader) checkState(s *Stream) {
	key := "streams." + s.Name + ".state"
	if s.State.On && s.Subject == "" && l.has(key) {
		l.warn(key, "is not kept without subject: say what an event is about, such as subject: value:orderId")
	}
	l.positive(key+".max_age", s.State.MaxAge)
	if s.State.MaxBytes < minReplayBytes && !l.broken[key+".max_bytes"] {
		l.fault(key+".max_bytes", fmt.Sprintf("%v is too little: write at least %v, so that one record fits", s.State.MaxBytes, Size(minReplayBytes)))
	}
}

func (l *loader) selector(key, text string) record.Selectors {
	s, err := record.ParseSelectors(text)
	if err != nil {
		l.broken[key] = true
		l.fault(key, err.Error())
	}
	return s
}

// checkAccess keeps events of users from those who are nobody.
func (l *loader) checkAccess(key string, s *Stream) {
	_, given := l.given[key]
	anyone := slices.Contains(s.Access, auth.Anyone)
	switch {
	case given && len(s.Access) == 0:
		l.fault(key, "is empty: write roles, or remove it for any identified user")
	case slices.Contains(s.Access, ""):
		l.fault(key, "has an empty role")
	case anyone && s.Audience != AudienceEveryone:
		l.fault(key, "anyone can't read events of users: it is for streams with audience: everyone")
	case anyone && len(s.Access) > 1:
		l.fault(key, "anyone needs no other role: write [anyone]")
	case len(s.Access) > 0 && !anyone && l.config.Auth.None:
		l.warn(key, "with auth: none nobody has a role, so nobody can read it")
	}
}
