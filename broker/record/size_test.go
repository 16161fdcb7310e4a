package record

import (
	"bytes"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/stream"
)

func TestARecordThatIsTooLargeIsSetAside(t *testing.T) {
	d, err := NewDecoder(Rules{User: "key", MaxBytes: 100})
	if err != nil {
		t.Fatal(err)
	}
	headers := []kgo.RecordHeader{{Key: "name", Value: bytes.Repeat([]byte("h"), 40)}}
	for _, tt := range []struct {
		name string
		rec  kgo.Record
		want Refusal
	}{
		{"as large as allowed", kgo.Record{Key: []byte("alice"), Value: bytes.Repeat([]byte("x"), 51), Headers: headers}, 0},
		{"by its value", kgo.Record{Key: []byte("alice"), Value: make([]byte, 96)}, RecordTooLarge},
		{"by its headers", kgo.Record{Key: []byte("alice"), Value: make([]byte, 52), Headers: headers}, RecordTooLarge},
		{"by its key", kgo.Record{Key: make([]byte, 101)}, RecordTooLarge},
	} {
		var ev stream.Event
		if got := d.Decode(&tt.rec, &ev); got != tt.want || got.Delivers() != (tt.want == 0) || len(ev.Key) > 100 {
			t.Errorf("%s: %v, a key of %d bytes; want %v", tt.name, got, len(ev.Key), tt.want)
		}
	}
}
