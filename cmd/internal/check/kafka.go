package check

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"

	"sluice/broker"
	"sluice/cmd/internal/config"
	"sluice/stream/cursor"
)

// inspect asks Kafka for the topics, and finds what is wrong with them. Kafka being away
// is only worth a warning: the gateway would wait for it.
func (r *result) inspect(ctx context.Context, c *config.Config) {
	r.judgeCredentials(ctx, c)
	ctx, cancel := context.WithTimeout(ctx, kafkaTimeout)
	defer cancel()
	topics, err := r.inspectTopics(ctx, c)
	switch {
	case errors.Is(err, kerr.SaslAuthenticationFailed):
		r.add(c.Fault("kafka.sasl", err.Error()))
		return
	case err != nil:
		r.unlearned = true
		r.add(c.Warning("kafka.brokers", err.Error()+"; nothing was learned about the topics"))
		return
	}
	r.topics = topics
	r.judgeStreams(c)
	r.judgeDeliveries(c)
	r.judgePortal(ctx, c)
	r.judgePublishing(ctx, c)
	r.judgeLeaders(c)
	r.judgeWidths(c)
}

// judgeStreams says which topics of streams can't be read.
func (r *result) judgeStreams(c *config.Config) {
	for i, s := range c.Streams {
		key := "streams." + s.Name + ".topic"
		if s.Topics.IsGiven() {
			key += "s"
		}
		if s.Topics.Pattern != "" && len(r.matched[i]) == 0 {
			r.add(c.Warning(key, s.Topics.Pattern+" matches no topic now; the gateway would wait for one"))
		}
		for _, name := range r.topicsOf(i, s) {
			switch t := r.topics[name]; {
			case t.Denied:
				r.add(c.Fault(key, name+": "+t.Fault+"; grant it both"))
			case t.Fault != "":
				r.add(c.Warning(key, name+": "+t.Fault+"; the gateway would wait for it"))
			}
		}
	}
}

// judgeDeliveries says which topics of deliveries can't be used.
func (r *result) judgeDeliveries(c *config.Config) {
	for _, d := range c.DeliveryTopics() {
		switch t := r.topics[d.Topic]; {
		case t.Denied:
			r.add(c.Fault(d.Key, d.Topic+": "+t.Fault+"; grant it both, and WRITE where records go"))
		case t.Fault != "":
			r.add(c.Warning(d.Key, d.Topic+": "+t.Fault+"; "+d.Missing))
		}
	}
}

// judgePortal says whether the topic of keys keeps them.
func (r *result) judgePortal(ctx context.Context, c *config.Config) {
	topic := c.Portal.Topic
	if topic == "" {
		return
	}
	err := broker.CheckCompacted(ctx, c.Broker(), topic, c.Portal.MaxKeyAge)
	if unfit, is := errors.AsType[*broker.UnfitTopic](err); is {
		r.add(c.Fault("portal.topic", topic+": "+unfit.Error()))
	} else if err != nil {
		r.add(c.Warning("portal.topic", topic+": whether it is compacted can't be found out: "+err.Error()))
	}
}

// judgePublishing says which topics back ends can't write to. Whether they are there, is
// said of the streams.
func (r *result) judgePublishing(ctx context.Context, c *config.Config) {
	topics := c.PublishTopics()
	if len(topics) == 0 {
		return
	}
	denied, err := broker.NotWritable(ctx, c.Broker(), topics...)
	if err != nil {
		r.add(c.Warning("publish.streams", err.Error()+"; it isn't known whether topics can be written"))
	}
	for _, name := range denied {
		r.add(c.Fault("publish.streams", name+": Kafka doesn't allow this user to write to it (WRITE); grant it"))
	}
}

// judgeLeaders says which leaders of the streams' topics are not reached.
func (r *result) judgeLeaders(c *config.Config) {
	unreached := make(map[string][]string) // topics, by what is said of their leaders
	for i, s := range c.Streams {
		for _, name := range r.topicsOf(i, s) {
			if text := r.topics[name].Leaders; text != "" && !slices.Contains(unreached[text], name) {
				unreached[text] = append(unreached[text], name)
			}
		}
	}
	for _, text := range slices.Sorted(maps.Keys(unreached)) {
		r.add(c.Fault("kafka.brokers", fmt.Sprintf("%s; it leads partitions of %s. Brokers must advertise (advertised.listeners) names and ports that are reached from here",
			text, strings.Join(unreached[text], ", "))))
	}
}

// judgeWidths says which streams' partitions don't fit into an event's id.
func (r *result) judgeWidths(c *config.Config) {
	widths := map[string]cursor.Width{}
	for i, s := range c.Streams {
		widths[s.Name] = r.width(i, s)
	}
	refused, _ := cursor.TooWide(c.IDs, widths, nil)
	for _, name := range refused {
		say, without := c.Warning, "the gateway would serve the others without it"
		if widths[name].Topics != nil {
			r.add(say("streams."+name+".topics", fmt.Sprintf("its %d topics of %d partitions don't fit into event ids beside the other streams: an id may have %d characters. The gateway would refuse those that don't fit, by name",
				len(widths[name].Topics), widths[name].Partitions, cursor.MaxID)))
			continue
		}
		if len(refused) == len(widths) {
			say, without = c.Fault, "the gateway would serve nothing"
		}
		r.add(say("streams."+name+".topic", cursor.WhyTooWide(widths[name].Partitions)+"; "+without))
	}
}

// width is how much of an id a stream takes.
func (r *result) width(i int, s config.Stream) cursor.Width {
	if !s.Topics.IsGiven() {
		return cursor.Width{Partitions: r.topics[s.Topic].Partitions}
	}
	width := cursor.Width{Topics: []int{}}
	for _, name := range r.topicsOf(i, s) {
		if n := r.topics[name].Partitions; n > 0 {
			width = width.With(n)
		}
	}
	return width
}

// inspectTopics asks about all topics that streams name or match.
func (r *result) inspectTopics(ctx context.Context, c *config.Config) (map[string]broker.Inspected, error) {
	r.matched = make([][]string, len(c.Streams))
	var names, all []string
	for i, s := range c.Streams {
		if s.Topics.Pattern == "" {
			names = append(names, r.topicsOf(i, s)...)
			continue
		}
		if all == nil {
			var err error
			if all, err = broker.ListTopicNames(ctx, c.Broker()); err != nil {
				return nil, err
			}
		}
		topics := c.TopicsOf(s)
		for _, name := range all {
			if topics.Has(name) {
				r.matched[i] = append(r.matched[i], name)
			}
		}
		slices.Sort(r.matched[i])
		names = append(names, r.matched[i]...)
	}
	for _, d := range c.DeliveryTopics() {
		names = append(names, d.Topic)
	}
	if len(names) == 0 {
		return map[string]broker.Inspected{}, nil
	}
	slices.Sort(names)
	return broker.Inspect(ctx, c.Broker(), slices.Compact(names)...)
}

// topicsOf are the topics of a stream, as far as Kafka has said.
func (r *result) topicsOf(i int, s config.Stream) []string {
	switch {
	case s.Topics.Pattern != "" && i < len(r.matched):
		return r.matched[i]
	case s.Topics.IsGiven():
		return s.Topics.Names
	}
	return []string{s.Topic}
}
