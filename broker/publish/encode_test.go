package publish

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"sluice/broker/record"
)

func TestMessagesAreEncodedAsTheStreamIsDecoded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "order.avsc")
	if err := os.WriteFile(file, []byte(`{"type":"record","name":"R","fields":[{"name":"n","type":"int"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	avro := record.Decoding{As: "avro", File: file}
	for _, tt := range []struct {
		decode          record.Decoding
		keyDecode       string
		key, value      string
		wantKey, wanted string
		fails           error
	}{
		{record.Decoding{}, "", `"alice"`, `{"n": 1.50}`, "alice", `{"n": 1.50}`, nil},
		{record.Decoding{As: "json"}, "text", `""`, `"x"`, "", `"x"`, nil},
		{record.Decoding{As: "text"}, "text", `"\u00fc\n"`, `"say \"hi\""`, "ü\n", `say "hi"`, nil},
		{avro, "json", `{ "b": 1 , "a":"x y" }`, `{"n":3}`, `{"b":1,"a":"x y"}`, "\x06", nil},
		{record.Decoding{}, "long", `-2`, `1`, "\xff\xff\xff\xff\xff\xff\xff\xfe", `1`, nil},
		{record.Decoding{}, "long", `"9007199254740993"`, `1`, "\x00\x20\x00\x00\x00\x00\x00\x01", `1`, nil},
		{record.Decoding{}, "int", `258`, `1`, "\x00\x00\x01\x02", `1`, nil},
		{record.Decoding{}, "uuid", `"0E8DD2A2-7e0f-4f2f-8a0c-6d9f3a4f1a11"`, `1`, "0e8dd2a2-7e0f-4f2f-8a0c-6d9f3a4f1a11", `1`, nil},
		{record.Decoding{}, "text", `1`, `1`, "", "", ErrMessage},
		{record.Decoding{}, "int", `2147483648`, `1`, "", "", ErrMessage},
		{record.Decoding{}, "int", `1.0`, `1`, "", "", ErrMessage},
		{record.Decoding{}, "long", `{}`, `1`, "", "", ErrMessage},
		{record.Decoding{}, "uuid", `"x"`, `1`, "", "", ErrMessage},
		{record.Decoding{As: "text"}, "text", `"a"`, `{"a":1}`, "", "", ErrMessage},
		{avro, "text", `"a"`, `{"n":"x"}`, "", "", ErrSchema},
		{record.Decoding{As: "protobuf"}, "text", `"a"`, `{}`, "", "", ErrUnsupported},
		{record.Decoding{As: "json-schema"}, "text", `"a"`, `{}`, "", "", ErrUnsupported},
		{record.Decoding{}, "protobuf", `"a"`, `{}`, "", "", ErrUnsupported},
	} {
		p := newPublisher(t, Stream{Name: "orders", Topic: "order-topic", Decode: tt.decode, KeyDecode: tt.keyDecode})
		rec, err := p.record(t.Context(), "orders", Message{Key: []byte(tt.key), Value: []byte(tt.value)})
		if tt.fails != nil {
			if !errors.Is(err, tt.fails) {
				t.Errorf("%s %s as %s %s: %v", tt.key, tt.value, tt.keyDecode, tt.decode.As, err)
			}
			continue
		}
		if err != nil || rec.Key == nil || string(rec.Key) != tt.wantKey || string(rec.Value) != tt.wanted {
			t.Errorf("%s %s as %s %s: %q %q %v", tt.key, tt.value, tt.keyDecode, tt.decode.As, rec.Key, rec.Value, err)
		}
	}
	p := newPublisher(t, Stream{Name: "orders", Topic: "order-topic"})
	if rec, err := p.record(t.Context(), "orders", Message{Key: []byte(`"a"`)}); err != nil || rec.Value != nil {
		t.Errorf("a tombstone: %q %v", rec.Value, err)
	}
	if _, err := p.record(t.Context(), "news", Message{Value: []byte("1")}); !errors.Is(err, ErrMessage) {
		t.Errorf("another stream: %v", err)
	}
	for range cap(p.encoding) {
		p.encoding <- struct{}{}
	}
	busy, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.record(busy, "orders", Message{Value: []byte("1")}); !errors.Is(err, ErrNotWritten) {
		t.Errorf("busy: %v", err)
	}
}
