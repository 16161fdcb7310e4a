package broker

import (
	"log/slog"

	"github.com/twmb/franz-go/pkg/kgo"
)

// NewClient makes a client of Kafka as all of this package's are: with its addresses, its
// login and its bounds. The name is for the metrics of [Config.Instrument]. It is for
// other packages, which say the rest by opts.
func NewClient(cfg Config, name string, log *slog.Logger, opts ...kgo.Opt) (*kgo.Client, error) {
	base, err := options(cfg.logged(log))
	if err != nil {
		return nil, err
	}
	base = append(base, cfg.instrumented(name)...)
	return kgo.NewClient(append(base, opts...)...)
}

// ErrorText says in plain words what an error of Kafka or the network means.
func ErrorText(err error) string { return plainText(err) }
