package gateway

import (
	"encoding/base64"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/cmd/internal/config"
	"sluice/stream/ssetest"
)

// severalShop is a gateway's configuration whose stream has all topics order.…, of which
// there are n of so many partitions.
func severalShop(t *testing.T, n int, partitions int32, more string) (*kfake.Cluster, *config.Config) {
	t.Helper()
	opts := []kfake.Opt{kfake.NumBrokers(1)}
	for i := range n {
		opts = append(opts, kfake.SeedTopics(partitions, fmt.Sprintf("order.%03d", i)))
	}
	c, err := kfake.NewCluster(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, severalConfig(t, c, more)
}

func severalConfig(t *testing.T, c *kfake.Cluster, more string) *config.Config {
	t.Helper()
	return configured(t, c, `streams: {orders: {topics: '^order\..*', user: key, envelope: metadata}}
auth: none
%s`, more)
}

// produceAll writes a record of alice's to each partition of each topic.
func produceAll(t *testing.T, c *kfake.Cluster, n int, partitions int32, value string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var records []*kgo.Record
	for i := range n {
		for p := range partitions {
			records = append(records, &kgo.Record{Topic: fmt.Sprintf("order.%03d", i), Partition: p, Key: []byte("alice"), Value: []byte(value)})
		}
	}
	if err := client.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// reads reads n events of alice's, each of another partition, and returns the last id.
func reads(t *testing.T, r *ssetest.Reader, n int, value string) (id string) {
	t.Helper()
	seen := map[string]bool{}
	for range n {
		e := next(t, r)
		where, _, found := strings.Cut(e.Data, `,"offset"`)
		if !found || !strings.HasSuffix(e.Data, `"data":`+value+`}`) || seen[where] {
			t.Fatalf("event %d is %.200s", len(seen), e.Data)
		}
		seen[where] = true
		id = e.ID
	}
	return id
}

// 300 topics of one partition, and 50 of six, are one stream that is ready, has ids, and
// resumes on another gateway. Without SLUICE_TEST_FULL it is a fifth of them.
func TestAStreamOfHundredsOfTopics(t *testing.T) {
	t.Parallel()
	keys := filepath.Join(t.TempDir(), "ids.keys")
	if err := os.WriteFile(keys, []byte("k1:"+base64.StdEncoding.EncodeToString(make([]byte, 32))+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name       string
		topics     int
		partitions int32
		idAtMost   int
		more       string
	}{
		{"300 of one partition", 300, 1, 5000, ""},
		{"50 of six", 50, 6, 2850, ""},
		{"300 of one partition, sealed", 300, 1, 5300, "ids: sealed\nids_keys_file: " + keys + "\n"},
	} {
		if os.Getenv("SLUICE_TEST_FULL") == "" {
			tt.topics, tt.idAtMost = tt.topics/5, tt.idAtMost/5+100
		}
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			all := tt.topics * int(tt.partitions)
			c, conf := severalShop(t, tt.topics, tt.partitions, tt.more)
			g := start(t, conf)
			r, closer := open(t, http.DefaultClient, "http://"+g.Addr().String()+"/events?user=alice")
			produceAll(t, c, tt.topics, tt.partitions, `{"n":1}`)
			for range all {
				if e := next(t, r); !strings.HasSuffix(e.Data, `"data":{"n":1}}`) || len(e.ID) > tt.idAtMost {
					t.Fatalf("an id of %d characters, %.200s", len(e.ID), e.Data)
				}
			}
			closer.Close()
			r, _ = open(t, http.DefaultClient, "http://"+g.Addr().String()+"/events?user=alice")
			produceAll(t, c, tt.topics, tt.partitions, `{"n":2}`)
			var id string
			for range all / 2 {
				id = next(t, r).ID
			}
			other := start(t, severalConfig(t, c, tt.more))
			r, _ = open(t, http.DefaultClient, "http://"+other.Addr().String()+"/events?user=alice&lastEventId="+url.QueryEscape(id))
			for range all - all/2 {
				if e := next(t, r); !strings.HasSuffix(e.Data, `"data":{"n":2}}`) {
					t.Fatalf("after resuming: %.200s", e.Data)
				}
			}
			produceAll(t, c, tt.topics, tt.partitions, `{"n":3}`)
			for range all {
				if e := next(t, r); !strings.HasSuffix(e.Data, `"data":{"n":3}}`) {
					t.Fatalf("after resuming: %.200s", e.Data)
				}
			}
		})
	}
}

// One topic more than an id has room for is refused by name, and the others go on.
func TestATopicBeyondTheBoundIsRefusedByName(t *testing.T) {
	t.Parallel()
	const served, refused = 465, 3
	c, conf := severalShop(t, served+refused, 1, "")
	log := &syncBuffer{}
	g := startLogging(t, conf, log)
	r, _ := open(t, http.DefaultClient, "http://"+g.Addr().String()+"/events?user=alice")
	produceAll(t, c, served+refused, 1, `{"n":1}`)
	id := reads(t, r, served, `{"n":1}`)
	if !strings.HasPrefix(id, "orders@!_.") || len(id) > 7500 {
		t.Errorf("the id has %d characters: %.40s", len(id), id)
	}
	_, metrics := get(t, "http://"+g.AdminAddr().String()+"/metrics")
	_, ready := get(t, "http://"+g.AdminAddr().String()+"/readyz")
	for i := range refused { // small topics first, then by name
		name := fmt.Sprintf("order.%d", served+i)
		if n := strings.Count(log.String(), `"topic":"`+name+`","stream":"orders","why":"it doesn't fit into event ids`); n != 1 {
			t.Errorf("%s is in the log %d times", name, n)
		}
		if !strings.Contains(metrics, `sluice_topic_refused{stream="orders",topic="`+name+`"} 1`) {
			t.Errorf("%s is not in the metrics", name)
		}
	}
	for _, want := range []string{
		fmt.Sprintf(`sluice_stream_topics{is="read",stream="orders"} %d`, served), fmt.Sprintf(`sluice_stream_topics{is="refused",stream="orders"} %d`, refused),
		`sluice_topic_records_total{stream="orders",topic="order.000"} 1`, "sluice_streams_too_wide 0",
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if !strings.Contains(ready, `"ready":true`) || !strings.Contains(ready, fmt.Sprintf("order.%d: it doesn't fit into event ids", served)) {
		t.Errorf("/readyz says %s", ready)
	}
	if state, body := get(t, "http://"+g.Addr().String()+"/events?user=alice&stream=none"); state == 200 {
		t.Errorf("a stream that isn't there: %s", body)
	}
}

// A page roams between gateways while topics are created and written to. Which gateway
// has found which topic is left to chance. Each record reaches the page once, in the
// order of its partition.
func TestRoamingWhileTopicsAppear(t *testing.T) {
	t.Parallel()
	seeds := uint64(12)
	if testing.Short() {
		seeds = 3
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			roam(t, rand.New(rand.NewPCG(seed, 5)))
		})
	}
}

func roam(t *testing.T, rnd *rand.Rand) {
	c, conf := severalShop(t, 2, 2, "")
	gateways := []*Gateway{start(t, conf), start(t, severalConfig(t, c, ""))}
	client, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MetadataMinAge(20*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	topics, written := 2, map[string]int{} // by topic and partition
	due := 0
	produce := func() {
		topic, partition := fmt.Sprintf("order.%03d", rnd.IntN(topics)), int32(rnd.IntN(2))
		where := fmt.Sprintf(`"topic":"%s","partition":%d`, topic, partition)
		r := &kgo.Record{Topic: topic, Partition: partition, Key: []byte("alice"), Value: fmt.Appendf(nil, "%d", written[where])}
		if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
		written[where]++
		due++
	}
	read := map[string]int{}
	var id string
	at := func() *ssetest.Reader {
		g := gateways[rnd.IntN(2)]
		r, _ := open(t, http.DefaultClient, "http://"+g.Addr().String()+"/events?user=alice&lastEventId="+url.QueryEscape(id))
		return r
	}
	id = "orders@!" // it stands before everything
	r := at()
	for range 60 {
		switch x := rnd.IntN(10); {
		case x == 0 && topics < 12:
			if err := c.CreateTopic(fmt.Sprintf("order.%03d", topics), 2, nil); err != nil {
				t.Fatal(err)
			}
			topics++
		case x < 6:
			produce()
		case x < 8:
			r = at()
		case due > 0:
			id = takes(t, r, read)
			due--
		}
	}
	for ; due > 0; due-- {
		if rnd.IntN(6) == 0 {
			r = at()
		}
		id = takes(t, r, read)
	}
	if !maps.Equal(read, written) {
		t.Errorf("read %v of %v", read, written)
	}
}

// takes reads one event, which is the next of its partition.
func takes(t *testing.T, r *ssetest.Reader, read map[string]int) (id string) {
	t.Helper()
	e := next(t, r)
	_, rest, _ := strings.Cut(e.Data, `"topic":`)
	where, _, found := strings.Cut(`"topic":`+rest, `,"offset"`)
	if !found || !strings.HasSuffix(e.Data, fmt.Sprintf(`"data":%d}`, read[where])) {
		t.Fatalf("%s %s; want %d", e.Name, e.Data, read[where])
	}
	read[where]++
	return e.ID
}
