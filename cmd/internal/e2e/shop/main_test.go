package shop

import (
	"os"
	"testing"

	"sluice/broker/kafkatest"
	"sluice/cmd/internal/e2e/gateway"
)

func TestMain(m *testing.M) { gateway.Exit(kafkatest.Run(m)) }

// full says whether the promised sizes are run.
var full = os.Getenv("SLUICE_TEST_FULL") == "1"

// size is a promised size, or a tenth of it.
func size(promised int) int {
	if full {
		return promised
	}
	return promised / 10
}
