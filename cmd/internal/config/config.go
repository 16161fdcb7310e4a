// Package config loads and checks what sluice is told: a YAML file, the environment, and
// the secrets' files that either names.
//
// One table, [Keys], says what there is: each key's path, default, meaning and the field
// it fills. The file's checks, the names of the environment variables and docs/config.md
// all come from it.
//
// Every fault is found in one go, and each says where it is (file and line, or variable),
// which key, and what to write instead. A secret's value stands in none of them.
//
// Files:
//   - config.go, config_auth.go, config_deliver.go, config_guard.go,
//     config_publish.go: the types of a configuration.
//   - keys.go, keys_auth.go, keys_deliver.go, keys_guard.go, keys_publish.go,
//     keys_shape.go: the table of keys.
//   - load.go, env.go: reading a file and the environment into it.
//   - yaml.go, yaml_syntax.go, yaml_line.go: YAML, and what is wrong with text that is
//     not YAML, or not what was meant.
//   - api_keys.go: the file of back ends' keys.
//   - value.go, units.go, rate.go, secret.go: single values.
//   - check.go, and check_auth.go, check_cors.go, check_deliver.go, check_deprecated.go,
//     check_exposed.go, check_guard.go, check_kafka.go, check_publish.go,
//     check_registry.go, check_shape.go, check_streams.go, check_target.go: what single
//     values can't show.
//   - finding.go: a fault or a warning, and its line.
//   - convert.go, convert_auth.go, convert_deliver.go, convert_shape.go: settings of
//     broker, stream and server.
//   - reference.go: the tables of docs/config.md.
package config

import (
	"io/fs"
	"slices"
	"strings"
	"time"
)

// Config is a checked configuration: what [Load] returns without a fault can be served.
type Config struct {
	Listen           string        // address for browsers: host:port, unix:PATH or systemd:NAME
	Admin            string        // address for operators; never public
	Heartbeat        time.Duration // between two heartbeats of an idle connection
	MaxConnectionAge time.Duration // of a stream; 0: any
	ReadyGrace       time.Duration // how long the gateway stays ready while Kafka is away
	TLS              CertPair      // of the listener for browsers; empty: plain HTTP
	Pages            bool          // the gateway describes itself to browsers
	Log              Log
	Kafka            Kafka
	SchemaRegistry   SchemaRegistry
	Streams          []Stream   // by name, so that the ids of all gateways name their streams in one order
	Deliveries       []Delivery // by name
	Publish          Publish
	Catchup          Catchup
	SlowClient       SlowClient
	Decisions        int  // records remembered with what became of them; 0 none
	Hold             bool // HTTP/1 connections without a goroutine each
	Compress         Size // of the smallest event that is compressed; 0: none is
	Auth             Auth
	CORS             CORS
	Guard

	SocketMode     fs.FileMode // of Unix sockets
	socketModeText string

	delivery Delivery // the one that is being read

	sourceLines map[string]sourceLine // where each key, and each section, was written
}

// CertPair names a certificate and its key, both PEM; both empty means none.
type CertPair struct{ CertFile, KeyFile string }

// Log says what the gateway writes about itself.
type Log struct {
	Level  string // debug, info, warn, error
	Format string // console, json; "": console on a terminal, else json
}

// Kafka says where the records are.
type Kafka struct {
	Brokers []string // host:port each
	TLS     KafkaTLS
	SASL    SASL
	Rack    string // read from replicas in this rack (client.rack)

	ClientID string // client.id
	Fetch    Fetch
}

// Fetch is how much the reader takes at a time.
type Fetch struct {
	MaxBytes          Size // one answer of one broker (fetch.max.bytes)
	MaxPartitionBytes Size // of one partition in it (max.partition.fetch.bytes)
}

// KafkaTLS is TLS towards Kafka.
type KafkaTLS struct {
	On       bool
	CAFile   string // PEM; "" means the system's roots
	CertPair        // the client's certificate
}

// SASL is the login at Kafka; an empty Mechanism means none.
type SASL struct {
	Mechanism string // PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER
	Username  string
	Password  Secret

	// OAUTHBEARER: a file that something else keeps fresh, or the client-credentials grant.
	TokenFile    string
	TokenURL     string
	ClientID     string
	ClientSecret Secret
	Scope        string
}

// Stream is a named view of one topic.
type Stream struct {
	Name        string
	Topic       string
	Topics      TopicList // instead of Topic: several
	Audience    string    // AudienceUser or AudienceEveryone
	User        string    // selectors of whose event it is; "" only for AudienceEveryone
	Subject     string    // selectors of what it is about; "" none
	Event       string    // selectors of the event's name; "" unnamed
	Access      []string  // roles of which one is needed; empty: any identified user
	Replay      time.Duration
	ReplayBytes Size
	MaxRecord   Size // of a record's key, value and headers together, unpacked; 0: record.DefaultMaxBytes
	State       State
	DeadLetter  string // topic of records that are no event, though nothing intends that; "" none
	Deprecated  Deprecated
	Shape
}

// Deprecated says since when a stream is, and what comes after it; zero: it isn't.
type Deprecated struct {
	Since     time.Time
	Sunset    time.Time // when the stream goes; zero: that isn't known
	Successor string    // the stream to read instead; "": there is none
}

// TopicList names several topics, one by one or by a pattern.
type TopicList struct {
	Names   []string // without a pattern
	Pattern string   // a regular expression of whole names, which begins with ^
}

// IsGiven reports whether a stream has several topics.
func (t TopicList) IsGiven() bool { return t.Pattern != "" || len(t.Names) > 0 }

func (t TopicList) String() string {
	if t.Pattern != "" {
		return t.Pattern
	}
	return strings.Join(t.Names, ", ")
}

// stream returns the stream of a name; nil: there is none.
func (c *Config) stream(name string) *Stream {
	i := slices.IndexFunc(c.Streams, func(s Stream) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return &c.Streams[i]
}

// Shown is the topic or the topics of a stream, as they were written.
func (s Stream) Shown() string {
	if s.Topics.IsGiven() {
		return s.Topics.String()
	}
	return s.Topic
}

// Shape says how a stream's records are read, and what of them is shown.
type Shape struct {
	Decode    Decode
	KeyDecode string // how keys are written
	Unwrap    string // "" a value is what happened itself
	Filter    string // jq
	Transform string // jq
	Keep      []string
	Drop      []string
	Envelope  string
	Headers   []string // that the envelope shows
	OnError   string
}

// Decode says how values are written: a word, or a file with the schema.
type Decode struct {
	As           string
	AvroFile     string
	ProtobufFile string
	Message      string // of ProtobufFile; "" its first
}

// SchemaRegistry says where schemas are.
type SchemaRegistry struct {
	URL      string
	Username string
	Password Secret
	Token    Secret // instead of both
	CAFile   string // PEM; "" means the system's roots
	CertPair        // the client's certificate
	Timeout  time.Duration
}

// State says whether a stream keeps the latest event of each subject, which takes a
// Subject, and within which bounds.
type State struct {
	On       bool
	MaxAge   time.Duration
	MaxBytes Size
}

// The values of Stream.Audience.
const (
	AudienceUser     = "user"
	AudienceEveryone = "everyone"
)

// Catchup bounds what is read from Kafka for those whose cursor is older than memory.
type Catchup struct {
	MaxRecords  int // per pass
	MaxAge      time.Duration
	Concurrency int // passes at a time, per gateway
}

// SlowClient says what happens to a client that takes events slower than they come.
type SlowClient struct {
	MaxLag time.Duration // how long its oldest event may wait; 0: as long as it is in memory
	Action string        // SlowClose or SlowReset
}

// The values of SlowClient.Action.
const (
	SlowClose = "close"
	SlowReset = "reset"
)

// CORS says which pages of other origins may read the streams; no Origins means none.
type CORS struct {
	Origins     []string // https://shop.example; "*" is any, without credentials
	Credentials bool     // cookies are sent along
	Headers     []string // that requests may have; nil: the usual ones
}

// Fault makes a finding about a key of this configuration that shows only outside of it,
// such as a topic that Kafka doesn't have. It says where the key was written.
func (c *Config) Fault(key, text string) Finding {
	return Finding{sourceLine: nearestLine(c.sourceLines, key), Key: key, Text: text}
}

// Warning is Fault for what is only worth a look.
func (c *Config) Warning(key, text string) Finding {
	f := c.Fault(key, text)
	f.Warning = true
	return f
}
