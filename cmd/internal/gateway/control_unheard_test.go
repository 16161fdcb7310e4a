package gateway

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestAGatewayThatDoesNotHearTheControlTopicSaysSo in /readyz, by a metric and once in
// the log. It stays ready.
func TestAGatewayThatDoesNotHearTheControlTopicSaysSo(t *testing.T) {
	t.Parallel()
	c, conf, _ := controlled(t)
	var log syncBuffer
	g := startLogging(t, conf, &log)
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	admin := kadm.NewClient(cl)

	metric := regexp.MustCompile(`(?m)^sluice_control_topic_unheard_seconds (.*)$`)
	unheard := func() (since, why string, seconds float64) {
		status, body := get(t, "http://"+g.AdminAddr().String()+"/readyz")
		var said struct {
			Ready   bool `json:"ready"`
			Control struct {
				Since string `json:"unheard_since"`
				Why   string `json:"why"`
			} `json:"control_topic"`
		}
		if err := json.Unmarshal([]byte(body), &said); err != nil || status != http.StatusOK || !said.Ready {
			t.Fatalf("%d %s %v", status, body, err)
		}
		_, metrics := get(t, "http://"+g.AdminAddr().String()+"/metrics")
		found := metric.FindStringSubmatch(metrics)
		if found == nil {
			t.Fatal("there is no such metric")
		}
		if seconds, err = strconv.ParseFloat(found[1], 64); err != nil {
			t.Fatal(err)
		}
		return said.Control.Since, said.Control.Why, seconds
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()

	if since, why, seconds := unheard(); since != "" || why != "" || seconds != 0 {
		t.Errorf("it hears all: %q %q %v", since, why, seconds)
	}
	if _, err := admin.DeleteTopics(t.Context(), "control"); err != nil {
		t.Fatal(err)
	}
	for {
		since, why, seconds := unheard()
		if since != "" && seconds > 0 {
			if _, err := time.Parse(time.RFC3339, since); err != nil || !strings.Contains(why, "does not exist") {
				t.Errorf("unheard since %q: %q", since, why)
			}
			break
		}
		<-tick.C
	}
	if _, err := admin.CreateTopic(t.Context(), 1, 1, nil, "control"); err != nil {
		t.Fatal(err)
	}
	for {
		if since, why, seconds := unheard(); since == "" && why == "" && seconds == 0 {
			break
		}
		<-tick.C
	}
	said := map[string]int{} // by why
	for line := range strings.Lines(log.String()) {
		var entry struct{ Message, Why string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(entry.Message, "waiting for the control topic") {
			said[entry.Why]++
		}
	}
	if len(said) == 0 {
		t.Errorf("the log does not say so:\n%s", log.String())
	}
	for why, n := range said {
		if n != 1 {
			t.Errorf("the log says %d times: %s", n, why)
		}
	}
}
