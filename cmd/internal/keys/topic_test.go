package keys

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/server/auth"
)

// Operators see developers' keys and end them: one, or all of a user.
func TestOperatorsListAndRevokeDevelopersKeys(t *testing.T) {
	t.Chdir(t.TempDir())
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.DefaultProduceTopic("keys"))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	now := time.Now().UTC()
	write := func(id, owner string) {
		t.Helper()
		_, hash := auth.NewPortalKey()
		text := fmt.Sprintf(`{"v":1,"kind":"key","id":%q,"owner":"%s","name":"laptop","roles":["developer"],"hash":%q,"actions":["read"],"streams":["orders"],"created":%q,"expires":%q}`,
			id, owner, hash.String(), now.Format(time.RFC3339), now.Add(time.Hour).Format(time.RFC3339))
		if err := cl.ProduceSync(t.Context(), kgo.KeySliceRecord([]byte("key:"+id), []byte(text))).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	one, two, three := strings.Repeat("A", 26), strings.Repeat("B", 26), strings.Repeat("C", 26)
	write(one, `dora\u001b[2J`)
	write(two, "dave")
	write(three, "dave")
	if err := cl.ProduceSync(t.Context(), kgo.StringRecord("rubbish")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf("kafka: {brokers: [%q]}\nstreams: {orders: {topic: t, user: key}}\nlisten: 127.0.0.1:0\nauth: {jwt: {secret: 0123456789abcdef0123456789abcdef}}\nportal: {topic: keys}\n", c.ListenAddrs()[0])
	if err := os.WriteFile("sluice.yaml", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	states := func() (live, revoked int) {
		t.Helper()
		status, listed, said := keys("list", "-c", "sluice.yaml")
		if status != 0 || strings.Contains(listed, "sha256") || strings.Contains(listed, "\x1b") || !strings.Contains(listed, "1 records of the topic are no key") {
			t.Fatalf("%d %s\n%s", status, said, listed)
		}
		return strings.Count(listed, " live "), strings.Count(listed, " revoked ")
	}
	if live, revoked := states(); live != 3 || revoked != 0 {
		t.Errorf("%d are live, %d revoked", live, revoked)
	}
	if status, said, errs := keys("revoke", "-c", "sluice.yaml", one); status != 0 || said != "1 revoked.\n" {
		t.Errorf("%d %s %s", status, said, errs)
	}
	if status, _, errs := keys("revoke", "-c", "sluice.yaml", one); status != 1 || !strings.Contains(errs, "no such key") {
		t.Errorf("once more: %d %s", status, errs)
	}
	if live, revoked := states(); live != 2 || revoked != 1 {
		t.Errorf("%d are live, %d revoked", live, revoked)
	}
	if status, said, errs := keys("revoke", "-c", "sluice.yaml", "--owner", "dave"); status != 0 || said != "2 revoked.\n" {
		t.Errorf("%d %s %s", status, said, errs)
	}
	if live, revoked := states(); live != 0 || revoked != 3 {
		t.Errorf("%d are live, %d revoked", live, revoked)
	}
}
