package broker

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// policy is the part of a topic's configuration that says which old records are still
// there.
type policy struct {
	known           bool // false: this user may not read the configuration
	compacted       bool
	deleteRetention time.Duration // delete.retention.ms
	remote          bool          // remote.storage.enable: an answer without records may mean "not yet"
}

// deletesFrom is the time in milliseconds from which on no delete of a compacted topic is
// missing.
func (p policy) deletesFrom() int64 {
	return max(time.Now().Add(-p.deleteRetention).UnixMilli(), 0)
}

// askPolicy asks for a topic's configuration. If this user may not read it, the policy is
// unknown.
func askPolicy(ctx context.Context, cl *kgo.Client, topic string) (policy, error) {
	policies, err := askPolicies(ctx, cl, topic)
	return policies[topic], err
}

// askPolicies is askPolicy for several topics at once, by name. One whose configuration
// this user may not read hides none of the others: kadm would leave them out too.
func askPolicies(ctx context.Context, cl *kgo.Client, topics ...string) (map[string]policy, error) {
	described, err := hedged(ctx, func(ctx context.Context) (*kmsg.DescribeConfigsResponse, error) {
		kresp, err := cl.Request(ctx, describeConfigs(topics))
		if err != nil {
			return nil, err
		}
		return kresp.(*kmsg.DescribeConfigsResponse), nil
	})
	if err != nil {
		return nil, err
	}
	policies := make(map[string]policy)
	for _, one := range described.Resources {
		switch err := kerr.ErrorForCode(one.ErrorCode); {
		case err == nil:
			policies[one.ResourceName] = policyOf(one.Configs)
		case !isForbidden(err):
			return nil, err
		}
	}
	return policies, nil
}

func describeConfigs(topics []string) *kmsg.DescribeConfigsRequest {
	req := kmsg.NewPtrDescribeConfigsRequest()
	for _, topic := range topics {
		one := kmsg.NewDescribeConfigsRequestResource()
		one.ResourceName, one.ResourceType = topic, kmsg.ConfigResourceTypeTopic
		req.Resources = append(req.Resources, one)
	}
	return req
}

func policyOf(configs []kmsg.DescribeConfigsResponseResourceConfig) policy {
	p := policy{known: true}
	for _, c := range configs {
		var value string
		if c.Value != nil {
			value = *c.Value
		}
		switch c.Name {
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
