package broker

import (
	"testing"

	"sluice/broker/kafkatest"
)

func TestKafkaControlTellsEveryGateway(t *testing.T) {
	k := kafkatest.Shared(t)
	topic := unique("control")
	k.CreateTopic(t, topic, 1, "cleanup.policy=compact")
	tellsEveryGateway(t, []string{k.Plaintext()}, topic)
}
