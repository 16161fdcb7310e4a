package deliver

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/record"
)

// Dead letters say what and why. They are listed, and sent again once.
func TestDeadLettersAreListedAndSentAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t, 2)
	s.config.Source.Filter = `.skip != true`
	down := func(m *Message) Outcome {
		if string(m.Record.Key) == "a" {
			return Outcome{Verdict: Failed, Cause: "status_500", Err: errors.New("the target answered 500")}
		}
		return Outcome{}
	}
	s.inbox.set(down)
	d, _ := s.start()
	s.awaitState(d, StateRunning, "")
	send := func(key, value string, headers ...kgo.RecordHeader) {
		if err := s.client.ProduceSync(t.Context(), &kgo.Record{Topic: s.config.Source.Topic, Key: []byte(key), Value: []byte(value), Headers: headers}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	send("a", `{"n":1}`, header("traceparent", "00-1"))
	send("a", `{"n":2}`)
	send("b", `{"n":3}`)
	send("c", `{"n":4,"skip":true}`)
	send("c", `no JSON`)
	s.awaitValues(`{"n":3}`)
	s.await("three dead letters", func() bool { return total(d.Status().Dead) == 3 })
	st := d.Status()
	if st.Dead["status_500"] != 2 || st.Dead["shape_error"] != 1 || st.Dropped["filtered"] != 1 || st.Attempts["status_500"] != 6 {
		t.Errorf("%+v", st)
	}
	list := func(which Selection) (found []Letter) {
		if err := d.Letters(t.Context(), which, func(l Letter) error { found = append(found, l); return nil }); err != nil {
			t.Fatal(err)
		}
		return found
	}
	key := "a"
	all, ofA := list(Selection{}), list(Selection{Key: &key})
	if len(all) != 3 || len(ofA) != 2 || len(list(Selection{Cause: "shape_error"})) != 1 {
		t.Fatalf("%d letters, %d of a", len(all), len(ofA))
	}
	one := ofA[0]
	if one.Attempts != 3 || one.Message != "the target answered 500" || one.First.IsZero() || one.Last.Before(one.First) || one.Record.Topic != s.config.Source.Topic ||
		string(one.Record.Value) != `{"n":1}` || len(one.Record.Headers) != 1 || time.Since(one.Record.Timestamp) > time.Hour {
		t.Errorf("%+v %+v", one, one.Record)
	}
	sendAgain := func(which Selection) Redriven {
		r, err := d.Redrive(t.Context(), which, func(Letter, Outcome) {})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := sendAgain(Selection{Key: &key}); r != (Redriven{Failed: 2}) || len(list(Selection{})) != 3 {
		t.Errorf("while the target fails: %+v", r)
	}
	s.inbox.set(nil)
	if r := sendAgain(Selection{Cause: "status_500"}); r != (Redriven{Sent: 2}) || len(list(Selection{})) != 1 {
		t.Errorf("of a cause: %+v", r)
	}
	if r := sendAgain(Selection{}); r != (Redriven{Failed: 1}) {
		t.Errorf("the rest: %+v", r)
	}
	id := fmt.Sprintf("%s/%d/%d", one.Record.Topic, one.Record.Partition, one.Record.Offset)
	if got := s.inbox.got[len(s.inbox.got)-2]; got.ID != id || string(got.Data) != `{"n":1}` {
		t.Errorf("sent again as %s %s, want %s", got.ID, got.Data, id)
	}
}

// A record that is too large goes to the dead letters, whose batches may be larger than
// those of a stream.
func TestALargeDeadLetterIsRead(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1)
	s.config.Source.Rules.MaxBytes = 6 << 20
	d, _ := s.start()
	s.awaitState(d, StateRunning, "")
	producer := s.cluster.Client(t, kgo.ProducerBatchCompression(kgo.GzipCompression()), kgo.ProducerBatchMaxBytes(maxProduced))
	large := &kgo.Record{Topic: s.config.Source.Topic, Key: []byte("a"), Value: make([]byte, 17<<20)}
	if err := producer.ProduceSync(t.Context(), large).FirstErr(); err != nil {
		t.Fatal(err)
	}
	s.await("a dead letter", func() bool { return total(d.Status().Dead) == 1 })
	var sizes []int
	if err := d.Letters(t.Context(), Selection{}, func(l Letter) error { sizes = append(sizes, len(l.Record.Value)); return nil }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(sizes, []int{17 << 20}) {
		t.Errorf("letters of %d bytes", sizes)
	}
}

func total(by map[string]uint64) (n uint64) {
	for _, one := range by {
		n += one
	}
	return n
}

func TestAnotherTopicIsATarget(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1)
	s.config.Target, s.config.ToTopic = nil, s.config.Source.Topic+".copy"
	s.cluster.CreateTopic(t, s.config.ToTopic, 2)
	s.config.Source.Rules.Transform = "{n}"
	d, _ := s.start()
	s.awaitState(d, StateRunning, "")
	rec := &kgo.Record{Topic: s.config.Source.Topic, Key: []byte("a"), Value: []byte(`{"n":1,"m":2}`), Headers: []kgo.RecordHeader{header("h", "v")}}
	if err := s.client.ProduceSync(t.Context(), rec).FirstErr(); err != nil {
		t.Fatal(err)
	}
	reader := s.cluster.Client(t, kgo.ConsumeTopics(s.config.ToTopic))
	got := reader.PollFetches(t.Context()).Records()
	if len(got) != 1 || string(got[0].Value) != `{"n":1}` || string(got[0].Key) != "a" || valueOf(got[0], "h") != "v" ||
		valueOf(got[0], headerID) != s.config.Source.Topic+"/0/0" || got[0].Timestamp.UnixMilli() != rec.Timestamp.UnixMilli() {
		t.Errorf("%+v", got)
	}
}

// A stream's records that are no event go to its dead letters, and nothing else does.
func TestPoisonOfAStream(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1)
	s.config.Target, s.config.Source.Poison = nil, true
	s.config.Source.Rules = record.Rules{User: "value:user", Filter: ".hidden != true"}
	d, _ := s.start()
	s.awaitState(d, StateRunning, "")
	s.produce(`{"user":"a"}`, `no JSON`, `{"user":"a","hidden":true}`, `{"other":1}`)
	if err := s.client.ProduceSync(t.Context(), &kgo.Record{Topic: s.config.Source.Topic, Key: []byte("gone")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	s.await("all is committed", func() bool { return s.committed() == 5 })
	var causes []string
	if err := d.Letters(t.Context(), Selection{}, func(l Letter) error { causes = append(causes, l.Cause); return nil }); err != nil {
		t.Fatal(err)
	}
	slices.Sort(causes)
	if got := fmt.Sprint(causes); got != "[bad_json no_user]" {
		t.Errorf("%s, %+v", got, d.Status())
	}
	if _, err := d.Redrive(t.Context(), Selection{}, func(Letter, Outcome) {}); err == nil || !strings.Contains(err.Error(), "no target") {
		t.Errorf("sent again: %v", err)
	}
}
