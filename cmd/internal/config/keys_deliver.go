package config

import "sluice/broker/deliver/webhook"

// deliveryKey is a key of a delivery.
func deliveryKey(leaf, fallback string, oneOf []string, doc string, field func(d *Delivery) any) Key {
	return Key{deliverySection + "." + leaf, fallback, oneOf, doc, func(c *Config, _ *Stream) any { return field(&c.delivery) }}
}

var deliveryKeys = []Key{
	deliveryKey("stream", "", nil, "The stream whose records are [delivered](deliveries.md): its topic, decoding and shape, without the envelope. The stream's users don't matter.",
		func(d *Delivery) any { return &d.Stream }),
	deliveryKey("topic", "", nil, "A Kafka topic instead of a stream. Its records are delivered as they are.",
		func(d *Delivery) any { return &d.Topic }),
	deliveryKey("filter", "", nil, "jq program: only records for which it returns anything but `false` and `null` are delivered. It sees the stream's shape.",
		func(d *Delivery) any { return &d.Filter }),
	deliveryKey("group", "", nil, "Consumer group that remembers what is delivered. Absent: `sluice-` and the delivery's name.",
		func(d *Delivery) any { return &d.Group }),
	deliveryKey("from", "now", nil, "Where the delivery begins the first time: `now`, `earliest`, or `since:` with a duration or a time (`since:24h`, `since:2026-11-01T00:00:00Z`). Later starts go on where the delivery was. `sluice deliver --from` [moves it](deliveries.md#a-position-that-is-gone).",
		func(d *Delivery) any { return &d.From }),
	deliveryKey("window.records", "10000", nil, "How many records of a partition are read ahead of one that isn't delivered. Then that partition waits.",
		func(d *Delivery) any { return &d.Window.Records }),
	deliveryKey("window.bytes", "16MiB", nil, "How much memory these records may take. The bound that comes first counts.",
		func(d *Delivery) any { return &d.Window.Bytes }),
	deliveryKey("http.url", "", nil, "Address that each record is posted to.",
		func(d *Delivery) any { return &d.HTTP.URL }),
	deliveryKey("http.secret_file", "", nil, "File with the secret that [messages are signed](deliveries.md#verify-a-message) with: `whsec_` and base64. Several, one a line, sign each message. [Read again](#rotation) when it changes.",
		func(d *Delivery) any { return (*path)(&d.HTTP.SecretFile) }),
	deliveryKey("http.cloudevents", webhook.CloudEventsNone, []string{webhook.CloudEventsNone, webhook.CloudEventsBinary, webhook.CloudEventsStructured}, "Messages as CloudEvents 1.0: `binary` says it in headers, `structured` in the body.",
		func(d *Delivery) any { return &d.HTTP.CloudEvents }),
	deliveryKey("http.timeout", "10s", nil, "How long one attempt may take.",
		func(d *Delivery) any { return &d.HTTP.Timeout }),
	deliveryKey("http.allow_private", "false", nil, "`true`: the address may be a private one, such as localhost or that of a container, and proxies of the environment are used. `false`: it is refused, whatever name leads there.",
		func(d *Delivery) any { return &d.HTTP.AllowPrivate }),
	deliveryKey("kafka.topic", "", nil, "A topic of the same Kafka that records are copied to, instead of `http`. Key, headers and time stay, and the value is the stream's shape.",
		func(d *Delivery) any { return &d.KafkaTopic }),
	deliveryKey("concurrency", "16", nil, "Keys that are delivered at a time. Records of one key are delivered in their order.",
		func(d *Delivery) any { return &d.Concurrency }),
	deliveryKey("rate", "0", nil, "How often the target is asked, at most. 0: as fast as it answers. Each gateway has this rate.",
		func(d *Delivery) any { return &d.Rate }),
	deliveryKey("retry.min", "1s", nil, "How long a record waits for its second attempt. Each further wait is twice as long, and up to half of it is left out at random.",
		func(d *Delivery) any { return &d.Retry.Min }),
	deliveryKey("retry.max", "5m", nil, "How long it waits at most. A target that asks for more (`Retry-After`) gets it, up to an hour.",
		func(d *Delivery) any { return &d.Retry.Max }),
	deliveryKey("retry.attempts", "20", nil, "After so many attempts the record is given up.",
		func(d *Delivery) any { return &d.Retry.Attempts }),
	deliveryKey("retry.max_age", "24h", nil, "So long after its first attempt the record is given up.",
		func(d *Delivery) any { return &d.Retry.MaxAge }),
	deliveryKey("dead_letter", "", nil, "Topic for [records that are given up](deliveries.md#dead-letters). Absent: such a record stays and its key waits, while it is tried every `retry.max`.",
		func(d *Delivery) any { return &d.DeadLetter }),
}
