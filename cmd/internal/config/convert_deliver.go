package config

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"sluice/broker/deliver"
	"sluice/broker/deliver/awsauth"
	"sluice/broker/deliver/eventbridge"
	"sluice/broker/deliver/googleauth"
	"sluice/broker/deliver/lambda"
	"sluice/broker/deliver/webhook"
	"sluice/broker/schema"
	"sluice/broker/shape"
	"sluice/stream/cursor"
)

// Delivering makes the settings of each delivery, with its target. Close the targets.
func (c *Config) Delivering(r *schema.Registry, log *slog.Logger) (all []deliver.Config, closeAll func(), err error) {
	var targets []interface{ Close() }
	closeAll = func() {
		for _, t := range targets {
			t.Close()
		}
	}
	for i := range c.Deliveries {
		d := &c.Deliveries[i]
		one := d.config(c, r)
		if one.Target, err = c.target(d, log); err != nil {
			closeAll()
			return nil, nil, fmt.Errorf("deliveries.%s.%w", d.Name, err)
		}
		if t, ok := one.Target.(interface{ Close() }); ok {
			targets = append(targets, t)
		}
		all = append(all, one)
	}
	for _, s := range c.Streams {
		if s.DeadLetter != "" {
			all = append(all, c.poison(s, r))
		}
	}
	return all, closeAll, nil
}

// target makes the target of a delivery; nil is a topic. Errors begin with the key at
// fault.
func (c *Config) target(d *Delivery, log *slog.Logger) (deliver.Target, error) {
	switch e, f := d.EventBridge, d.Lambda; {
	case d.KafkaTopic != "":
		return nil, nil
	case e.Region != "":
		t, err := eventbridge.New(eventbridge.Config{
			Bus: e.Bus, Region: e.Region, Source: e.Source, DetailType: e.DetailType, Endpoint: e.Endpoint,
			MaxEntryBytes: int(e.MaxEntryBytes), Concurrency: d.Concurrency,
		})
		if err != nil {
			return nil, fmt.Errorf("eventbridge: %w", err)
		}
		return t, nil
	case f.Function != "":
		t, err := lambda.New(lambda.Config{
			Function: f.Function, Region: f.Region, Endpoint: f.Endpoint, Timeout: f.Timeout, Concurrency: d.Concurrency, IDs: c.recordIDs(),
		})
		if err != nil {
			return nil, fmt.Errorf("lambda: %w", err)
		}
		return t, nil
	}
	h := d.HTTP
	caller, err := h.caller(log)
	if err != nil {
		return nil, fmt.Errorf("http.%w", err)
	}
	t, err := webhook.New(webhook.Config{
		URL: h.URL, SecretFile: h.SecretFile, CloudEvents: h.CloudEvents, Timeout: h.Timeout, AllowPrivate: h.AllowPrivate,
		Concurrency: d.Concurrency, IDs: c.recordIDs(), Caller: caller,
	}, log)
	if err != nil {
		return nil, fmt.Errorf("http.%w", err)
	}
	return t, nil
}

// caller is what shows a cloud's platform who calls; nil: nothing does.
func (h HTTPTarget) caller(log *slog.Logger) (webhook.Caller, error) {
	switch {
	case h.AWSRegion != "":
		s, err := awsauth.NewSigner(h.AWSRegion, h.AWSService)
		if err != nil {
			return nil, fmt.Errorf("aws_sigv4: %w", err)
		}
		return s, nil
	case h.GoogleAudience != "":
		t, err := googleauth.New(googleauth.Config{Audience: h.GoogleAudience, CredentialsFile: h.GoogleCredentialsFile}, log)
		if err != nil {
			return nil, fmt.Errorf("google.%w", err)
		}
		return t, nil
	}
	return nil, nil
}

// poison is the delivery of a stream's dead letters. No delivery that is written has a
// name like it.
func (c *Config) poison(s Stream, r *schema.Registry) deliver.Config {
	name := s.Name + ".dead_letter"
	one := deliver.Config{
		Name: name, Group: "sluice-" + name, DeadLetter: s.DeadLetter, Concurrency: 4,
		Source: deliver.Source{Topic: s.Topic, Topics: c.TopicsOf(s), Stream: s.Name, Poison: true, Rules: s.rules()},
		Window: deliver.Window{Records: 10000, Bytes: 16 << 20},
		Retry:  deliver.Retry{Min: time.Second, Max: time.Minute, Attempts: 1, MaxAge: time.Hour},
	}
	one.Source.Rules.Registry = r
	return one
}

// Delivers reports whether there is anything to deliver.
func (c *Config) Delivers() bool {
	return len(c.Deliveries) > 0 || slices.ContainsFunc(c.Streams, func(s Stream) bool { return s.DeadLetter != "" })
}

func (d *Delivery) config(c *Config, r *schema.Registry) deliver.Config {
	from, _ := deliver.ParseStart(d.From, ParseDuration) // it was checked
	one := deliver.Config{
		Name: d.Name, Group: d.groupName(), From: from, ToTopic: d.KafkaTopic, DeadLetter: d.DeadLetter,
		Source:      deliver.Source{Topic: c.sourceTopic(d), Stream: d.Stream, Filter: d.Filter, IDs: c.recordIDs()},
		Window:      deliver.Window{Records: d.Window.Records, Bytes: int64(d.Window.Bytes)},
		Concurrency: d.Concurrency, Rate: d.Rate.N, Per: d.Rate.Per,
		Retry: deliver.Retry{Min: d.Retry.Min, Max: d.Retry.Max, Attempts: d.Retry.Attempts, MaxAge: d.Retry.MaxAge},
	}
	if s := c.stream(d.Stream); s != nil {
		one.Source.Rules = s.rules()
		one.Source.Rules.Registry = r
		one.Source.Topics = c.TopicsOf(*s)
	}
	return one
}

// recordIDs makes the ids of records, as envelopes have them.
func (c *Config) recordIDs() (ids shape.RecordID) {
	if sealer, ok := c.IDs.(*cursor.Sealer); ok {
		ids.Key = sealer.RecordKey()
	}
	return ids
}

// DeliveryTopic is a topic that a delivery reads or writes, and the key that names it.
type DeliveryTopic struct{ Key, Topic, Missing string } // Missing: what happens without it

// DeliveryTopics are the topics of all deliveries, and those of streams' dead letters.
func (c *Config) DeliveryTopics() (all []DeliveryTopic) {
	add := func(key, topic, missing string) {
		if topic != "" {
			all = append(all, DeliveryTopic{key, topic, missing})
		}
	}
	const stays = "what is given up would stay, and its key wait"
	for i := range c.Deliveries {
		d, at := &c.Deliveries[i], "deliveries."+c.Deliveries[i].Name+"."
		add(at+"topic", d.Topic, "the delivery would wait for it")
		add(at+"kafka.topic", d.KafkaTopic, "nothing would be delivered")
		add(at+"dead_letter", d.DeadLetter, stays)
	}
	for _, s := range c.Streams {
		add("streams."+s.Name+".dead_letter", s.DeadLetter, stays)
	}
	return all
}
