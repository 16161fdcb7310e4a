package check

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
)

// What back ends may write is said in words. On a Kafka that lets this user write there
// is nothing to complain of.
func TestPublishingIsSaid(t *testing.T) {
	inDir(t, withBroker(cluster(t, kfake.SeedTopics(1, "order-topic", "news-topic")), shop+"publish: {streams: [orders], roles: [backend, admin]}\n"), nil)
	status, stdout, stderr := runCheck(t)
	if want := "POST /publish writes to order-topic for users with the role backend or admin.\n"; !strings.Contains(stdout, want) || status != 0 || strings.Contains(stderr, "publish") {
		t.Errorf("status %d\n%s\n%s", status, stdout, stderr)
	}
}
