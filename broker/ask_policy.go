package broker

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// policy is the part of a topic's configuration that says which old records are still
// there.
type policy struct {
	known           bool // false: this user may not read the configuration
	compacted       bool
	deleteRetention time.Duration // delete.retention.ms
	remote          bool          // remote.storage.enable: an answer without records may mean "not yet"
}

// askPolicy asks for a topic's configuration. If this user may not read it, the policy is
// unknown.
func askPolicy(ctx context.Context, cl *kgo.Client, topic string) (policy, error) {
	described, err := hedged(ctx, func(ctx context.Context) (kadm.ResourceConfigs, error) {
		described, err := kadm.NewClient(cl).DescribeTopicConfigs(ctx, topic)
		if isForbidden(err) {
			return nil, nil
		}
		return described, err
	})
	if err != nil {
		return policy{}, causeOf(err)
	}
	var p policy
	for _, one := range described {
		if one.Err != nil {
			return policy{}, one.Err
		}
		p = policyOf(one.Configs)
	}
	return p, nil
}

// askPolicies asks for the configurations of topics at once. A topic whose configuration
// this user may not read has the unknown policy.
func askPolicies(ctx context.Context, cl *kgo.Client, topics ...string) (map[string]policy, error) {
	described, err := hedged(ctx, func(ctx context.Context) (kadm.ResourceConfigs, error) {
		described, err := kadm.NewClient(cl).DescribeTopicConfigs(ctx, topics...)
		if isForbidden(err) {
			return nil, nil
		}
		return described, err
	})
	if err != nil {
		return nil, causeOf(err)
	}
	policies := make(map[string]policy)
	for _, one := range described {
		if one.Err == nil {
			policies[one.Name] = policyOf(one.Configs)
		}
	}
	return policies, nil
}

func policyOf(configs []kadm.Config) policy {
	p := policy{known: true}
	for _, c := range configs {
		switch value := c.MaybeValue(); c.Key {
		case "cleanup.policy":
			p.compacted = strings.Contains(value, "compact")
		case "delete.retention.ms":
			ms, _ := strconv.ParseInt(value, 10, 64)
			p.deleteRetention = time.Duration(min(ms, int64(1<<63-1)/int64(time.Millisecond))) * time.Millisecond
		case "remote.storage.enable":
			p.remote = value == "true"
		}
	}
	return p
}
