package gateway

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/cmd/internal/config"
	"sluice/server/auth"
	"sluice/stream/ssetest"
)

// events opens a user's stream.
func events(t *testing.T, g *Gateway, user string) *ssetest.Reader {
	t.Helper()
	resp, err := http.Get("http://" + g.Addr().String() + "/events?user=" + user)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	r := ssetest.NewReader(resp.Body)
	if e, err := r.Next(); err != nil || e.Name != "sluice.hello" {
		t.Fatalf("%+v, %v", e, err)
	}
	return r
}

// controlled is a shop with a control topic of one partition, and a back end's key.
func controlled(t *testing.T) (c *kfake.Cluster, conf *config.Config, key string) {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "order-topic", "control"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	key, hash := auth.NewAPIKey()
	conf = shop(t, c, "control_topic: control\n")
	parsed, err := auth.ParseAPIKey("shop", hash)
	if err != nil {
		t.Fatal(err)
	}
	conf.Auth.APIKeys = auth.APIKeys{parsed}
	return c, conf, key
}

// revoke has a gateway revoke a user, everywhere.
func revoke(t *testing.T, g *Gateway, key, user string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, "http://"+g.Addr().String()+"/revoke", strings.NewReader(fmt.Sprintf(`{"user":%q}`, user)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s %v", resp.Status, body, err)
	}
}

// TestEveryRevocationHoldsThoughTheControlTopicGrows: by whichever of two gateways, and
// on both.
func TestEveryRevocationHoldsThoughTheControlTopicGrows(t *testing.T) {
	t.Parallel()
	c, conf, key := controlled(t)
	gateways := []*Gateway{start(t, conf), start(t, conf)}
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if _, err := kadm.NewClient(cl).CreatePartitions(t.Context(), 6, "control"); err != nil {
		t.Fatal(err)
	}
	late := start(t, conf) // knows the new partitions at once
	for i := range 100 {
		by := [...]*Gateway{gateways[0], gateways[1], late}[i%3]
		revoke(t, by, key, fmt.Sprintf("user-%d", i))
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for n, g := range gateways {
		for i := range 100 {
			for ; ; <-tick.C {
				status, _ := get(t, fmt.Sprintf("http://%s/state?stream=orders&user=user-%d", g.Addr(), i))
				if status == http.StatusUnauthorized {
					break
				}
				if t.Context().Err() != nil {
					t.Fatalf("gateway %d lets user-%d in: %d", n, i, status)
				}
			}
		}
		if _, body := get(t, "http://"+g.AdminAddr().String()+"/readyz"); strings.Contains(body, "unheard") {
			t.Error(body)
		}
	}
}

// TestRevokedOnAllGateways: one is asked, both end the user's streams, and one that
// starts afterwards keeps the user out.
func TestRevokedOnAllGateways(t *testing.T) {
	c, conf, key := controlled(t)
	one, two := start(t, conf), start(t, conf)
	streams := []*ssetest.Reader{events(t, one, "alice"), events(t, two, "alice")}
	bob := events(t, two, "bob")

	revoke(t, one, key, "alice")
	for _, s := range streams {
		for e, err := s.Next(); e.Name != "sluice.closing"; e, err = s.Next() {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	three := start(t, conf)
	for _, g := range []*Gateway{one, two, three} {
		if status, body := get(t, "http://"+g.Addr().String()+"/events?user=alice"); status != http.StatusUnauthorized {
			t.Errorf("%d %s", status, body)
		}
	}
	produce(t, c, "bob", "for bob")
	for e, err := bob.Next(); e.Data != "for bob"; e, err = bob.Next() {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestSealedOnTheWire: with ids: sealed nothing that a browser is sent has an offset in
// it, whatever happened.
func TestSealedOnTheWire(t *testing.T) {
	c := cluster(t, 1)
	t.Chdir(t.TempDir())
	if err := os.WriteFile("ids.keys", []byte("k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	g := start(t, shop(t, c, "ids: sealed\nids_keys_file: ids.keys\n"))
	first := events(t, g, "alice")
	var ids []string
	for range 3 {
		produce(t, c, "alice", "x")
		e, err := first.Next()
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, e.ID)
	}
	sealed := regexp.MustCompile(`^orders@\.[A-Za-z0-9_-]+$`)
	for _, id := range ids {
		if !sealed.MatchString(id) {
			t.Errorf("%s is not sealed", id)
		}
	}
	for cursor, want := range map[string]string{
		ids[0]:                 `{"resume":"resumed"`,
		"orders@e:0":           `{"reason":"invalid","partitions":[]}`,
		ids[0][:len(ids[0])-4]: `{"reason":"invalid","partitions":[]}`,
	} {
		resp, err := http.Get("http://" + g.Addr().String() + "/events?user=alice&lastEventId=" + cursor)
		if err != nil {
			t.Fatal(err)
		}
		e, err := ssetest.NewReader(resp.Body).Next()
		resp.Body.Close()
		if err != nil || !strings.HasPrefix(e.Data, want) {
			t.Errorf("%s: %+v, %v", cursor, e, err)
		}
	}
}
