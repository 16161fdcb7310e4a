package load

import (
	"testing"
	"time"
)

func TestAPayloadCarriesItsStamp(t *testing.T) {
	at := time.Unix(1_790_000_000, 123_456_789)
	data := Payload(at, 42, "u7", 300)
	if len(data) != 300 {
		t.Errorf("%d bytes, want 300", len(data))
	}
	for _, framed := range []string{string(data), `{"meta":1,"event":` + string(data)} {
		got, n, ok := ParseStamp([]byte(framed[:StampMax]))
		if !ok || !got.Equal(at) || n != 42 {
			t.Errorf("%s: %v, %d, %v", framed[:StampMax], got, n, ok)
		}
	}
	if _, _, ok := ParseStamp([]byte(`{"at":12,"x":1}`)); ok {
		t.Error("a stamp without number was taken for one")
	}
}
