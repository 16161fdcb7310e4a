package broker

import (
	"errors"
	"strings"
	"testing"
	"time"

	"sluice/broker/kafkatest"
)

func TestKafkaKeysAreKeptCompacted(t *testing.T) {
	k := kafkatest.Shared(t)
	cfg := Config{Brokers: []string{k.Plaintext()}}
	for name, tt := range map[string]struct {
		config []string
		want   string // "": it is fit
	}{
		"compacted":      {[]string{"cleanup.policy=compact"}, ""},
		"both":           {[]string{"cleanup.policy=compact,delete", "retention.ms=9000000"}, ""},
		"both, for ever": {[]string{"cleanup.policy=delete,compact", "retention.ms=-1"}, ""},
		"both, too soon": {[]string{"cleanup.policy=compact,delete", "retention.ms=1000"}, "--add-config retention.ms=7200000"},
		"deleted":        {[]string{"cleanup.policy=delete"}, "--add-config cleanup.policy=compact"},
	} {
		topic := unique("keys")
		k.CreateTopic(t, topic, 1, tt.config...)
		wantFit(t, name, CheckCompacted(t.Context(), cfg, topic, 2*time.Hour), topic, tt.want)
	}
	missing := unique("missing")
	wantFit(t, "missing", CheckCompacted(t.Context(), cfg, missing, time.Hour), missing, "--create --topic "+missing)
}

func wantFit(t *testing.T, name string, err error, topic, want string) {
	t.Helper()
	unfit, is := errors.AsType[*UnfitTopic](err)
	if is != (want != "") || !is && err != nil || is && (!strings.Contains(unfit.Error(), want) || !strings.Contains(unfit.Error(), topic)) {
		t.Errorf("%s: %v", name, err)
	}
}

// The same of an embedded Kafka, for the words alone.
func TestATopicOfKeysThatForgetsIsUnfit(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.create("keys", 1)
	wantFit(t, "as topics are", CheckCompacted(t.Context(), f.config(), "keys", time.Hour), "keys", "cleanup.policy=compact")
	wantFit(t, "missing", CheckCompacted(t.Context(), f.config(), "none", time.Hour), "none", "--create --topic none")
}
