package config

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"sluice/broker/connect"
)

// Key is one key of the configuration. The table is what the checks, the environment's
// names and the reference in docs/config.md are made of.
type Key struct {
	Path    string   // "streams.<name>.topic": <name> stands for any stream's name
	Default string   // as one would write it; "" is none
	OneOf   []string // the values there are; nil: any
	Doc     string   // one or two sentences, Markdown

	// field returns the pointer to be filled; its type says how the key is written. Keys of
	// no stream get a nil s.
	field func(c *Config, s *Stream) any
}

// path is a string that names a file. In the YAML file a relative one counts from that
// file's directory.
type path string

// selectors is one selector or a list of them, as record.ParseSelectors reads them.
type selectors string

// sizeOrOff is a size, of which 0 is written "off".
type sizeOrOff Size

// secretFile is the `_file` twin of a secret: the file's content goes where the secret
// would.
type secretFile struct{ *Secret }

// Keys lists every key there is, as docs/config.md has them.
func Keys() []Key { return table }

// namePart stands for a stream's name in a key's path, or a delivery's.
const (
	namePart        = "<name>"
	streamSection   = "streams." + namePart
	deliverySection = "deliveries." + namePart
)

// namedSections are the sections whose keys are names that users choose.
var namedSections = []string{"streams", "deliveries"}

var table = slices.Concat(mainKeys, shapeKeys, deliveryKeys, publishKeys, authKeys, guardKeys)

var mainKeys = []Key{
	{"listen", ":8080", nil, "Address for browsers: `host:port`, `unix:/run/sluice/public.sock`, or [`systemd:NAME`](#sockets). Port 0 takes any free port.",
		func(c *Config, _ *Stream) any { return &c.Listen }},
	{"admin", "127.0.0.1:9090", nil, "Address for operators, written as `listen` is: health, readiness, metrics, profiles. Never make it public.",
		func(c *Config, _ *Stream) any { return &c.Admin }},
	{"socket_mode", "0660", nil, "Mode of the Unix sockets of `listen` and `admin`, in octal: who may connect.",
		func(c *Config, _ *Stream) any { return &c.socketModeText }},
	{"heartbeat", "9s", nil, "How often an idle connection gets `sluice.heartbeat`. Keep it below the idle timeout of every proxy in between, and of every client. By default OkHttp gives up after 10 s of silence, and Python's httpx after 5 s. With `4s` httpx stays. Otherwise it has to reconnect with its last id.",
		func(c *Config, _ *Stream) any { return &c.Heartbeat }},
	{"max_connection_age", "", nil, "How old a connection may get. It ends after nine tenths of this to all of it, with `sluice.closing`, and its client resumes where it was. So connections spread over gateways that were added. Absent: any age.",
		func(c *Config, _ *Stream) any { return &c.MaxConnectionAge }},
	{"ready_grace", "60s", nil, "How long the gateway stays ready while Kafka answers for none of its streams. Meanwhile it serves from memory and says `sluice.stale`.",
		func(c *Config, _ *Stream) any { return &c.ReadyGrace }},
	{"tls_cert_file", "", nil, "Certificate chain (PEM) for browsers. With `tls_key_file`, `listen` speaks HTTPS and HTTP/2. [Read again](#rotation) when it changes.",
		func(c *Config, _ *Stream) any { return (*path)(&c.TLS.CertFile) }},
	{"tls_key_file", "", nil, "Key (PEM) of `tls_cert_file`.",
		func(c *Config, _ *Stream) any { return (*path)(&c.TLS.KeyFile) }},
	{"pages", "true", nil, "`true`: `listen` serves `/console`, `/docs`, `/openapi.json` and `/asyncapi.json`, which describe the gateway. `false`: only `admin` does. `/.well-known/sluice` tells callers what they may read in any case.",
		func(c *Config, _ *Stream) any { return &c.Pages }},

	{"log.level", "info", []string{"debug", "info", "warn", "error"}, "The least severe message that is logged. `debug` also shows who connects, who leaves and who is refused, with the reason.",
		func(c *Config, _ *Stream) any { return &c.Log.Level }},
	{"log.format", "", []string{"console", "json"}, "How log lines are written. Absent: `console` on a terminal, `json` otherwise.",
		func(c *Config, _ *Stream) any { return &c.Log.Format }},

	{"kafka.brokers", "", nil, "Brokers to ask first, `host:port` each. Required.",
		func(c *Config, _ *Stream) any { return &c.Kafka.Brokers }},
	{"kafka.tls", "false", nil, "`true`: TLS, checked against the system's roots. A mapping of the keys below turns TLS on too.",
		func(c *Config, _ *Stream) any { return &c.Kafka.TLS.On }},
	{"kafka.tls.ca_file", "", nil, "Roots (PEM) to check the brokers against, instead of the system's. Read again for each connection, as are the next two.",
		func(c *Config, _ *Stream) any { return (*path)(&c.Kafka.TLS.CAFile) }},
	{"kafka.tls.cert_file", "", nil, "The gateway's certificate (PEM), if brokers ask for one.",
		func(c *Config, _ *Stream) any { return (*path)(&c.Kafka.TLS.CertFile) }},
	{"kafka.tls.key_file", "", nil, "Key (PEM) of `kafka.tls.cert_file`.",
		func(c *Config, _ *Stream) any { return (*path)(&c.Kafka.TLS.KeyFile) }},
	{"kafka.sasl.mechanism", "", mechanisms, "How the gateway logs in. Kafka's `sasl.mechanism`.",
		func(c *Config, _ *Stream) any { return &c.Kafka.SASL.Mechanism }},
	{"kafka.sasl.username", "", nil, "User name for PLAIN and SCRAM.",
		func(c *Config, _ *Stream) any { return &c.Kafka.SASL.Username }},
	{"kafka.sasl.password", "", nil, "Password for PLAIN and SCRAM.",
		func(c *Config, _ *Stream) any { return &c.Kafka.SASL.Password }},
	{"kafka.sasl.password_file", "", nil, "File that holds the password. It is read again at each login, so a new password needs no restart.",
		func(c *Config, _ *Stream) any { return secretFile{&c.Kafka.SASL.Password} }},
	{"kafka.sasl.token_file", "", nil, "File with the token for OAUTHBEARER. It is read again at each login, so it can be renewed in place.",
		func(c *Config, _ *Stream) any { return (*path)(&c.Kafka.SASL.TokenFile) }},
	{"kafka.sasl.token_url", "", nil, "URL to obtain a token for OAUTHBEARER from (OAuth's client-credentials grant). Kafka's `sasl.oauthbearer.token.endpoint.url`.",
		func(c *Config, _ *Stream) any { return &c.Kafka.SASL.TokenURL }},
	{"kafka.sasl.client_id", "", nil, "Client id for `kafka.sasl.token_url`.",
		func(c *Config, _ *Stream) any { return &c.Kafka.SASL.ClientID }},
	{"kafka.sasl.client_secret", "", nil, "Client secret for `kafka.sasl.token_url`.",
		func(c *Config, _ *Stream) any { return &c.Kafka.SASL.ClientSecret }},
	{"kafka.sasl.client_secret_file", "", nil, "File that holds the client secret. It is read again for each token.",
		func(c *Config, _ *Stream) any { return secretFile{&c.Kafka.SASL.ClientSecret} }},
	{"kafka.sasl.scope", "", nil, "Scope of the token to ask for. Absent: none.",
		func(c *Config, _ *Stream) any { return &c.Kafka.SASL.Scope }},
	{"kafka.rack", "", nil, "The rack this gateway is in, to read from the nearest replica. Kafka's `client.rack`.",
		func(c *Config, _ *Stream) any { return &c.Kafka.Rack }},
	{"kafka.client_id", "sluice", nil, "What brokers call the gateway in logs, metrics and quotas. Kafka's `client.id`.",
		func(c *Config, _ *Stream) any { return &c.Kafka.ClientID }},
	{"kafka.fetch.max_bytes", "16MiB", nil, "How much one broker sends the reader at a time. The memory it may take is this times the number of brokers. Kafka's `fetch.max.bytes`. At most 100MiB.",
		func(c *Config, _ *Stream) any { return &c.Kafka.Fetch.MaxBytes }},
	{"kafka.fetch.max_partition_bytes", "1MiB", nil, "How much of `kafka.fetch.max_bytes` one partition may have. A larger batch still comes, alone. Kafka's `max.partition.fetch.bytes`.",
		func(c *Config, _ *Stream) any { return &c.Kafka.Fetch.MaxPartitionBytes }},

	{"streams.<name>.topic", "", nil, "The Kafka topic. Required, unless `topics` is there. Several streams may show one topic.",
		func(_ *Config, s *Stream) any { return &s.Topic }},
	{"streams.<name>.topics", "", nil, "Instead of `topic`: a list of topics, or a pattern such as `^orders\\..*` ([several topics](#several-topics)).",
		func(_ *Config, s *Stream) any { return &s.Topics }},
	{"streams.<name>.audience", AudienceUser, []string{AudienceUser, AudienceEveryone}, "Users that get the stream's events. `user`: each event belongs to one user, or several. `everyone`: all identified users get all events.",
		func(_ *Config, s *Stream) any { return &s.Audience }},
	{"streams.<name>.user", "", nil, "[Selector](#selectors) of the user that an event belongs to, or a list of them. Required with `audience: user`.",
		func(_ *Config, s *Stream) any { return (*selectors)(&s.User) }},
	{"streams.<name>.subject", "", nil, "[Selector](#selectors) of what an event is about. `?subject=` and `/state` go by it.",
		func(_ *Config, s *Stream) any { return (*selectors)(&s.Subject) }},
	{"streams.<name>.event", "", nil, "[Selector](#selectors) of the SSE event's name. Absent: events have no name, so `EventSource.onmessage` gets them.",
		func(_ *Config, s *Stream) any { return (*selectors)(&s.Event) }},
	{"streams.<name>.access", "", nil, "Roles or scopes of which a caller needs one. Absent: any identified user. `anyone`, on streams for everyone: callers without an identity too.",
		func(_ *Config, s *Stream) any { return &s.Access }},
	{"streams.<name>.replay", "10m", nil, "How far back events are kept in memory and read at start. Older ones are read from Kafka when a client comes back for them.",
		func(_ *Config, s *Stream) any { return &s.Replay }},
	{"streams.<name>.replay_bytes", "256MiB", nil, "Memory for `replay`, user ids and bookkeeping included. The bound that comes first counts. A client that a burst beyond it overtakes is served from Kafka.",
		func(_ *Config, s *Stream) any { return &s.ReplayBytes }},
	{"streams.<name>.max_record_bytes", "", nil, "How large a record may be: key, value and headers together, unpacked. Absent: `1MiB`. A larger one is no event: it is [counted and logged](#large-records) with its position.",
		func(_ *Config, s *Stream) any { return &s.MaxRecord }},
	{"streams.<name>.state", "true", nil, "Keep the latest event of each `subject` for `/state` and `?snapshot=1` ([how](#state)). `false`: keep none. A stream without `subject` has no state.",
		func(_ *Config, s *Stream) any { return &s.State.On }},
	{"streams.<name>.state.max_age", "24h", nil, "A subject is left out of the state once its latest record is older by its timestamp, and not among the newest 10,000 of its partition ([how](#state)). A compacted topic's state is all it holds.",
		func(_ *Config, s *Stream) any { return &s.State.MaxAge }},
	{"streams.<name>.state.max_bytes", "64MiB", nil, "Memory for the state, user ids and bookkeeping included. Beyond that the oldest events are left out, and `complete` is false.",
		func(_ *Config, s *Stream) any { return &s.State.MaxBytes }},

	{"catchup.max_records", "1000000", nil, "At most so many records are read from Kafka for a client that comes back late. A client further behind gets `sluice.reset` with reason `bounds` and continues live.",
		func(c *Config, _ *Stream) any { return &c.Catchup.MaxRecords }},
	{"catchup.max_age", "24h", nil, "A client that comes back from an older position gets `sluice.reset` with reason `bounds` and continues live. A position is no older than when this gateway read it, and no older than the records' timestamps say. Within the last 10,000 records none is too old.",
		func(c *Config, _ *Stream) any { return &c.Catchup.MaxAge }},
	{"catchup.concurrency", "2", nil, "Passes over Kafka at a time. One pass serves everybody who waits.",
		func(c *Config, _ *Stream) any { return &c.Catchup.Concurrency }},

	{"slow_client.max_lag", "", nil, "How long the oldest event that a connection has not taken yet may wait. Absent: as long as the event is in memory (`replay`). A client that takes nothing at all is closed after 30 s in any case.",
		func(c *Config, _ *Stream) any { return &c.SlowClient.MaxLag }},
	{"slow_client.action", SlowClose, []string{SlowClose, SlowReset}, "What happens to a connection that lags further. `close` loses nothing, since the client comes back and catches up. `reset` keeps the connection, live. `sluice.reset` tells it what it is not sent.",
		func(c *Config, _ *Stream) any { return &c.SlowClient.Action }},
	{"decisions", "0", nil, "How many of the newest records are remembered with what happened to each, and for whom. With them `GET /decisions` on the admin address says why a user got an event or didn't. Users and subjects are remembered, payloads never. It takes some 500 bytes a record (11 KB with the longest users and subjects), and as much for each connection. 0: none.",
		func(c *Config, _ *Stream) any { return &c.Decisions }},
	{"hold", "true", nil, "Hold HTTP/1 connections without a goroutine, for a few hundred bytes each, or some kilobytes with TLS (Linux only). `false` leaves every connection to a goroutine, at some 30 KB. It is a way out, should the holder ever misbehave.",
		func(c *Config, _ *Stream) any { return &c.Hold }},
	{"compress", "off", nil, "The smallest event that is compressed (gzip), for clients that take their stream so. `600B` is a good value. It is done once and shared by all connections ([how, and when not](running.md#compression)). `off`: no stream is compressed.",
		func(c *Config, _ *Stream) any { return (*sizeOrOff)(&c.Compress) }},

	{"cors.origins", "", nil, "Pages of these origins may read the streams: `https://shop.example`, `https://*.shop.example`, or `*`. The scheme may be an app's (`capacitor://localhost`, `tauri://localhost`) or an extension's (`chrome-extension://ID`).",
		func(c *Config, _ *Stream) any { return &c.CORS.Origins }},
	{"cors.credentials", "false", nil, "Pages of `cors.origins` may send cookies along. Then each origin is named, or is `*.` above two labels: `https://*.shop.example`.",
		func(c *Config, _ *Stream) any { return &c.CORS.Credentials }},
	{"cors.headers", "", nil, "Request headers that pages of `cors.origins` may send. `Accept`, `Authorization`, `Cache-Control`, `If-None-Match` and `Last-Event-ID` are always allowed. `*`: any. Absent: `Content-Type`, `Pragma`, `X-Requested-With` and those of tracing (`traceparent`, `baggage`, `sentry-trace`, `x-datadog-…`, `b3` and others).",
		func(c *Config, _ *Stream) any { return &c.CORS.Headers }},
}

var mechanisms = []string{connect.MechanismPlain, connect.MechanismSCRAM256, connect.MechanismSCRAM512, connect.MechanismOAuthBearer}

// Env is the key's environment variable: SLUICE_ and its path, in capitals, "." and "-"
// as "_".
func (k Key) Env() string { return "SLUICE_" + envName(k.Path) }

var envReplacer = strings.NewReplacer(".", "_", "-", "_")

func envName(s string) string {
	name := envReplacer.Replace(strings.ToUpper(s))
	return strings.ReplaceAll(name, "<NAME>", namePart)
}

// Kind says in a word or two how the key is written.
func (k Key) Kind() string {
	switch k.field(&Config{}, &Stream{}).(type) {
	case *[]string:
		return "list"
	case *bool:
		if len(k.OneOf) > 0 {
			return "word"
		}
		return "true or false"
	case *int:
		return "number"
	case *time.Duration:
		return "duration"
	case *time.Time:
		return "date"
	case *Size:
		return "size"
	case *sizeOrOff:
		return "size or off"
	case *Rate:
		return "rate"
	case *Secret:
		return "secret"
	case *path, secretFile:
		return "file"
	case *selectors, *TopicList:
		return "text or list"
	default:
		return "text"
	}
}

// issuers is the section that may be a list: its items are issuers.1, issuers.2 and so
// on.
const issuers = "auth.jwt"

var issuerItem = regexp.MustCompile(`^auth\.jwt\.\d+`)

// split returns the path in the table that a key has, and the stream or delivery that it
// names, if it names one.
func split(key string) (pattern, name string) {
	if item := issuerItem.FindString(key); item != "" {
		return issuers + key[len(item):], ""
	}
	section, rest, _ := strings.Cut(key, ".")
	if !slices.Contains(namedSections, section) || rest == "" {
		return key, ""
	}
	name, leaf, ok := strings.Cut(rest, ".")
	pattern = section + "." + namePart
	if !ok {
		return pattern, name
	}
	return pattern + "." + leaf, name
}

var byPath = func() map[string]*Key {
	m := make(map[string]*Key, len(table))
	for i := range table {
		m[table[i].Path] = &table[i]
	}
	return m
}()

// sections are the paths that have keys below them: "", "kafka", "kafka.tls", "streams",
// "streams.<name>" …
var sections = func() map[string]bool {
	m := map[string]bool{"": true}
	for _, k := range table {
		for i, c := range k.Path {
			if c == '.' {
				m[k.Path[:i]] = true
			}
		}
	}
	return m
}()

// below lists what may stand directly in a section, in the table's order.
func below(section string) []string {
	var names []string
	seen := map[string]bool{}
	prefix := section + "."
	if section == "" {
		prefix = ""
	}
	for _, k := range table {
		rest, ok := strings.CutPrefix(k.Path, prefix)
		if !ok {
			continue
		}
		name, _, _ := strings.Cut(rest, ".")
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}
