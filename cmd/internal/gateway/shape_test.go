package gateway

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// shaping is a gateway with streams of a test's own, on the topics that they name.
type shaping struct {
	t *testing.T
	*Gateway
	producer *kgo.Client
	log      syncBuffer
}

func newShaping(t *testing.T, topics []string, streams string) *shaping {
	t.Helper()
	return newShapingFor(t, topics, "none", streams)
}

// newShapingFor is one whose callers are known by auth.
func newShapingFor(t *testing.T, topics []string, auth, streams string) *shaping {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, topics...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	conf := configured(t, c, `auth: %s
decisions: 100
streams:
%s`, auth, streams)
	s := &shaping{t: t}
	s.Gateway = startLogging(t, conf, &s.log)
	if s.producer, err = kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.producer.Close)
	return s
}

func (s *shaping) produce(rec kgo.Record) {
	s.t.Helper()
	if err := s.producer.ProduceSync(s.t.Context(), &rec).FirstErr(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shaping) public(path string) string { return "http://" + s.Addr().String() + path }

func (s *shaping) admin(path string) string { return "http://" + s.AdminAddr().String() + path }

// until asks for a page until what it says fulfils a condition.
func (s *shaping) until(url string, fulfilled func(status int, body string) bool) string {
	s.t.Helper()
	for end := time.Now().Add(time.Minute); ; {
		status, body := get(s.t, url)
		if fulfilled(status, body) {
			return body
		}
		if time.Now().After(end) {
			s.t.Fatalf("%s: %d %s", url, status, body)
		}
		<-time.After(10 * time.Millisecond)
	}
}

func has(text string) func(int, string) bool {
	return func(_ int, body string) bool { return strings.Contains(body, text) }
}

// follow returns the events of a stream as "name data", without the gateway's own. Each
// call of the function waits for the next.
func (s *shaping) follow(query string) (next func() string) {
	s.t.Helper()
	return s.followAt(s.public("/events?" + query))
}

// followAt is follow for another address.
func (s *shaping) followAt(url string) (next func() string) {
	s.t.Helper()
	all := s.followAllAt(url)
	return func() string {
		s.t.Helper()
		for {
			if got := all(); !strings.HasPrefix(got, "sluice.") {
				return got
			}
		}
	}
}

// followAll is follow with the gateway's own events.
func (s *shaping) followAll(query string) (next func() string) {
	s.t.Helper()
	return s.followAllAt(s.public("/events?" + query))
}

func (s *shaping) followAllAt(url string) (next func() string) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	s.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { resp.Body.Close() })
	lines := bufio.NewScanner(resp.Body)
	return func() string {
		s.t.Helper()
		name := ""
		for lines.Scan() {
			switch field, text, _ := strings.Cut(lines.Text(), ": "); {
			case field == "event":
				name = text
			case field == "data":
				return strings.TrimSpace(name + " " + text)
			case field == "":
				name = ""
			}
		}
		s.t.Fatalf("the stream ended: %v", lines.Err())
		return ""
	}
}

// messages returns the texts of a WebSocket, without the gateway's own events.
func (s *shaping) messages(query string) (next func() string) {
	s.t.Helper()
	c, _, err := websocket.Dial(s.t.Context(), s.public("/ws?"+query), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.CloseNow() })
	return func() string {
		s.t.Helper()
		for {
			_, text, err := c.Read(s.t.Context())
			if err != nil {
				s.t.Fatal(err)
			}
			if !bytes.Contains(text, []byte(`"event":"sluice.`)) {
				return string(text)
			}
		}
	}
}

// What Debezium writes of three rows of one user, of which one moves to another and two
// are deleted.
func TestChangeDataOfDebezium(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "debezium.json"))
	if err != nil {
		t.Fatal(err)
	}
	var records []struct{ Key, Value *string }
	if err := json.Unmarshal(text, &records); err != nil {
		t.Fatal(err)
	}
	s := newShaping(t, []string{"changes"}, `
  orders: {topic: changes, unwrap: debezium, user: value:user_id, subject: value:id, event: value:st}
`[1:])
	seven, eight := s.follow("user=7"), s.follow("user=8")
	subjects := func(user string) string {
		_, body := get(t, s.public("/state?user="+user))
		var state struct{ Events []struct{ Subject string } }
		if err := json.Unmarshal([]byte(body), &state); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		var all []string
		for _, e := range state.Events {
			all = append(all, e.Subject)
		}
		return strings.Join(all, " ")
	}
	for i, step := range []struct{ seven, eight, stateSeven, stateEight string }{
		{`new {"id": 1, "user_id": 7, "st": "new"}`, "", "1", ""},
		{`delete {"subject":"1","key":"{\"id\": 1}","reason":"moved"}`, `moved {"id": 1, "user_id": 8, "st": "moved"}`, "", "1"},
		{`new {"id": 2, "user_id": 7, "st": "new"}`, "", "2", "1"},
		{`delete {"subject":"2","key":"{\"id\": 2}"}`, "", "", "1"},
		{`new {"id": 3, "user_id": 7, "st": "new"}`, "", "3", "1"},
		{`delete {"subject":"3","key":"{\"id\": 3}"}`, "", "", "1"},
		{"", "", "", "1"},
	} {
		rec := kgo.Record{Topic: "changes", Key: []byte(*records[i].Key)}
		if v := records[i].Value; v != nil {
			rec.Value = []byte(*v)
		}
		s.produce(rec)
		for _, one := range []struct {
			want string
			next func() string
		}{{step.seven, seven}, {step.eight, eight}} {
			if one.want != "" {
				if got := one.next(); got != one.want {
					t.Errorf("record %d: %s; want %s", i+1, got, one.want)
				}
			}
		}
		s.until(s.admin("/metrics"), has(fmt.Sprintf(`sluice_records_total{stream="orders"} %d`, i+1)))
		if got := [2]string{subjects("7"), subjects("8")}; got != [2]string{step.stateSeven, step.stateEight} {
			t.Errorf("record %d: the states are %q; want %q and %q", i+1, got, step.stateSeven, step.stateEight)
		}
	}
	// The tombstone at the end is not told again: the next event is another.
	s.produce(kgo.Record{Topic: "changes", Key: []byte(`{"id":4}`), Value: []byte(`{"before":null,"after":{"id":4,"user_id":7,"st":"last"},"op":"c"}`)})
	if got := seven(); !strings.HasPrefix(got, "last ") {
		t.Errorf("after the tombstone: %s", got)
	}
	// A client that comes back from before all of it is told the same, and so is a new
	// gateway's state.
	again := s.follow("user=7&from=earliest")
	for i := range 7 {
		if got := again(); i == 1 && !strings.Contains(got, `"reason":"moved"`) {
			t.Errorf("again: %s", got)
		}
	}
}

func TestEachKindOfKey(t *testing.T) {
	t.Parallel()
	kinds := []struct{ name, more, key, user string }{
		{"text", "key_decode: text", "alice", "alice"},
		{"json-text", "key_decode: json", `"alice"`, "alice"},
		{"json-number", "key_decode: json", "12345678901234567", "12345678901234567"},
		{"json-path", "key_decode: json, user: key:id", `{"id":7}`, "7"},
		{"long", "key_decode: long", "\x00\x00\x00\x00\x00\x00\x04\xd2", "1234"},
		{"int", "key_decode: int", "\x00\x00\x04\xd2", "1234"},
		{"uuid", "key_decode: uuid", "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10", "01020304-0506-0708-090a-0b0c0d0e0f10"},
		{"uuid-text", "key_decode: uuid", "01020304-0506-0708-090a-0b0c0d0e0f10", "01020304-0506-0708-090a-0b0c0d0e0f10"},
	}
	var topics []string
	var streams strings.Builder
	for _, k := range kinds {
		topics = append(topics, k.name)
		if !strings.Contains(k.more, "user:") {
			k.more += ", user: key"
		}
		fmt.Fprintf(&streams, "  %s: {topic: %s, %s}\n", k.name, k.name, k.more)
	}
	s := newShaping(t, topics, streams.String())
	for _, k := range kinds {
		next := s.follow("stream=" + k.name + "&user=" + k.user)
		s.produce(kgo.Record{Topic: k.name, Key: []byte(k.key), Value: []byte("hers")})
		if got := next(); got != "hers" {
			t.Errorf("%s: %s", k.name, got)
		}
	}
}

func TestCloudEventsInBothModes(t *testing.T) {
	s := newShaping(t, []string{"events"}, `
  orders:
    topic: events
    user: [header:ce_user, value:user]
    subject: [header:ce_subject, value:subject]
    event: [header:ce_type, value:type]
    transform: 'if .specversion then .data else . end'
`[1:])
	next := s.follow("user=alice&subject=o-7")
	header := func(name, value string) kgo.RecordHeader { return kgo.RecordHeader{Key: name, Value: []byte(value)} }
	s.produce(kgo.Record{Topic: "events", Value: []byte(`{"n":1}`), Headers: []kgo.RecordHeader{header("ce_user", "alice"), header("ce_subject", "o-7"), header("ce_type", "paid")}})
	s.produce(kgo.Record{Topic: "events", Value: []byte(`{"specversion":"1.0","type":"sent","subject":"o-7","user":"alice","data":{"n":2}}`)})
	for _, want := range []string{`paid {"n":1}`, `sent {"n":2}`} {
		if got := next(); got != want {
			t.Errorf("%s; want %s", got, want)
		}
	}
}

// A stream that stops at a record is not ready, and the gateway is.
func TestAStreamThatStopsIsNotReady(t *testing.T) {
	t.Parallel()
	s := newShaping(t, []string{"orders", "news"}, `
  orders: {topic: orders, user: key, transform: '.n', on_error: stop}
  news: {topic: news, user: key}
`[1:])
	next := s.follow("user=alice")
	s.produce(kgo.Record{Topic: "orders", Key: []byte("alice"), Value: []byte(`{"n":1}`)})
	if got := next(); got != "1" {
		t.Errorf("%s", got)
	}
	s.produce(kgo.Record{Topic: "orders", Key: []byte("alice"), Value: []byte(`{`)})
	s.until(s.admin("/readyz?stream=orders"), func(status int, body string) bool {
		return status == http.StatusServiceUnavailable && strings.Contains(body, "on_error: stop") && strings.Contains(body, "stale_since") &&
			strings.Contains(body, `"held":[{"partition":0,"offset":1,`) && strings.Contains(body, `"stream":"orders","stops":true,"reason":"shape_error","why":"its filter or its shape failed: it isn't JSON, so it can't be shaped"}]`)
	})
	s.until(s.admin("/live"), has(`"held":[{"partition":0,"offset":1,`))
	for _, line := range []string{`sluice_stream_held_partitions{stream="orders"} 1`, `sluice_stream_held_partitions{stream="news"} 0`, `sluice_held_offset{partition="0",reason="shape_error",stream="orders"} 1`} {
		s.until(s.admin("/metrics"), has(line))
	}
	for _, path := range []string{"/readyz", "/readyz?stream=news"} {
		if status, body := get(t, s.admin(path)); status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	s.produce(kgo.Record{Topic: "news", Key: []byte("alice"), Value: []byte(`news`)})
	if got := next(); got != "news" {
		t.Errorf("%s", got)
	}
	if log := s.log.String(); !strings.Contains(log, "held at a record") {
		t.Errorf("the log doesn't say it:\n%s", log)
	}
}

// Two topics of one stream may be held at the same partition's number.
func TestEachTopicThatIsHeldIsNamed(t *testing.T) {
	t.Parallel()
	s := newShaping(t, []string{"orders-a", "orders-b"}, `
  orders: {topics: [orders-a, orders-b], user: key, transform: '.n', on_error: stop}
`[1:])
	for _, topic := range []string{"orders-a", "orders-b"} {
		s.produce(kgo.Record{Topic: topic, Key: []byte("alice"), Value: []byte(`{`)})
	}
	body := s.until(s.admin("/readyz?stream=orders"), func(status int, body string) bool {
		return status == http.StatusServiceUnavailable && strings.Count(body, `"stops":true`) == 2
	})
	s.until(s.admin("/metrics"), has(`sluice_stream_held_partitions{stream="orders"} 2`))
	_, metrics := get(t, s.admin("/metrics"))
	for _, topic := range []string{"orders-a", "orders-b"} {
		if !strings.Contains(body, `"topic":"`+topic+`"`) || !strings.Contains(metrics, `sluice_held_offset{partition="`+topic) {
			t.Errorf("%s isn't named: %s", topic, body)
		}
	}
}
