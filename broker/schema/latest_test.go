package schema

import (
	"context"
	"errors"
	"testing"
	"time"
)

// subjectAnswer is a registry's answer for a subject's version.
type subjectAnswer struct {
	Subject string `json:"subject"`
	Version int    `json:"version"`
	ID      int    `json:"id"`
	answer
}

func TestLatestSchemaIsWrittenWith(t *testing.T) {
	f := newFakeRegistry(t)
	r := newRegistry(t, Config{URL: f.URL + "/api/v7"})
	set := func(subject string, id int, a answer) {
		f.set("/subjects/"+subject+"/versions/latest", subjectAnswer{subject, 1, id, a})
	}
	set("avro-value", 7, answer{Schema: `{"type":"record","name":"R","fields":[{"name":"p","type":"shop.P"}]}`, References: []map[string]any{{"name": "shop.P", "subject": "p", "version": 3}}})
	f.set("/subjects/p/versions/3", subjectAnswer{"p", 3, 5, answer{Schema: `{"type":"record","name":"shop.P","fields":[{"name":"n","type":"int"}]}`}})
	set("json-value", 258, answer{Type: "JSON", References: []map[string]any{{"name": "total.json", "subject": "t", "version": 1}},
		Schema: `{"type":"object","properties":{"total":{"$ref":"total.json"}},"required":["total"]}`})
	f.set("/subjects/t/versions/1", subjectAnswer{"t", 1, 5, answer{Type: "JSON", Schema: `{"type":"number","minimum":0}`}})
	set("proto-value", 9, answer{Type: "PROTOBUF", Schema: `syntax = "proto3"; message M { int32 n = 1; }`})
	set("leaks-value", 10, answer{Type: "JSON", Schema: `{"$ref":"file:///etc/passwd"}`})

	for _, tt := range []struct{ subject, value, want, says string }{
		{"avro-value", `{"p":{"n":3}}`, "\x00\x00\x00\x00\x07\x06", ""},
		{"avro-value", `{"p":{"n":"x"}}`, "", "p.n: the schema wants a time or a whole number of 32 bits"},
		{"json-value", `{"total": 12.50}`, "\x00\x00\x00\x01\x02" + `{"total": 12.50}`, ""},
		{"json-value", `{"total":-1}`, "", "the schema's rule /minimum is broken"},
		{"json-value", `{"secret":1}`, "", "the schema's rule /required is broken"},
		{"json-value", `{"total":"secret"}`, "", "the schema's rule /type is broken"},
	} {
		e, err := r.Latest(t.Context(), tt.subject)
		if err != nil {
			t.Fatal(tt.subject, err)
		}
		got, err := e.Append(nil, []byte(tt.value))
		if tt.says == "" && (err != nil || string(got) != tt.want) || tt.says != "" && (err == nil || err.Error() != tt.says) {
			t.Errorf("%s %s: %q, %v", tt.subject, tt.value, got, err)
		}
	}
	if e, err := r.Latest(t.Context(), "proto-value"); err != nil || e.Kind() != Protobuf {
		t.Errorf("%v", err)
	}
	if _, err := r.Latest(t.Context(), "leaks-value"); err == nil || errors.Is(err, ErrPending) || errors.Is(err, ErrUnknown) {
		t.Errorf("%v", err)
	}
	if _, err := r.Latest(t.Context(), "none-value"); !errors.Is(err, ErrUnknown) {
		t.Errorf("%v", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := f.asked["/api/v7/subjects/json-value/versions/latest"]; n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// While the registry is away, what was the latest is good enough; what isn't known waits.
func TestLatestSchemaOutlivesTheRegistry(t *testing.T) {
	f := newFakeRegistry(t)
	r := newRegistry(t, Config{URL: f.URL + "/api/v7", Timeout: 2 * time.Second})
	f.set("/subjects/a-value/versions/latest", subjectAnswer{"a-value", 1, 7, answer{Schema: `"int"`}})
	if _, err := r.Latest(t.Context(), "a-value"); err != nil {
		t.Fatal(err)
	}
	f.setDown(true)
	l := r.latestOf("a-value")
	l.turn <- struct{}{}
	l.next = time.Time{}
	<-l.turn
	if e, err := r.Latest(t.Context(), "a-value"); err != nil || e.id != 7 {
		t.Errorf("%v", err)
	}
	if _, err := r.Latest(t.Context(), "b-value"); !errors.Is(err, ErrPending) {
		t.Errorf("%v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	l.turn <- struct{}{}
	if _, err := r.Latest(gone, "a-value"); !errors.Is(err, ErrPending) {
		t.Errorf("%v", err)
	}
	<-l.turn
}
