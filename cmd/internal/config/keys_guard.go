package config

// guardKeys are those that keep the gateway from harm.
var guardKeys = []Key{
	{"ids", "plain", []string{"plain", IDsSealed}, "How an event's id is written: `plain` (offsets as they are), or `sealed` (encrypted and authenticated, since plain offsets tell anyone with two ids how many events came in between).",
		func(c *Config, _ *Stream) any { return &c.ids }},
	{"ids_keys_file", "", nil, "Keys of sealed ids, the same for all gateways: [lines of `name:key`](#sealed-ids). The first one seals, all of them open.",
		func(c *Config, _ *Stream) any { return (*path)(&c.idsKeysFile) }},
	{"control_topic", "", nil, "Kafka topic through which `POST /revoke` reaches all gateways. Absent: it reaches the one that was asked. Needs `auth.api_keys_file`.",
		func(c *Config, _ *Stream) any { return &c.ControlTopic }},

	{"limits.connections", "100000", nil, "Streams at a time, on this gateway. 0 here and below: no limit.",
		func(c *Config, _ *Stream) any { return &c.Limits.Connections }},
	{"limits.per_user", "12", nil, "Streams at a time of one user. With `auth: none` there is no limit unless one is written.",
		func(c *Config, _ *Stream) any { return &c.Limits.PerUser }},
	{"limits.per_ip", "300", nil, "Streams at a time of one address, of one /64 with IPv6. This machine's own address has no limit.",
		func(c *Config, _ *Stream) any { return &c.Limits.PerIP }},
	{"limits.connects_per_second", "2000", nil, "Streams begun in a second. With `auth: none` there is no limit unless one is written.",
		func(c *Config, _ *Stream) any { return &c.Limits.ConnectsPerSecond }},
	{"limits.per_ip_connects", "20/s", nil, "Streams begun by one address: as many at once, and then at this rate.",
		func(c *Config, _ *Stream) any { return &c.Limits.PerIPConnects }},
	{"limits.state_bytes", "64MiB", nil, "Memory for states (`/state`, `?snapshot=1`) and pages of polls that clients have not taken yet. One caller may have a quarter of it; a single state always fits.",
		func(c *Config, _ *Stream) any { return &c.Limits.StateBytes }},
	{"limits.per_user_catchups", "60/m", nil, "Streams and polls of one user for which Kafka has to be asked, being older than memory: as many at once, and then at this rate. With `auth: none` there is no limit unless one is written.",
		func(c *Config, _ *Stream) any { return &c.Limits.PerUserCatchups }},
	{"limits.per_ip_catchups", "600/m", nil, "The same of one address.",
		func(c *Config, _ *Stream) any { return &c.Limits.PerIPCatchups }},
	{"limits.header_bytes", "16KiB", nil, "Of a request, its line and header together.",
		func(c *Config, _ *Stream) any { return &c.Limits.HeaderBytes }},

	{"trusted_proxies", "", nil, "Networks (`10.0.0.0/8`) or addresses of the proxies in front. Only they are believed about who the client is.",
		func(c *Config, _ *Stream) any { return &c.trustedProxies }},
	{"forwarded_header", "X-Forwarded-For", []string{"X-Forwarded-For", "Forwarded"}, "The header in which they say so. Only one is read: a proxy that writes one of the two passes the other on as the client made it up.",
		func(c *Config, _ *Stream) any { return &c.ForwardedHeader }},
	{"proxy_protocol", "false", nil, "Connections from `trusted_proxies` begin with HAProxy's PROXY protocol, version 1 or 2.",
		func(c *Config, _ *Stream) any { return &c.ProxyProtocol }},

	{"admin_auth.token", "", nil, "What a caller of the admin address has to show, as a bearer token or as the password of basic authentication. Needed unless `admin` is a loopback address. `/livez` and `/readyz` stay open, for probes.",
		func(c *Config, _ *Stream) any { return &c.AdminAuth.Token }},
	{"admin_auth.token_file", "", nil, "File that holds it.",
		func(c *Config, _ *Stream) any { return secretFile{&c.AdminAuth.Token} }},
	{"admin_auth.api_keys", "false", nil, "Keys of `auth.api_keys_file` are taken there too.",
		func(c *Config, _ *Stream) any { return &c.AdminAuth.APIKeys }},
}
