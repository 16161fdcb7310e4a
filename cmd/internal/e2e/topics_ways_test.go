package e2e

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/kafkatest"
	"sluice/cmd/internal/e2e/gateway"
	"sluice/stream/ssetest"
)

// A page reads a stream of several topics by turns as Server-Sent Events, over a
// WebSocket, and by polls in JSON and in XML. It goes from one gateway to the other with
// one id, while topics appear, and changes its filter now and then. Each record that its
// filter leaves reaches it once, in the order of its partition.
func TestSeveralTopicsInEveryWay(t *testing.T) {
	t.Parallel()
	kafka, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	steps := 200
	if testing.Short() {
		steps = 60
	}
	readInEveryWay(t, kafka.ListenAddrs()[0], steps)
}

// The same on a real Kafka.
func TestSeveralTopicsInEveryWayOnKafka(t *testing.T) {
	readInEveryWay(t, kafkatest.Shared(t).Plaintext(), 100)
}

// several is what a page of a stream of several topics does, and is due.
type several struct {
	t        *testing.T
	ctx      context.Context
	rnd      *rand.Rand
	producer *kgo.Client
	gateways []*gateway.Gateway
	all      []*severalWay // a stream of everything from each gateway
	seen     []int         // how many records have come by these: what has come, the gateway has

	prefix  string // of the topics
	topics  int
	written []severalRecord

	id     string
	filter url.Values
	due    []severalRecord // oldest first
	at     *severalWay     // the stream or WebSocket that is open; nil: none
}

// severalRecord is a record, and an event of it.
type severalRecord struct {
	N       int
	Subject string `json:"o" xml:"o"`
	Event   string `json:"e" xml:"e"`
	topic   string // partition included
}

// severalWay is an open stream or WebSocket. next reads one event, a hello if it is one.
type severalWay struct {
	next func() (id, event, data string, err error)
	say  func(text string) error // nil: a stream
	end  func()
}

func readInEveryWay(t *testing.T, brokers string, steps int) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	s := &several{t: t, ctx: bounded(t), rnd: rand.New(rand.NewPCG(seed, 17)), prefix: fmt.Sprintf("ways-%x.", seed), filter: url.Values{}}
	var err error
	s.producer, err = kgo.NewClient(kgo.SeedBrokers(brokers), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.UnknownTopicRetries(-1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.producer.Close)
	s.create()
	s.create()
	for range 2 {
		g := readyGateway(s.ctx, t, fmt.Sprintf(`kafka: {brokers: [%q]}
auth: none
streams: {shop: {topics: '^ways-%x\..*', user: key, subject: value:o, event: value:e}}
`, brokers, seed))
		s.gateways = append(s.gateways, g)
		all := s.stream(g.URL(), "?user=alice")
		if _, event, _, err := all.next(); err != nil || event != "sluice.hello" {
			t.Fatalf("%s %v", event, err)
		}
		s.all, s.seen = append(s.all, all), append(s.seen, 0)
	}
	s.id = s.poll("&format=xml").Cursor
	for range steps {
		switch x := s.rnd.IntN(20); {
		case x == 0 && s.topics < 6:
			s.create()
		case x < 8:
			s.write()
		case x < 10:
			s.leave()
		case x == 10:
			s.follow()
		case len(s.due) > 0:
			s.read()
		}
	}
	for len(s.due) > 0 {
		s.read()
	}
	s.leave()
	s.compareStates()
}

// create creates a topic of two partitions.
func (s *several) create() {
	s.t.Helper()
	if _, err := kadm.NewClient(s.producer).CreateTopic(s.ctx, 2, 1, nil, fmt.Sprint(s.prefix, s.topics)); err != nil {
		s.t.Fatal(err)
	}
	s.topics++
}

// write writes a record of alice's. A subject is of one partition.
func (s *several) write() {
	s.t.Helper()
	topic, partition := s.rnd.IntN(s.topics), int32(s.rnd.IntN(2))
	r := severalRecord{N: len(s.written), Subject: fmt.Sprintf("o-%d-%d-%d", topic, partition, s.rnd.IntN(3)), Event: fmt.Sprint("e-", s.rnd.IntN(3)), topic: fmt.Sprint(topic, "/", partition)}
	value, err := json.Marshal(r)
	if err == nil {
		err = s.producer.ProduceSync(s.ctx, &kgo.Record{Topic: fmt.Sprint(s.prefix, topic), Partition: partition, Key: []byte("alice"), Value: value}).FirstErr()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.written = append(s.written, r)
	if s.wants(r) {
		s.due = append(s.due, r)
	}
}

// wants is the filter, as a model.
func (s *several) wants(r severalRecord) bool {
	subjects, events := s.filter["subject"], s.filter["event"]
	return (len(subjects) == 0 || slices.Contains(subjects, r.Subject)) && (len(events) == 0 || slices.Contains(events, r.Event))
}

// takes takes an event's record, which has to be the oldest of its partition that is due.
func (s *several) takes(data []byte) {
	s.t.Helper()
	var r severalRecord
	if err := json.Unmarshal(data, &r); err != nil {
		s.t.Fatalf("%s: %v", data, err)
	}
	r.topic = s.written[r.N].topic
	i := slices.IndexFunc(s.due, func(due severalRecord) bool { return due.topic == r.topic })
	if i < 0 || s.due[i] != r {
		s.t.Fatalf("%+v came; due are %+v; filter %v", r, s.due, s.filter)
	}
	s.due = slices.Delete(s.due, i, i+1)
}

func (s *several) somewhere() string { return s.gateways[s.rnd.IntN(2)].URL() }

// query is what a request says of the page.
func (s *several) query() string { return "?user=alice&" + s.filter.Encode() }

// stream opens a stream of Server-Sent Events.
func (s *several) stream(at, query string) *severalWay {
	s.t.Helper()
	response, err := get(s.ctx, at+"/events"+query, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { response.Body.Close() })
	events := ssetest.NewReader(response.Body)
	return &severalWay{end: func() { response.Body.Close() }, next: func() (id, event, data string, err error) {
		e, err := events.Next()
		return e.ID, e.Name, e.Data, err
	}}
}

// socket opens a WebSocket.
func (s *several) socket(at, query string) *severalWay {
	s.t.Helper()
	socket, _, err := websocket.Dial(s.ctx, at+"/ws"+query, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { socket.CloseNow() })
	return &severalWay{
		end: func() { socket.CloseNow() },
		say: func(text string) error { return socket.Write(s.ctx, websocket.MessageText, []byte(text)) },
		next: func() (id, event, data string, err error) {
			_, text, err := socket.Read(s.ctx)
			var m struct {
				ID, Event string
				Data      json.RawMessage
			}
			if err == nil {
				err = json.Unmarshal(text, &m)
			}
			return m.ID, m.Event, string(m.Data), err
		},
	}
}

// read takes what comes next, in some way.
func (s *several) read() {
	s.t.Helper()
	if s.at == nil {
		switch s.rnd.IntN(4) {
		case 0:
			s.at = s.stream(s.somewhere(), s.query()+"&lastEventId="+url.QueryEscape(s.id))
		case 1:
			s.at = s.socket(s.somewhere(), s.query()+"&lastEventId="+url.QueryEscape(s.id))
		case 2:
			s.page("")
			return
		case 3:
			s.page("&format=xml")
			return
		}
	}
	for {
		id, event, data, err := s.at.next()
		if err != nil {
			s.t.Fatal(err)
		}
		if id != "" {
			s.id = id
		}
		switch {
		case event == "sluice.hello" || event == "sluice.heartbeat":
		case strings.HasPrefix(event, "sluice."):
			s.t.Fatalf("%s %s", event, data)
		default:
			s.takes([]byte(data))
			return
		}
	}
}

// leave ends what is open.
func (s *several) leave() {
	if s.at != nil {
		s.at.end()
		s.at = nil
	}
}

// page takes a page of a poll.
func (s *several) page(format string) {
	s.t.Helper()
	page := s.poll(format + "&wait=10s&cursor=" + url.QueryEscape(s.id))
	for _, e := range page.Events {
		data, err := json.Marshal(e.Data)
		if err != nil || e.Event != e.Data.Event {
			s.t.Fatalf("%+v %v", e, err)
		}
		s.takes(data)
	}
	s.id = page.Cursor
}

// severalState is an answer of /state.
type severalState struct {
	Cursor string          `json:"cursor" xml:"cursor"`
	Resets json.RawMessage `json:"resets" xml:"-"`
	Events []struct {
		Subject string        `json:"subject" xml:"subject"`
		Event   string        `json:"event" xml:"event"`
		Data    severalRecord `json:"data" xml:"data"`
	} `json:"events" xml:"events>item"`
}

func (s *several) poll(more string) severalState { return s.stateOf(s.somewhere(), more) }

func (s *several) stateOf(at, more string) (state severalState) {
	s.t.Helper()
	response, err := get(s.ctx, at+"/state"+s.query()+more, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && strings.Contains(more, "format=xml") {
		err = xml.Unmarshal(text, &state)
	} else if err == nil {
		err = json.Unmarshal(text, &state)
	}
	if err != nil || response.StatusCode != http.StatusOK || state.Resets != nil {
		s.t.Fatalf("%s %s %v", response.Status, text, err)
	}
	return state
}

// follow changes the filter: of a WebSocket that is open, and else by another query. It
// does so when nothing is on its way, so that the model knows what is new.
func (s *several) follow() {
	s.t.Helper()
	for len(s.due) > 0 {
		s.read()
	}
	s.settle()
	filter := url.Values{}
	for range min(len(s.written), s.rnd.IntN(4)) {
		r := s.written[s.rnd.IntN(len(s.written))]
		filter.Add("subject", r.Subject)
		if s.rnd.IntN(4) == 0 {
			filter.Add("event", r.Event)
		}
	}
	if s.at == nil || s.at.say == nil {
		s.leave()
		s.filter = filter
		s.id = s.poll("").Cursor
		return
	}
	message, err := json.Marshal(map[string]any{"follow": map[string]any{"subjects": filter["subject"], "events": filter["event"]}})
	if err == nil {
		err = s.at.say(string(message))
	}
	for said := false; err == nil && !said; {
		var event string
		s.id, event, _, err = s.at.next()
		said = event == "sluice.hello"
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.filter = filter
}

// settle waits until both gateways have read everything.
func (s *several) settle() {
	s.t.Helper()
	for i, all := range s.all {
		for s.seen[i] < len(s.written) {
			_, event, data, err := all.next()
			if err != nil || strings.HasPrefix(event, "sluice.") && event != "sluice.heartbeat" {
				s.t.Fatalf("%s %s: %v", event, data, err)
			}
			if strings.HasPrefix(event, "e-") {
				s.seen[i]++
			}
		}
	}
}

// compareStates expects the same state of both gateways in both formats, which event
// doesn't narrow.
func (s *several) compareStates() {
	s.t.Helper()
	s.filter = url.Values{"event": {"none"}}
	s.settle()
	want := make(map[string]severalRecord)
	for _, r := range s.written {
		r.topic = ""
		want[r.Subject] = r
	}
	for _, g := range s.gateways {
		for _, format := range []string{"", "&format=xml"} {
			got := make(map[string]severalRecord)
			for _, e := range s.stateOf(g.URL(), format).Events {
				got[e.Subject] = e.Data
			}
			if !maps.Equal(got, want) {
				s.t.Errorf("the state%s is\n%v, want\n%v", format, got, want)
			}
		}
	}
}
