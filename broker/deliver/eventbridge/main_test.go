package eventbridge_test

import (
	"os"
	"testing"

	"sluice/broker/kafkatest"
)

func TestMain(m *testing.M) {
	kafkatest.AtOnce("8", "6")
	os.Exit(kafkatest.Run(m))
}
