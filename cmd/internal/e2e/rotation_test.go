package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/twmb/franz-go/pkg/kadm"

	"sluice/broker/kafkatest"
	"sluice/cmd/internal/e2e/gateway"
	"sluice/stream/ssetest"
)

// A new SCRAM password and a new JWT secret are used without a restart of the gateway, under 200 open
// streams. Kafka is restarted, so that the old password leads in nowhere. No stream ends, and each gets
// what is produced then.
func TestStreamsLiveThroughNewSecrets(t *testing.T) {
	const streams = 200
	kafka := kafkatest.Start(t)
	kafka.CreateTopic(t, "rotated", 1)
	ctx := bounded(t)
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	oldKey, newKey := strings.Repeat("a", 40), strings.Repeat("b", 40)
	write("password", kafkatest.Password)
	write("jwt", oldKey)
	g := readyGateway(ctx, t, fmt.Sprintf(`
kafka: {brokers: [%q], sasl: {mechanism: SCRAM-SHA-256, username: %s, password_file: %q}}
auth: {jwt: {secret_file: %q}}
limits: {per_user: 0, connects_per_second: 0}
streams: {orders: {topic: rotated, user: key}}
`, kafka.SASL(), kafkatest.User, filepath.Join(dir, "password"), filepath.Join(dir, "jwt")))
	produce := func(value string) {
		t.Helper()
		if err := kafka.Client(t).ProduceSync(ctx, kgoRecord("rotated", "alice", value)).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}

	open := make([]*ssetest.Reader, streams)
	for i := range open {
		response := openAs(ctx, t, g, oldKey)
		t.Cleanup(func() { response.Body.Close() })
		if response.StatusCode != http.StatusOK {
			t.Fatalf("stream %d is answered %d", i, response.StatusCode)
		}
		open[i] = ssetest.NewReader(response.Body)
	}
	produce("before")
	all(t, open, "before")

	write("jwt", newKey)
	for ctx.Err() == nil { // within a second
		response := openAs(ctx, t, g, newKey)
		response.Body.Close()
		if response.StatusCode == http.StatusOK {
			break
		}
	}
	response := openAs(ctx, t, g, oldKey)
	response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("a token of the old secret is answered %d", response.StatusCode)
	}

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
	write("password", "a-new-one\n")
	produce("after")
	all(t, open, "after")
}

// A new authority and a new client certificate are used without a restart of the gateway, and its stream
// goes on.
func TestAStreamLivesThroughNewKafkaCertificates(t *testing.T) {
	kafka := kafkatest.Start(t)
	kafka.CreateTopic(t, "certified", 1)
	ctx := bounded(t)
	dir := t.TempDir()
	certificate, key := kafka.ClientCertificate()
	given := func(file string) string { return filepath.Join(dir, filepath.Base(file)) }
	hand := func() {
		t.Helper()
		for _, file := range []string{kafka.CAFile(), certificate, key} {
			text, err := os.ReadFile(file)
			if err == nil {
				err = os.WriteFile(given(file), text, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	hand()
	secret := strings.Repeat("a", 40)
	g := readyGateway(ctx, t, fmt.Sprintf(`
kafka: {brokers: [%q], tls: {ca_file: %q, cert_file: %q, key_file: %q}}
auth: {jwt: {secret: %s}}
streams: {orders: {topic: certified, user: key}}
`, kafka.MutualTLS(), given(kafka.CAFile()), given(certificate), given(key), secret))
	response := openAs(ctx, t, g, secret)
	defer response.Body.Close()
	stream := []*ssetest.Reader{ssetest.NewReader(response.Body)}

	kafka.Stop()
	kafka.NewCertificates()
	kafka.Start()
	if err := g.AwaitLog(ctx, "kafka.tls.ca_file"); err != nil {
		t.Fatalf("with the old authority: %v", err)
	}
	hand()
	if err := kafka.Client(t).ProduceSync(ctx, kgoRecord("certified", "alice", "after")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	all(t, stream, "after")
}

// openAs opens alice's stream with a token of this secret.
func openAs(ctx context.Context, t *testing.T, g *gateway.Gateway, secret string) *http.Response {
	t.Helper()
	token, err := jws.Sign([]byte(`{"sub":"alice","exp":4102444800}`), jws.WithKey(jwa.HS256(), []byte(secret)))
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, g.URL()+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+string(token))
	request.Header.Set("Accept", "text/event-stream")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

// all waits until each stream has an event with this data, which is the next of Kafka's on each.
func all(t *testing.T, streams []*ssetest.Reader, data string) {
	t.Helper()
	var readers sync.WaitGroup
	for i, stream := range streams {
		readers.Go(func() {
			for {
				e, err := stream.Next()
				switch {
				case err != nil:
					t.Errorf("stream %d ended before %q: %v", i, data, err)
					return
				case strings.HasPrefix(e.Name, "sluice."):
				case e.Data != data:
					t.Errorf("stream %d got %q, want %q", i, e.Data, data)
					return
				default:
					return
				}
			}
		})
	}
	readers.Wait()
	if t.Failed() {
		t.FailNow()
	}
}
