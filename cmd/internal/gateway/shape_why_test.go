package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/cmd/internal/top"
)

// Why a record is no event of a stream: the answer names the key that left it out, or
// what is wrong, and quotes nothing.
func TestWhyARecordIsNoEventOfAStreamWithAShape(t *testing.T) {
	t.Parallel()
	s := newShaping(t, []string{"orders", "rows", "framed"}, `
  shown: {topic: orders, user: key, subject: value:nothing}
  filtered: {topic: orders, user: key, subject: value:nothing, filter: '.secret == 1'}
  emptied: {topic: orders, user: key, transform: '.secret | numbers'}
  failing: {topic: orders, user: key, transform: '.secret | error'}
  filterfails: {topic: orders, user: key, filter: '.secret.x'}
  looping: {topic: orders, user: key, transform: '[range(1e9)]'}
  undecoded: {topic: orders, user: key, decode: json-schema}
  keyed: {topic: orders, user: key, key_decode: long}
  rows: {topic: rows, user: value:u, unwrap: debezium, filter: '.open'}
  framed: {topic: framed, user: key}
`[1:])
	const alice = "alice"
	s.produce(kgo.Record{Topic: "orders", Key: []byte(alice), Value: []byte(`{"secret":"s3cr3t"}`)})
	s.produce(kgo.Record{Topic: "framed", Key: []byte(alice), Value: []byte("\x00\x00\x00\x00\x07s3cr3t")})
	s.produce(kgo.Record{Topic: "rows", Value: []byte(`{"before":{"u":"alice","secret":"s3cr3t"},"after":null,"op":"d"}`)})
	s.produce(kgo.Record{Topic: "rows", Key: []byte("k")})
	for _, tt := range []struct {
		stream               string
		offset               int
		cause, poison, words string
	}{
		{"shown", 0, "not_connected", "", "not connected"},
		{"filtered", 0, "filtered", "filtered", "filtered by filtered.filter: it returns false, null or nothing (filtered)"},
		{"emptied", 0, "filtered", "filtered", "filtered by emptied.transform: it returns nothing (filtered)"},
		{"failing", 0, "poison", "shape_error", "(shape_error): transform: the program ends with error(…)"},
		{"filterfails", 0, "poison", "shape_error", "(shape_error): filter: the program failed"},
		{"looping", 0, "poison", "shape_error", "(shape_error): transform: the program takes more than"},
		{"undecoded", 0, "poison", "decode_error", "(decode_error): it doesn't begin as the Confluent wire format does"},
		{"keyed", 0, "poison", "key_error", "(key_error): the key has 5 bytes"},
		{"rows", 0, "filtered", "filtered", "filtered by rows.filter: it returned false, null or nothing for the row as it was"},
		{"rows", 1, "filtered", "no_change", "no change of a row (no_change)"},
		{"framed", 0, "poison", "framed", "a schema's header"},
	} {
		for _, user := range []string{alice, ""} {
			url := s.admin(fmt.Sprintf("/decisions?stream=%s&partition=0&offset=%d&user=%s", tt.stream, tt.offset, user))
			text := s.until(url, func(status int, body string) bool {
				return status == http.StatusOK && !strings.Contains(body, "not_read")
			})
			var d decided
			if err := json.Unmarshal([]byte(text), &d); err != nil {
				t.Fatal(err)
			}
			if d.Cause != tt.cause || !strings.Contains(d.Because, tt.words) || len(d.Records) != 1 || d.Records[0].Poison != tt.poison || strings.Contains(text, "s3cr3t") {
				t.Errorf("%s/%d for %q: %s", tt.stream, tt.offset, user, text)
			}
		}
		var out, errs bytes.Buffer
		args := []string{"--why", fmt.Sprintf("%s/0/%d", topicOf(tt.stream), tt.offset), "--stream", tt.stream, "--user", alice, s.AdminAddr().String()}
		if status := top.Run(t.Context(), args, nil, &out, &errs); status != 0 || !strings.Contains(out.String(), tt.words) {
			t.Errorf("sluice top %q: %d %s%s", args, status, &out, &errs)
		}
	}
}

// topicOf is the topic of a stream of that test.
func topicOf(stream string) string {
	if stream == "rows" || stream == "framed" {
		return stream
	}
	return "orders"
}
