package gateway

import (
	"os"
	"testing"

	"sluice/broker/kafkatest"
)

func TestMain(m *testing.M) {
	kafkatest.AtOnce("10", "6")
	os.Exit(m.Run())
}
