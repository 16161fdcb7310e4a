package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/kafkatest"
	"sluice/cmd/internal/e2e/gateway"
)

// flow is a delivery of records that keep coming.
type flow struct {
	t       *testing.T
	gateway *gateway.Gateway
	target  *hardTarget
	written int // records
	full    bool
}

// A target is down while records keep coming. Once it is up again the delivery catches up
// with them: nothing waits any more, though they still come. In full these are 1,000
// records a second and a minute, after which the delivery has two minutes.
func TestADeliveryCatchesUpAfterAnOutage(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a real Kafka")
	}
	t.Parallel()
	f := &flow{t: t, full: os.Getenv("SLUICE_TEST_FULL") != ""}
	perSecond, outage := 100, 6*time.Second
	if f.full {
		perSecond, outage = 1000, time.Minute
	}
	kafka := kafkatest.Shared(t)
	f.start(kafka)
	stop := f.produce(kafka, perSecond)

	f.await("records arrive", func(d deliveryState) bool { return f.target.arrived() > perSecond })
	f.target.set(func() { f.target.down, f.target.well = true, false })
	began := time.Now()
	f.await("the circuit is open", func(d deliveryState) bool { return d.Circuit == "open" })
	<-time.After(time.Until(began.Add(outage)))
	waited := f.look()
	f.target.set(func() { f.target.down, f.target.well = false, true })
	up := time.Now()
	f.await("nothing waits", func(d deliveryState) bool { return d.Lag != nil && *d.Lag == 0 && d.Circuit == "closed" })
	took := time.Since(up)
	f.written = stop()
	f.await("all have arrived", func(deliveryState) bool { return f.target.arrived() == f.written })

	if waited.Lag == nil || *waited.Lag < int64(perSecond) || waited.OldestWaiting == nil {
		t.Errorf("at the end of the outage: %+v", waited)
	}
	if dead := f.look().DeadLetters; len(dead) > 0 {
		t.Errorf("an outage has made dead letters: %v", dead)
	}
	t.Logf("%d records a second; after %v without the target %d waited, and after another %v none, of %d in all", perSecond, outage, *waited.Lag, took.Round(100*time.Millisecond), f.written)
	if f.full && took > 2*time.Minute {
		t.Logf("that is longer than the two minutes that are promised for a machine with nothing else to do")
	}
}

// start starts a gateway that delivers to a target which takes all.
func (f *flow) start(kafka *kafkatest.Cluster) {
	f.target = newHardTarget(f.t, rand.New(rand.NewPCG(1, 2)))
	f.target.well = true
	kafka.CreateTopic(f.t, "outage", 6)
	kafka.CreateTopic(f.t, "outage.dead", 1)
	secret := filepath.Join(f.t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("whsec_"+webhookSecret), 0o600); err != nil {
		f.t.Fatal(err)
	}
	f.gateway = readyGateway(bounded(f.t), f.t, fmt.Sprintf(`
kafka: {brokers: [%q]}
auth: none
streams: {orders: {topic: outage, user: key, replay: 1s}}
deliveries:
  outage:
    stream: orders
    from: earliest
    http: {url: %q, secret_file: %q, allow_private: true}
    dead_letter: outage.dead
`, kafka.Plaintext(), f.target.URL, secret))
}

// produce writes so many records a second until it is stopped, which returns how many
// there were.
func (f *flow) produce(kafka *kafkatest.Cluster, perSecond int) (stop func() int) {
	const ticks = 50 // a second
	client := kafka.Client(f.t)
	ended, stopped := make(chan struct{}), make(chan int, 1)
	go func() {
		written, next := 0, make(map[string]int)
		defer func() { stopped <- written }()
		tick := time.NewTicker(time.Second / ticks)
		defer tick.Stop()
		for {
			for range perSecond / ticks {
				key := fmt.Sprint("key", written%500)
				next[key]++
				written++
				value, _ := json.Marshal(delivered{key, next[key]})
				client.Produce(f.t.Context(), &kgo.Record{Topic: "outage", Key: []byte(key), Value: value}, func(_ *kgo.Record, err error) {
					if err != nil {
						f.t.Errorf("producing: %v", err)
					}
				})
			}
			select {
			case <-ended:
				return
			case <-tick.C:
			}
		}
	}()
	f.t.Cleanup(func() { stop() })
	written := -1
	return func() int {
		if written < 0 {
			close(ended)
			written = <-stopped
			if err := client.Flush(f.t.Context()); err != nil {
				f.t.Errorf("producing: %v", err)
			}
		}
		return written
	}
}

// deliveryState is what the gateway says of a delivery.
type deliveryState struct {
	Lag           *int64            `json:"lag"`
	Circuit       string            `json:"circuit"`
	OldestWaiting *time.Time        `json:"oldest_waiting"`
	DeadLetters   map[string]uint64 `json:"dead_letters"`
}

func (f *flow) look() deliveryState {
	f.t.Helper()
	status, body := f.gateway.Ask(f.t.Context(), "/deliveries")
	var list struct{ Deliveries []deliveryState }
	if err := json.Unmarshal([]byte(body), &list); status != http.StatusOK || err != nil || len(list.Deliveries) != 1 {
		f.t.Fatalf("%d %s %v", status, body, err)
	}
	return list.Deliveries[0]
}

func (f *flow) await(what string, holds func(deliveryState) bool) {
	f.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(5 * time.Minute); ; {
		state := f.look()
		if holds(state) {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			f.t.Fatalf("never: %s; %d have arrived; %+v", what, f.target.arrived(), state)
		}
	}
}
