package e2e

import (
	"testing"

	"sluice/broker/kafkatest"
	"sluice/cmd/internal/e2e/gateway"
)

func TestMain(m *testing.M) { gateway.Exit(kafkatest.Run(m)) }

// newGateway prepares a gateway of the binary built from this checkout.
func newGateway(t *testing.T, config string) *gateway.Gateway {
	t.Helper()
	binary, err := gateway.Binary()
	if err != nil {
		t.Fatal(err)
	}
	return gateway.New(t, binary, config)
}
