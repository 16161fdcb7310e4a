package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// UnfitTopic is the error of a topic that forgets what it must keep, or that isn't there.
// It says which command mends that.
type UnfitTopic struct{ text string }

func (e *UnfitTopic) Error() string { return e.text }

// CheckCompacted asks Kafka once whether a topic keeps the newest record of each key for
// so long at least. It fails with an [*UnfitTopic], or where that can't be found out, in
// plain words around the cause.
func CheckCompacted(ctx context.Context, cfg Config, topic string, least time.Duration) error {
	cl, err := cfg.client()
	if err != nil {
		return err
	}
	defer cl.Close()
	metas, err := describe(ctx, cl, topic)
	if err != nil {
		return &inspectError{err}
	}
	switch err := metas[topic].err; {
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		return &UnfitTopic{fmt.Sprintf("there is no such topic. Create it: kafka-topics.sh --bootstrap-server %s --create --topic %s --partitions 1 --replication-factor 3 --config cleanup.policy=compact",
			strings.Join(cfg.Brokers, ","), topic)}
	case err != nil:
		return &inspectError{err}
	}
	configs, err := kadm.NewClient(cl).DescribeTopicConfigs(ctx, topic)
	if err == nil {
		_, err = configs.On(topic, nil)
	}
	if err != nil {
		return &inspectError{err}
	}
	return judgeCompacted(cfg, configs[0], least)
}

func judgeCompacted(cfg Config, described kadm.ResourceConfig, least time.Duration) error {
	if described.Err != nil {
		return &inspectError{described.Err}
	}
	values := make(map[string]string)
	for _, c := range described.Configs {
		values[c.Key] = c.MaybeValue()
	}
	policy := strings.Split(strings.ReplaceAll(values["cleanup.policy"], " ", ""), ",")
	alter := fmt.Sprintf("kafka-configs.sh --bootstrap-server %s --entity-type topics --entity-name %s --alter --add-config ", strings.Join(cfg.Brokers, ","), described.Name)
	if !slices.Contains(policy, "compact") {
		return &UnfitTopic{fmt.Sprintf("its cleanup.policy is %s, so Kafka forgets its records. Change it: %scleanup.policy=compact", values["cleanup.policy"], alter)}
	}
	kept, err := strconv.ParseInt(values["retention.ms"], 10, 64)
	if slices.Contains(policy, "delete") && err == nil && kept >= 0 && kept < least.Milliseconds() {
		return &UnfitTopic{fmt.Sprintf("its retention.ms is %d, and its records are needed for longer. Change it: %sretention.ms=%d", kept, alter, least.Milliseconds())}
	}
	return nil
}
