package config

import (
	"fmt"
	"slices"

	"sluice/broker"
	"sluice/broker/deliver"
	"sluice/broker/shape"
)

const (
	maxDeliveries  = 64
	maxConcurrency = 1000
	maxWindow      = 1_000_000
)

func (l *loader) checkDeliveries() {
	all := l.config.Deliveries
	if len(all) > maxDeliveries {
		l.fault("deliveries", fmt.Sprintf("has %d deliveries: there is room for %d", len(all), maxDeliveries))
	}
	for _, s := range l.config.Streams {
		l.checkStreamDeadLetter(s)
	}
	groups := make(map[string]string) // by group, the delivery
	for i := range all {
		d := &all[i]
		l.checkDelivery(d)
		group := d.groupName()
		if other := groups[group]; other != "" {
			l.fault("deliveries."+d.Name+".group", fmt.Sprintf("%q is the group of %s too: they would share one position", group, other))
		}
		groups[group] = d.Name
	}
}

// checkStreamDeadLetter looks at the topic for a stream's records that are no event.
func (l *loader) checkStreamDeadLetter(s Stream) {
	key := "streams." + s.Name + ".dead_letter"
	switch {
	case s.DeadLetter == "":
	case !isTopic(s.DeadLetter):
		l.fault(key, notATopic(s.DeadLetter))
	case s.DeadLetter == s.Topic, slices.Contains(s.Topics.Names, s.DeadLetter):
		l.fault(key, "is the topic that the stream shows: it would never end; name another")
	}
}

// groupName is the consumer group.
func (d *Delivery) groupName() string {
	if d.Group != "" {
		return d.Group
	}
	return "sluice-" + d.Name
}

func (l *loader) checkDelivery(d *Delivery) {
	at := func(leaf string) string { return "deliveries." + d.Name + "." + leaf }
	l.checkDeliverySource(d, at)
	l.checkDeliveryTarget(d, at)
	if !l.shapeFault(at("filter"), shape.Config{Filter: d.Filter}) {
		for _, advice := range shape.Advice(d.Filter) {
			l.warn(at("filter"), advice)
		}
	}
	if _, err := deliver.ParseStart(d.From, ParseDuration); err != nil {
		l.fault(at("from"), err.Error())
	}
	l.atLeast(at("window.records"), d.Window.Records, 1)
	l.atMost(at("window.records"), d.Window.Records, maxWindow)
	if d.Window.Bytes < 1<<20 && !l.broken[at("window.bytes")] {
		l.fault(at("window.bytes"), fmt.Sprintf("%v is too little: write at least %v, so that a record fits", d.Window.Bytes, Size(1<<20)))
	}
	l.atLeast(at("concurrency"), d.Concurrency, 1)
	l.atMost(at("concurrency"), d.Concurrency, maxConcurrency)
	l.positive(at("retry.min"), d.Retry.Min)
	if d.Retry.Max < d.Retry.Min && !l.broken[at("retry.max")] && !l.broken[at("retry.min")] {
		l.fault(at("retry.max"), fmt.Sprintf("%v is less than retry.min (%v): raise it", d.Retry.Max, d.Retry.Min))
	}
	l.atLeast(at("retry.attempts"), d.Retry.Attempts, 1)
	l.positive(at("retry.max_age"), d.Retry.MaxAge)
	if d.DeadLetter == "" {
		l.warn(at("dead_letter"), "is missing: a record that the target refuses stays, and its key waits. Nor can sluice tell a first start from a position that Kafka has forgotten")
	}
}

func (l *loader) atMost(key string, n, most int) {
	if n > most && !l.broken[key] {
		l.fault(key, fmt.Sprintf("%d is too many: write %d at most", n, most))
	}
}

func (l *loader) checkDeliverySource(d *Delivery, at func(string) string) {
	stream := l.config.stream(d.Stream)
	switch {
	case d.Stream == "" && d.Topic == "":
		l.fault(at("stream"), "is missing: name the stream whose records are delivered, or a topic")
	case d.Stream != "" && d.Topic != "":
		l.fault(at("topic"), "is the stream's: remove one of stream and topic")
	case d.Stream != "" && stream == nil:
		l.fault(at("stream"), fmt.Sprintf("there is no stream %q: name one of streams", d.Stream))
	case d.Topic != "" && !isTopic(d.Topic):
		l.fault(at("topic"), notATopic(d.Topic))
	}
	for key, other := range map[string]string{"dead_letter": d.DeadLetter, "kafka.topic": d.KafkaTopic} {
		switch {
		case other == "":
		case !isTopic(other):
			l.fault(at(key), notATopic(other))
		case l.config.reads(d, other):
			l.fault(at(key), "is the topic that is delivered: it would never end; name another")
		}
	}
	if d.DeadLetter != "" && d.DeadLetter == d.KafkaTopic {
		l.fault(at("dead_letter"), "is the target too: name another topic")
	}
}

// sourceTopic is the topic that a delivery reads; "" while that isn't known, and of a
// stream of several.
func (c *Config) sourceTopic(d *Delivery) string {
	if s := c.stream(d.Stream); s != nil {
		return s.Topic
	}
	return d.Topic
}

// reads reports whether a topic is one that a delivery reads.
func (c *Config) reads(d *Delivery, topic string) bool {
	s := c.stream(d.Stream)
	if s == nil || !s.Topics.IsGiven() {
		return topic == c.sourceTopic(d)
	}
	if s.Topics.Pattern != "" {
		if _, err := broker.MatchTopics(s.Topics.Pattern); err != nil {
			return false // which is a fault itself
		}
	}
	return c.TopicsOf(*s).Has(topic)
}
