package broker

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"sluice/broker/connect"
)

func TestInspectSaysWhatThereIs(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(7, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	found, err := Inspect(t.Context(), Config{Brokers: cluster.ListenAddrs()}, "orders", "gone")
	if err != nil {
		t.Fatal(err)
	}
	if got := found["orders"]; got != (Inspected{Partitions: 7}) {
		t.Errorf("orders: %+v", got)
	}
	if got := found["gone"]; got.Fault != "the topic does not exist" {
		t.Errorf("gone: %+v", got)
	}
}

func TestInspectSaysWhyKafkaCannotBeAsked(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser("PLAIN", "gateway", "right"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	// The fake broker just hangs up on a wrong password; a real one says so.
	cluster.ControlKey(int16(kmsg.SASLAuthenticate), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		resp := req.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		resp.ErrorCode = kerr.SaslAuthenticationFailed.Code
		return resp, nil, true
	})
	_, err = Inspect(t.Context(), Config{Brokers: cluster.ListenAddrs(), SASL: connect.SASL{Mechanism: connect.MechanismPlain, Username: "gateway", Password: "wrong"}}, "orders")
	if !errors.Is(err, kerr.SaslAuthenticationFailed) || !strings.Contains(err.Error(), "wrong username or password") {
		t.Errorf("wrong password: %v", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = Inspect(ctx, Config{Brokers: cluster.ListenAddrs()}, "orders"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
