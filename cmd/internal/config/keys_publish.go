package config

// publishKeys are those of POST /publish.
var publishKeys = []Key{
	{"publish.streams", "", nil, "Streams whose topic back ends without a Kafka client write to, by [`POST /publish/{stream}`](publishing.md). Absent: none, and there is no such route.",
		func(c *Config, _ *Stream) any { return &c.Publish.Streams }},
	{"publish.roles", "", nil, "Roles or scopes of which a caller needs one to publish. API keys (`auth.api_keys_file`) may in any case. Absent: API keys only.",
		func(c *Config, _ *Stream) any { return &c.Publish.Roles }},
	{"publish.max_bytes", "1MiB", nil, "How large the body of a request to publish may be. From 1KiB to 16MiB. Kafka has a bound for records too: a topic's `max.message.bytes`.",
		func(c *Config, _ *Stream) any { return &c.Publish.MaxBytes }},
	{"publish.rate", "100/s", nil, "How often each API key and each user may publish, on this gateway: as many at once, and then at this rate. 0: no limit.",
		func(c *Config, _ *Stream) any { return &c.Publish.Rate }},
}
