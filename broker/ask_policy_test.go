package broker

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestAPolicyThatMayNotBeReadIsUnknown(t *testing.T) {
	f := newFake(t)
	compacted := map[string]*string{"cleanup.policy": kadm.StringPtr("compact"), "delete.retention.ms": kadm.StringPtr("60000")}
	if _, err := f.admin.CreateTopic(t.Context(), 1, 1, compacted, "orders"); err != nil {
		t.Fatal(err)
	}
	p, err := askPolicy(t.Context(), f.cl, "orders")
	if want := (policy{known: true, compacted: true, deleteRetention: 60e9}); err != nil || p != want {
		t.Errorf("policy %+v, %v; want %+v", p, err, want)
	}
	for _, denied := range []*kerr.Error{kerr.TopicAuthorizationFailed, kerr.ClusterAuthorizationFailed} {
		f.ControlKey(int16(kmsg.DescribeConfigs), func(req kmsg.Request) (kmsg.Response, error, bool) {
			resp := req.ResponseKind().(*kmsg.DescribeConfigsResponse)
			r := kmsg.NewDescribeConfigsResponseResource()
			r.ResourceName, r.ErrorCode = "orders", denied.Code
			resp.Resources = append(resp.Resources, r)
			return resp, nil, true
		})
		if p, err := askPolicy(t.Context(), f.cl, "orders"); err != nil || p != (policy{}) {
			t.Errorf("%v: policy %+v, %v; want the unknown one", denied, p, err)
		}
	}
}

func TestAPolicyThatMayNotBeReadHidesNoOther(t *testing.T) {
	f := newFake(t)
	f.ControlKey(int16(kmsg.DescribeConfigs), func(req kmsg.Request) (kmsg.Response, error, bool) {
		resp := req.ResponseKind().(*kmsg.DescribeConfigsResponse)
		denied, shown := kmsg.NewDescribeConfigsResponseResource(), kmsg.NewDescribeConfigsResponseResource()
		denied.ResourceName, denied.ErrorCode = "denied", kerr.TopicAuthorizationFailed.Code
		config := kmsg.NewDescribeConfigsResponseResourceConfig()
		config.Name, config.Value = "cleanup.policy", kadm.StringPtr("compact")
		shown.ResourceName, shown.Configs = "shown", append(shown.Configs, config)
		resp.Resources = append(resp.Resources, denied, shown)
		return resp, nil, true
	})
	got, err := askPolicies(t.Context(), f.cl, "denied", "shown")
	if err != nil || got["denied"] != (policy{}) || got["shown"] != (policy{known: true, compacted: true}) {
		t.Errorf("%+v, %v", got, err)
	}
}
