package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/twmb/franz-go/pkg/kadm"

	"sluice/broker/kafkatest"
	"sluice/cmd/internal/e2e/gateway"
	"sluice/stream/ssetest"
)

// A JWT secret, an API key, a SCRAM password, Kafka's authority and a client certificate
// are rotated without a restart of the gateway, under 200 open streams. What was there
// before leads in nowhere. No stream ends, and each gets all that is produced, also while
// the gateway is locked out of Kafka.
func TestStreamsLiveThroughEachRotation(t *testing.T) {
	const streams = 200
	kafka := kafkatest.Start(t, kafkatest.PasswordAndCertificate())
	kafka.CreateTopic(t, "rotated", 1)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute) // Kafka restarts twice
	defer cancel()
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	hand := func(files ...string) {
		t.Helper()
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			write(filepath.Base(file), string(text))
		}
	}
	oldKey, newKey := strings.Repeat("a", 40), strings.Repeat("b", 40)
	oldAPIKey, oldLine := newAPIKey(ctx, t)
	newAPIKey, newLine := newAPIKey(ctx, t)
	certificate, key := kafka.ClientCertificate()
	write("password", kafkatest.Password)
	write("jwt", oldKey)
	write("tickets", strings.Repeat("c", 40))
	write("api-keys", oldLine)
	hand(kafka.CAFile(), certificate, key)
	given := func(file string) string { return filepath.Join(dir, filepath.Base(file)) }
	g := readyGateway(ctx, t, fmt.Sprintf(`
kafka:
  brokers: [%q]
  sasl: {mechanism: SCRAM-SHA-256, username: %s, password_file: %q}
  tls: {ca_file: %q, cert_file: %q, key_file: %q}
auth: {jwt: {secret_file: %q}, tickets: {secret_file: %q}, api_keys_file: %q}
limits: {per_user: 0, connects_per_second: 0}
streams: {orders: {topic: rotated, user: key, subject: key}}
`, kafka.TLS(), kafkatest.User, given("password"), given(kafka.CAFile()), given(certificate), given(key), given("jwt"), given("tickets"), given("api-keys")))
	produce := func(value string) {
		t.Helper()
		if err := kafka.Client(t).ProduceSync(ctx, kgoRecord("rotated", "alice", value)).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}

	open := make([]*ssetest.Reader, streams)
	for i := range open {
		var response *http.Response
		if i%4 == 0 {
			status, ticket := ticketBy(ctx, t, g, oldAPIKey)
			if status != http.StatusCreated {
				t.Fatalf("POST /tickets is answered %d", status)
			}
			response = openAs(ctx, t, g, "", "?ticket="+ticket)
		} else {
			response = openAs(ctx, t, g, oldKey, "")
		}
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
		response := openAs(ctx, t, g, newKey, "")
		response.Body.Close()
		if response.StatusCode == http.StatusOK {
			break
		}
	}
	response := openAs(ctx, t, g, oldKey, "")
	response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("a token of the old secret is answered %d", response.StatusCode)
	}
	produce("after the JWT secret")
	all(t, open, "after the JWT secret")

	write("api-keys", newLine)
	for status := 0; ctx.Err() == nil && status != http.StatusCreated; {
		status, _ = ticketBy(ctx, t, g, newAPIKey)
	}
	if status, _ := ticketBy(ctx, t, g, oldAPIKey); status != http.StatusUnauthorized {
		t.Errorf("the old API key is answered %d", status)
	}
	produce("after the API key")
	all(t, open, "after the API key")

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
	produce("while the password is old")
	write("password", "a-new-one\n")
	all(t, open, "while the password is old")

	kafka.Stop()
	kafka.NewCertificates()
	kafka.Start()
	if err := g.AwaitLog(ctx, "signed by no authority known here"); err != nil {
		t.Fatalf("with the old authority: %v", err)
	}
	produce("while the authority is old")
	hand(kafka.CAFile())
	if err := g.AwaitLog(ctx, "the broker refused the TLS connection"); err != nil {
		t.Fatalf("with the old client certificate: %v", err)
	}
	produce("while the client certificate is old")
	hand(certificate, key)
	all(t, open, "while the authority is old")
	all(t, open, "while the client certificate is old")
}

// newAPIKey is a key that `sluice keys new` makes, and the line of the file for it.
func newAPIKey(ctx context.Context, t *testing.T) (key, line string) {
	t.Helper()
	binary, err := gateway.Binary()
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	command := exec.CommandContext(ctx, binary, "keys", "new", "shop")
	command.Stderr = &said
	text, err := command.Output()
	if err != nil {
		t.Fatalf("sluice keys new: %v\n%s", err, said.String())
	}
	for line := range strings.Lines(said.String()) {
		if strings.HasPrefix(line, "shop: ") {
			return strings.TrimSpace(string(text)), line
		}
	}
	t.Fatalf("sluice keys new says no line for the file:\n%s", said.String())
	return "", ""
}

// ticketBy asks for a ticket with this API key.
func ticketBy(ctx context.Context, t *testing.T, g *gateway.Gateway, key string) (status int, ticket string) {
	t.Helper()
	body := strings.NewReader(`{"stream":"orders","subject":"alice","ttl":"1h"}`)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, g.URL()+"/tickets", body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+key)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct{ Ticket string }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, answer.Ticket
}

// openAs opens alice's stream with a token of this secret, or without one with what the
// query says.
func openAs(ctx context.Context, t *testing.T, g *gateway.Gateway, secret, query string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, g.URL()+"/events"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "text/event-stream")
	if secret != "" {
		token, err := jws.Sign([]byte(`{"sub":"alice","exp":4102444800}`), jws.WithKey(jwa.HS256(), []byte(secret)))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+string(token))
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

// all waits until each stream has an event with this data, which is the next of Kafka's
// on each.
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
