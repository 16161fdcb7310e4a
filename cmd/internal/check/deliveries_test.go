package check

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"sluice/broker/deliver/cloudtest"
)

// Deliveries are said in words, without what their addresses may have that is a key. A
// topic of theirs that is missing is a warning.
func TestDeliveriesAreSaid(t *testing.T) {
	cloudtest.Credentials(t)
	inDir(t, withBroker(cluster(t, kfake.SeedTopics(1, "order-topic", "news-topic", "other")), shop+`deliveries:
  order-mail:
    stream: orders
    http: {url: "https://shop.example/mail?key=hush", secret_file: mail.secret}
    dead_letter: order-topic.dead
  copy: {topic: other, kafka: {topic: other.copy}}
  bus: {stream: orders, eventbridge: {region: eu-central-1, source: shop}}
  call: {stream: orders, lambda: {function: "mail:live", region: eu-central-1}}
`), map[string]string{"mail.secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"})
	status, stdout, stderr := runCheck(t)
	for _, want := range []string{
		"The delivery order-mail hands the stream orders to https://shop.example/mail. What can't be delivered goes to order-topic.dead.\n",
		"The delivery copy hands the topic other to the topic other.copy. What can't be delivered stays, and its key waits.\n",
		"The delivery bus hands the stream orders to the EventBridge bus default in eu-central-1. ",
		"The delivery call hands the stream orders to the Lambda function mail:live in eu-central-1. ",
		"deliveries.order-mail.dead_letter: warning: order-topic.dead: the topic does not exist; what is given up would stay",
		"deliveries.copy.kafka.topic: warning: other.copy: the topic does not exist; nothing would be delivered",
	} {
		if !strings.Contains(stdout+stderr, want) {
			t.Errorf("it doesn't say %q", want)
		}
	}
	if status != 0 || strings.Contains(stdout+stderr, "hush") || strings.Contains(stderr, "other: the topic") {
		t.Errorf("status %d\n%s\n%s", status, stdout, stderr)
	}
}

// A delivery to AWS without credentials is a warning: the gateway may have some.
func TestMissingCredentialsAreSaid(t *testing.T) {
	cloudtest.Credentials(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	inDir(t, withBroker(cluster(t, kfake.SeedTopics(1, "order-topic", "news-topic")), shop+`deliveries:
  bus: {stream: orders, eventbridge: {region: eu-central-1, source: shop}, dead_letter: order-topic.dead}
`), nil)
	status, stdout, stderr := runCheck(t)
	if status != 0 || !strings.Contains(stderr, "deliveries.bus.eventbridge.region: warning: no AWS credentials: ") {
		t.Errorf("status %d\n%s\n%s", status, stdout, stderr)
	}
}
