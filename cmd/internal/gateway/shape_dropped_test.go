package gateway

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Streams of which none shows the field cost. Some drop it, and some fail at it: what a
// program, a decoder or a parser says of a record may quote it.
const costless = `
  dropped: {topic: orders, user: value:user, subject: value:id, event: value:type, envelope: metadata, drop: [cost, "lines.*.cost"]}
  kept: {topic: orders, user: value:user, subject: value:id, keep: [id, "lines.*.sku"]}
  shaped: {topic: orders, user: value:user, subject: value:id, envelope: cloudevents, transform: '{id, lines: [.lines[] | {sku}]}'}
  filtered: {topic: orders, user: value:user, filter: '.cost == 1', drop: [cost]}
  thrown: {topic: orders, user: value:user, filter: '.cost | error'}
  thrownobject: {topic: orders, user: value:user, transform: 'error({cost})'}
  typed: {topic: orders, user: value:user, transform: '.cost.x'}
  parsed: {topic: orders, user: value:user, transform: '.cost | fromjson'}
  matched: {topic: orders, user: value:user, transform: '.cost as $c | .id | test("(" + $c)'}
  undecoded: {topic: orders, user: value:user, decode: json-schema, drop: [cost]}
  keyed: {topic: orders, user: value:user, key_decode: long, drop: [cost]}
  unowned: {topic: orders, user: value:nobody, drop: [cost]}
  stopped: {topic: stops, user: value:user, transform: '.cost | error', on_error: stop}
  framed: {topic: framed, user: key, drop: [cost]}
  rows: {topic: rows, unwrap: debezium, user: value:user, subject: value:id, drop: [cost]}
`

// Nothing that anybody is told, and nothing that is noted of a record, has a field that
// its stream drops. A further way to read a stream, or another page, is one line here.
func TestADroppedFieldAppearsNowhere(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t-cost"
	s := newShaping(t, []string{"orders", "stops", "framed", "rows"}, costless[1:])
	said := make(map[string]string)
	const shown = "user=alice&stream=dropped,kept,shaped"
	next, row := s.follow(shown), s.follow("user=alice&stream=rows")

	s.produce(kgo.Record{Topic: "orders", Key: []byte("k"), Value: []byte(`{"id":"o-1","user":"alice","type":"paid","cost":"` + secret + `","lines":[{"sku":"a","cost":"` + secret + `"}]}`)})
	for i, want := range []string{`paid {"key":"k"`, `{"id":"o-1","lines":[{"sku":"a"}]}`, `{"specversion":"1.0"`} {
		got := next()
		if said["live "+want] = got; !strings.HasPrefix(got, want) {
			t.Errorf("event %d: %s; want %s", i, got, want)
		}
	}
	s.produce(kgo.Record{Topic: "stops", Value: []byte(`{"user":"alice","cost":"` + secret + `"}`)})
	s.produce(kgo.Record{Topic: "framed", Key: []byte("alice"), Value: []byte("\x00\x00\x00\x00\x01" + secret)})
	s.produce(kgo.Record{Topic: "orders", Value: []byte(`{"id":"o-9","user":"alice","cost":"` + secret)}) // broken
	for _, change := range []string{
		`{"before":null,"after":{"id":1,"user":"alice","cost":"` + secret + `"},"op":"c"}`,
		`{"before":{"id":1,"user":"alice","cost":"` + secret + `"},"after":{"id":1,"user":"bob","cost":"` + secret + `"},"op":"u"}`,
		`{"before":{"id":2,"user":"alice","cost":"` + secret + `"},"after":null,"op":"d"}`,
		`{"op":"x","cost":"` + secret + `"}`,
	} {
		s.produce(kgo.Record{Topic: "rows", Key: []byte(`{"id":1}`), Value: []byte(change)})
	}
	said["a row"], said["a row that moved"], said["a row that is gone"] = row(), row(), row()

	for name, reason := range map[string]string{
		"thrown": "shape_error", "thrownobject": "shape_error", "typed": "shape_error", "parsed": "shape_error", "matched": "shape_error", "kept": "bad_json",
		"filtered": "filtered", "undecoded": "decode_error", "keyed": "key_error", "unowned": "no_user", "framed": "framed", "rows": "decode_error",
	} {
		counted := regexp.MustCompile(`reason="` + reason + `",stream="` + name + `"} [1-9]`)
		s.until(s.admin("/metrics"), func(_ int, text string) bool { return counted.MatchString(text) })
	}
	state := s.until(s.public("/state?user=alice"), has(`"sku":"a"`))
	var at struct{ Cursor string }
	if err := json.Unmarshal([]byte(state), &at); err != nil {
		t.Fatal(err)
	}
	s.produce(kgo.Record{Topic: "orders", Value: []byte(`{"id":"o-2","user":"alice","cost":"` + secret + `","lines":[]}`)})
	said["a poll"] = s.until(s.public("/state?user=alice&wait=10s&cursor="+at.Cursor), has("o-2"))
	for name, events := range map[string]func() string{
		"a snapshot":           s.follow(shown + "&snapshot=1"),
		"from Kafka":           s.follow(shown + "&from=earliest"),
		"the newest":           s.follow(shown + "&from=last:5"),
		"the console's Try":    s.followAt(s.admin("/console/events?" + shown + "&from=earliest")),
		"a row from Kafka":     s.follow("user=alice&stream=rows&from=earliest"),
		"a WebSocket":          s.messages(shown + "&from=earliest"),
		"a WebSocket's state":  s.messages(shown + "&snapshot=1"),
		"a row's new owner":    s.follow("user=bob&stream=rows&from=earliest"),
		"a subject's newest":   s.follow("user=alice&stream=kept&subject=o-1&from=earliest"),
		"a subject's snapshot": s.follow("user=alice&stream=kept&subject=o-1&snapshot=1"),
	} {
		said[name] = events()
	}
	s.until(s.admin("/readyz?stream=stopped"), has(`"held":[`))
	for _, page := range []string{
		s.public("/state?user=alice"), s.public("/state?user=alice&format=xml"), s.public("/state?user=bob&stream=rows"), s.public("/state?user=alice&stream=kept&subject=o-1"),
		s.public("/.well-known/sluice?user=alice"), s.public("/asyncapi.json?user=alice"), s.public("/openapi.json"), s.public("/console/"),
		s.admin("/decisions?user=alice&limit=200"), s.admin("/live"), s.admin("/metrics"), s.admin("/subscribers"),
		s.admin("/readyz"), s.admin("/readyz?stream=stopped"), s.admin("/console/"), s.admin("/console/discovery?user=alice"), s.admin("/asyncapi.json"), s.admin("/openapi.json"),
	} {
		_, said[page] = get(t, page)
	}
	for name, offset := range map[string]string{"thrown": "0", "thrownobject": "0", "typed": "0", "parsed": "0", "matched": "0", "filtered": "0", "undecoded": "0", "keyed": "0", "kept": "1", "rows": "3", "framed": "0", "unowned": "0"} {
		page := s.admin("/decisions?partition=0&stream=" + name + "&offset=" + offset)
		if _, said[page] = get(t, page); !strings.Contains(said[page], "is no event of the stream "+name) {
			t.Errorf("the record that %s refuses isn't told of: %s", name, said[page])
		}
	}
	said["the log"] = s.log.String()
	for _, want := range []string{"shape_error", "decode_error", "key_error", "held at a record"} {
		if !strings.Contains(said["the log"], want) {
			t.Errorf("the log doesn't say %s:\n%s", want, said["the log"])
		}
	}
	for name, text := range said {
		for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), url.QueryEscape(secret), "s3cr3t"} {
			if strings.Contains(text, form) {
				t.Errorf("%s says it:\n%s", name, text)
			}
		}
	}
}
