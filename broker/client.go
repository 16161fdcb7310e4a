package broker

import (
	"cmp"
	"errors"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/connect"
)

// Config says how to reach Kafka, and how closely to watch it.
type Config struct {
	Brokers []string // host:port to begin with (bootstrap.servers)
	TLS     connect.TLS
	SASL    connect.SASL
	Rack    string // where this gateway runs (client.rack), for brokers that choose the nearest replica

	Refresh    time.Duration // between two rounds of the watch (topic.metadata.refresh.interval.ms); 0: 3s
	StaleAfter time.Duration // without an answer or a fetch that succeeds, after which a stream is stale; 0: 5s

	HighWatermarks time.Duration // between two questions for high watermarks, which tell what open transactions hold back; 0: 10s

	// OfflineHold is how long the start waits for partitions without a leader before it
	// calls the others warm. It waits as long for a topic that is missing or forbidden.
	// 0: 10s.
	OfflineHold time.Duration

	// DeletedAfter is how long brokers must not have had a topic before a stream of several
	// topics goes on without it. 0: 10s.
	DeletedAfter time.Duration

	// Admit says why a stream of several topics can't have one more, of so many partitions;
	// "": it can, and then has it until Release. nil: it always can. Both are called by one
	// goroutine.
	Admit   func(stream int, topic string, partitions int) (why string)
	Release func(stream int, topic string)

	ClientID string // what brokers call the gateway in logs, metrics and quotas (client.id); "": sluice

	// How much the reader fetches at a time. Catch-up and the control topic have other
	// bounds.
	FetchMaxBytes          int32 // one answer of one broker (fetch.max.bytes); 0: 16 MiB
	FetchMaxPartitionBytes int32 // of one partition in it (max.partition.fetch.bytes); 0: 1 MiB

	Opts []kgo.Opt // further options for the clients

	// Instrument returns options that count what one client does, such as the hooks of
	// kprom. The client is reader, history, control_producer, control_consumer, the same
	// of portal, or one of [NewClient]. No two clients of one name are open at a time.
	// nil: nothing is counted.
	Instrument func(client string) []kgo.Opt

	log *slog.Logger // of the caller; nil: nobody is told of files that cannot be read again
}

// logged returns the configuration with a log for files that cannot be read again.
func (c Config) logged(log *slog.Logger) Config {
	c.log = log
	return c
}

func (c Config) instrumented(client string) []kgo.Opt {
	if c.Instrument == nil {
		return nil
	}
	return c.Instrument(client)
}

const (
	requestTimeout = 5 * time.Second // for one question to Kafka, with its retries

	// fetchMaxBytes bounds one answer of one broker (fetch.max.bytes), and with it
	// what the client holds undecoded: brokers × this.
	fetchMaxBytes = 16 << 20
)

// options turns the configuration into options of a client. None of them reads or
// resumes. Errors name the wrong key and never a secret.
func options(cfg Config) ([]kgo.Opt, error) {
	if len(cfg.Brokers) == 0 {
		return nil, errors.New("kafka.brokers: is empty; give at least one host:port")
	}
	opts := []kgo.Opt{
		kgo.SeedBrokers(cfg.Brokers...), // bootstrap.servers
		kgo.ClientID(cmp.Or(cfg.ClientID, "sluice")),
		kgo.DisableClientMetrics(),                 // enable.metrics.push=false: one request kind and one ACL less
		kgo.DialTimeout(requestTimeout),            // socket.connection.setup.timeout.ms; see TLS.Dialer
		kgo.RequestRetries(3),                      // retries, of our own questions; fetching retries for ever
		kgo.RetryTimeout(requestTimeout),           // default.api.timeout.ms
		kgo.MetadataMinAge(500 * time.Millisecond), // retry.backoff.ms of metadata: how soon a moved leader is looked for
		kgo.MetadataMaxAge(time.Minute),            // metadata.max.age.ms
		kgo.MaxDecompressBatchBytes(minBatchBytes), // no twin in Kafka; see maxBatchBytes
	}
	if cfg.Rack != "" {
		opts = append(opts, kgo.Rack(cfg.Rack)) // client.rack
	}
	if cfg.TLS.Enabled {
		dial, err := cfg.TLS.Dialer(requestTimeout, cfg.log)
		if err != nil {
			return nil, err
		}
		opts = append(opts, kgo.Dialer(dial)) // security.protocol=SSL
	}
	if cfg.SASL.Mechanism != "" {
		mechanism, err := cfg.SASL.Login(cfg.log)
		if err != nil {
			return nil, err
		}
		opts = append(opts, kgo.SASL(mechanism)) // sasl.mechanism
	}
	return append(opts, cfg.Opts...), nil
}

// readerOptions are the options of the client that follows the topics.
func readerOptions(cfg Config) ([]kgo.Opt, error) {
	opts, err := options(cfg)
	opts = append(opts, cfg.instrumented("reader")...)
	return append(opts,
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), // isolation.level=read_committed
		kgo.KeepControlRecords(),                     // so that a transaction's marker moves the position
		kgo.FetchMaxBytes(cmp.Or(cfg.FetchMaxBytes, fetchMaxBytes)),
		kgo.FetchMaxPartitionBytes(cmp.Or(cfg.FetchMaxPartitionBytes, fetchMaxPartitionBytes)),
		kgo.FetchMaxWait(time.Second), // fetch.max.wait.ms; an answer comes as soon as there is a record

		// auto.offset.reset=none: where reading goes on is ours to say, since followers must be
		// told.
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
	), err
}

// NewClient makes a client of Kafka as all of this package's are: with its addresses, its
// login and its bounds. The name is for the metrics of [Config.Instrument]. It is for
// other packages, which say the rest by opts.
func NewClient(cfg Config, name string, log *slog.Logger, opts ...kgo.Opt) (*kgo.Client, error) {
	return cfg.logged(log).client(append(cfg.instrumented(name), opts...)...)
}

// client makes a client with further options.
func (c Config) client(further ...kgo.Opt) (*kgo.Client, error) {
	opts, err := options(c)
	if err != nil {
		return nil, err
	}
	return kgo.NewClient(append(opts, further...)...)
}
