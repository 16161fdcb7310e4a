package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"sluice/broker/kafkatest"
	"sluice/stream/ssetest"
)

// A new SCRAM password is used without a restart of the gateway: the old one no longer leads in when
// Kafka comes back, and the stream that was open gets what is produced then.
func TestAStreamLivesThroughANewKafkaPassword(t *testing.T) {
	kafka := kafkatest.Start(t)
	kafka.CreateTopic(t, "rotated", 1)
	ctx := bounded(t)
	password := filepath.Join(t.TempDir(), "password")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(password, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(kafkatest.Password)
	g := readyGateway(ctx, t, listenerConfig(fmt.Sprintf(`{brokers: [%q], sasl: {mechanism: SCRAM-SHA-256, username: %s, password_file: %q}}`,
		kafka.SASL(), kafkatest.User, password), "rotated"))

	request, err := http.NewRequestWithContext(ctx, http.MethodGet, g.URL()+"/events?from=earliest&user=alice", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "text/event-stream")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	stream := ssetest.NewReader(response.Body)
	next := func(want string) {
		t.Helper()
		if err := kafka.Client(t).ProduceSync(ctx, kgoRecord("rotated", "alice", want)).FirstErr(); err != nil {
			t.Fatal(err)
		}
		for {
			e, err := stream.Next()
			if err != nil {
				t.Fatalf("the stream ended before %q: %v", want, err)
			}
			if e.Data == want {
				return
			}
		}
	}
	next("before")

	altered, err := kafka.Admin().AlterUserSCRAMs(ctx, nil, []kadm.UpsertSCRAM{{
		User: kafkatest.User, Mechanism: kadm.ScramSha256, Iterations: 4096, Password: "a-new-one",
	}})
	if err == nil {
		err = altered.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	kafka.Stop()
	kafka.Start()
	if err := g.AwaitLog(ctx, "refused the credentials"); err != nil {
		t.Fatalf("with the old password: %v", err)
	}
	write("a-new-one\n")
	next("after")
}
