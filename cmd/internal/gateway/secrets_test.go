package gateway

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"sluice/cmd/internal/config"
	"sluice/server/auth"
)

// TestNothingWritesSecrets runs a gateway that has every kind of secret and is asked with
// every kind of credential, good and bad. It looks for them in all that the gateway
// writes: log at its most talkative, answers, metrics, profiles.
func TestNothingWritesSecrets(t *testing.T) {
	const (
		jwtSecret    = "jwt-secret-3f9c1a77e2b84d60-0123456789"
		authSecret   = "authjs-secret-88d1c0aa51f34e9b-0123456789"
		ticketSecret = "ticket-secret-61e07b9d4c2f4aa8-0123456789"
		password     = "kafka-password-2b7d"
		adminToken   = "admin-token-9a41c55e0d7b4f6c"
		sealKey      = "c2VhbGluZy1rZXktMDEyMzQ1Njc4OWFiY2RlZmdoaWo="
		cookie       = "app-session-cookie-5511"
		forged       = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.forged-signature-7731"
		badTicket    = "forged-ticket-4417"
	)
	apiKey, hash := auth.NewAPIKey()
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	t.Cleanup(app.Close)
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "order-topic", "keys"), kfake.EnableSASL(),
		kfake.Superuser("PLAIN", "gateway", password))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"jwt": jwtSecret, "authjs": authSecret, "tickets": ticketSecret, "token": adminToken,
		"ids": "k1:" + sealKey + "\n", "keys.yaml": "shop: " + hash + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := fmt.Sprintf(`listen: 127.0.0.1:0
admin: 127.0.0.1:0
admin_auth: {token_file: token}
ids: sealed
ids_keys_file: ids
kafka: {brokers: [%q], sasl: {mechanism: PLAIN, username: gateway, password: %s}}
streams: {orders: {topic: order-topic, user: key, subject: value:orderId}}
auth:
  jwt: {secret_file: jwt, from: [header, "cookie:token", "query:token"]}
  authjs: {secret_file: authjs, user: sub}
  forward: {url: %q, user: id}
  tickets: {secret_file: tickets}
  api_keys_file: keys.yaml
portal: {topic: keys}
log: {level: debug}
`, c.ListenAddrs()[0], password, app.URL)
	conf, findings := config.Parse(filepath.Join(dir, "sluice.yaml"), []byte(text), nil)
	if faults := findings.Faults(); len(faults) > 0 {
		t.Fatal(faults)
	}
	var written syncBuffer
	g := startLogging(t, conf, &written)
	public, admin := "http://"+g.Addr().String(), "http://"+g.AdminAddr().String()

	g.portal.portal.SetFault("") // it isn't compacted
	developer, err := auth.SignToken(must(auth.SecretKey([]byte(jwtSecret))), map[string]any{"sub": "dora", "roles": []string{"developer"}})
	if err != nil {
		t.Fatal(err)
	}
	key, ticket := made(t, public+"/portal/keys", developer, "key"), made(t, public+"/portal/tickets", developer, "ticket")

	ask := func(method, url, body string, headers ...string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		fmt.Fprintln(&written, method, res.Status, res.Header)
		if res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
			io.Copy(&written, res.Body)
		}
	}
	for _, headers := range [][]string{
		{}, {"Authorization", "Bearer " + forged}, {"Authorization", "Basic " + cookie},
		{"Authorization", "Bearer " + key}, {"Authorization", "Bearer " + key + "x"}, {"Authorization", "Bearer " + developer},
		{"Cookie", "token=" + forged}, {"Cookie", "session=" + cookie},
		{"Cookie", "authjs.session-token=" + forged}, {"Cookie", "next-auth.session-token=" + cookie},
	} {
		ask("GET", public+"/events", "", headers...)
		ask("GET", public+"/state", "", headers...)
	}
	ask("GET", public+"/portal/keys", "", "Authorization", "Bearer "+developer)
	ask("GET", public+"/portal/tickets", "", "Authorization", "Bearer "+developer)
	ask("POST", public+"/portal/keys", `{"name":"`+key+`<"}`, "Authorization", "Bearer "+developer, "Content-Type", "application/json")
	ask("POST", public+"/portal/keys", "{}", "Authorization", "Bearer "+key, "Content-Type", "application/json")
	ask("DELETE", public+"/portal/keys/"+key, "", "Authorization", "Bearer "+developer, "Content-Type", "application/json")
	ask("POST", public+"/tickets", `{"user":"dora"}`, "Authorization", "Bearer "+key)
	ask("GET", public+"/state?ticket="+ticket, "")
	ask("GET", public+"/events?token="+forged, "")
	ask("GET", public+"/events?ticket="+badTicket, "")
	ask("POST", public+"/tickets", `{"user":"alice"}`, "Authorization", "Bearer "+badTicket)
	ask("POST", public+"/tickets", `{"user":`, "Authorization", "Bearer "+apiKey, "Content-Type", "application/json")
	ask("POST", public+"/revoke", `{"ticket":"`+badTicket+`"}`, "Authorization", "Bearer "+apiKey, "Content-Type", "application/json")
	for _, path := range []string{"/readyz", "/metrics", "/debug/pprof/goroutine?debug=2", "/debug/pprof/heap?debug=1", "/debug/pprof/allocs?debug=1", "/debug/pprof/cmdline", "/nowhere"} {
		ask("GET", admin+path, "", "Authorization", "Bearer "+adminToken)
		ask("GET", admin+path, "", "Authorization", "Bearer "+badTicket)
	}
	all := written.String()
	if !strings.Contains(all, "401") || !strings.Contains(all, "sluice_auth_failures_total") {
		t.Fatalf("the run wrote too little to look at:\n%.2000s", all)
	}
	for name, secret := range map[string]string{
		"jwt secret": jwtSecret, "authjs secret": authSecret, "ticket secret": ticketSecret, "kafka password": password,
		"admin token": adminToken, "sealing key": sealKey, "session cookie": cookie, "forged token": forged,
		"forged ticket": badTicket, "api key": apiKey, "api key's hash": hash,
		"developer's token": developer, "developer's key": key, "developer's key's hash": hashOf(key), "developer's ticket": ticket,
	} {
		if i := strings.Index(all, secret); i >= 0 {
			t.Errorf("the %s was written: …%s…", name, all[max(0, i-120):i])
		}
	}
}
