package config

import (
	"fmt"
	"slices"

	"sluice/broker/schema"
	"sluice/server/auth"
)

const (
	minPublishBytes = 1 << 10
	maxPublishBytes = 16 << 20
)

// checkPublish finds what is wrong with POST /publish.
func (l *loader) checkPublish() {
	p := l.config.Publish
	if len(p.Streams) == 0 {
		for _, key := range []string{"publish.roles", "publish.max_bytes", "publish.rate"} {
			if _, given := l.given[key]; given {
				l.fault(key, "does nothing without publish.streams: name the streams")
			}
		}
		return
	}
	for _, name := range p.Streams {
		l.checkPublished(name)
	}
	if n := p.MaxBytes; !l.broken["publish.max_bytes"] && (n < minPublishBytes || n > maxPublishBytes) {
		l.fault("publish.max_bytes", fmt.Sprintf("%v is out of bounds: write from %v to %v", n, Size(minPublishBytes), Size(maxPublishBytes)))
	}
	c := l.config.Auth
	switch {
	case slices.Contains(p.Roles, auth.Anyone):
		l.fault("publish.roles", "anyone would let strangers write to Kafka: name roles that your login gives")
	case len(p.Roles) > 0 && c.None:
		l.fault("publish.roles", "does nothing with auth: none, where nobody has a role: remove it, and write auth.api_keys_file")
	case len(p.Roles) == 0 && len(c.APIKeys) == 0 && !l.broken["auth.api_keys_file"]:
		l.fault("publish.streams", "lets nobody publish: write publish.roles, or auth.api_keys_file")
	}
}

// checkPublished looks at a stream that is published to.
func (l *loader) checkPublished(name string) {
	const key = "publish.streams"
	s := l.config.stream(name)
	switch {
	case s == nil:
		l.fault(key, fmt.Sprintf("there is no stream %q: name one of streams", name))
		return
	case s.Topics.IsGiven():
		l.fault(key, name+" is a stream of several topics, and a record goes to one: make a stream of that topic, and publish to it")
		return
	}
	registry := l.config.SchemaRegistry.URL != ""
	as := schema.Kind(s.Decode.rules().As)
	switch {
	case as == schema.Protobuf:
		l.warn(key, name+": nothing writes Protobuf, so each message is answered 415")
	case as == schema.JSON && !registry:
		l.warn(key, name+": decode: json-schema needs schema_registry to write, so each message is answered 415")
	}
	if schema.Kind(s.KeyDecode) == schema.Protobuf {
		l.warn(key, name+": nothing writes keys in Protobuf, so each message with a key is answered 415")
	}
	if most := s.rules().SizeLimit(); int(l.config.Publish.MaxBytes) > most && !l.broken["publish.max_bytes"] {
		l.warn("publish.max_bytes", fmt.Sprintf("%v is more than %s takes (max_record_bytes: %v): what is larger would be no event", l.config.Publish.MaxBytes, name, Size(most)))
	}
}
