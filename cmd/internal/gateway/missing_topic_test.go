package gateway

import (
	"net/http"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/stream/ssetest"
)

// A topic that doesn't exist yet holds a start up for ten seconds. Then pages have the
// other streams, and come back for this one once it is there.
func TestAMissingTopicHoldsAStartUpForTenSecondsAndNoLonger(t *testing.T) {
	t.Parallel()
	c := cluster(t, 1)
	conf := configured(t, c, `streams:
  orders: {topic: order-topic, user: key, subject: key}
  later: {topic: later-topic, user: key, subject: key}
auth: none
`)
	g := start(t, conf)
	url := "http://" + g.Addr().String()
	for path, want := range map[string]int{"/readyz": 200, "/readyz?stream=orders": 200, "/readyz?stream=later": 503} {
		if status, body := get(t, "http://"+g.AdminAddr().String()+path); status != want {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	page, _ := open(t, http.DefaultClient, url+"/events?user=alice")
	produce(t, c, "alice", "1")
	if e := next(t, page); e.Data != "1" {
		t.Errorf("%+v", e)
	}
	if status, body := get(t, url+"/state?user=alice"); status != 200 {
		t.Errorf("/state: %d %s", status, body)
	}

	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if _, err := kadm.NewClient(cl).CreateTopic(t.Context(), 1, 1, nil, "later-topic"); err != nil {
		t.Fatal(err)
	}
	end := next(t, page)
	if end.Name != "sluice.closing" || !strings.Contains(end.Data, `"reason":"reload"`) || end.ID == "" {
		t.Fatalf("%+v", end)
	}
	for { // for a second the gateway may still say that it is not there
		resp, err := http.Get(url + "/events?user=alice&lastEventId=" + end.ID)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != http.StatusOK {
			resp.Body.Close()
			continue
		}
		defer resp.Body.Close()
		if e := next(t, ssetest.NewReader(resp.Body)); e.Name != "sluice.reset" || e.Data != `{"reason":"invalid","stream":"later","partitions":[]}` {
			t.Errorf("%+v", e)
		}
		return
	}
}
