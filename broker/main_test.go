package broker

import (
	"os"
	"testing"

	"sluice/broker/kafkatest"
)

func TestMain(m *testing.M) { os.Exit(kafkatest.Run(m)) }
