package stream

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"sluice/stream/cursor"
)

// sealer returns a sealer with keys of these names.
func sealer(t testing.TB, names ...string) *cursor.Sealer {
	t.Helper()
	var keys []cursor.Key
	for _, n := range names {
		sum := sha256.Sum256([]byte(n))
		keys = append(keys, cursor.Key{Name: n, Secret: sum[:]})
	}
	s, err := cursor.NewSealer(keys)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSealedHub: with sealed ids no offset stands in what a connection is sent, resets
// included, and it resumes as with plain ones.
func TestSealedHub(t *testing.T) {
	h := NewHub(Config{IDs: sealer(t, "a"), Streams: []Spec{{Name: "orders", Audience: AudienceEveryone, Replay: time.Hour}}})
	defer h.Close()
	const first = 770_001 // a number that stands out
	h.Begin(0, "kZ3fQ1", []int64{first, first})
	h.SetWarm(0)
	waker := h.AddWaker(noWaker{})
	open := func(id string) (Sub, Opening) {
		sub, o, err := h.Open(t.Context(), Request{Streams: []int{0}, User: "u", Cursor: id, Waker: waker})
		if err != nil {
			t.Fatal(err)
		}
		return sub, o
	}
	var wire bytes.Buffer
	drain := func(sub Sub) {
		var b Batch
		for sub.Pull(&b, 1<<20) == More {
		}
		wire.Write(bytes.Join(b.Bufs, nil))
	}
	sub, o := open("")
	wire.WriteString(o.ID)
	h.Publish(0, []Event{{Partition: 0, Offset: first, Data: []byte("a")}, {Partition: 1, Offset: first, Data: []byte("b")}})
	drain(sub)
	resumed, again := open(o.ID)
	if again.Outcome != OutcomeResumed {
		t.Errorf("%+v", again)
	}
	drain(resumed)
	if n := strings.Count(wire.String(), "data: a\n"); n != 2 {
		t.Errorf("a came %d times on two connections", n)
	}
	h.Jump(0, 0, ReasonTruncated, first-500) // 769501
	h.Begin(0, "other2", []int64{first, first})
	drain(sub)
	for _, id := range []string{o.ID, "orders@kZ3fQ1:770001.770001", "orders@other2:999999999.0"} {
		s, o := open(id)
		for _, r := range o.Resets {
			wire.Write(r.AppendJSON(nil))
		}
		wire.WriteString(o.ID)
		drain(s)
		if o.Outcome != OutcomeReset {
			t.Errorf("%s: %+v", id, o)
		}
	}
	if !strings.Contains(wire.String(), `{"reason":"truncated","stream":"orders","partitions":[{"partition":0}]}`) {
		t.Error("the reset doesn't say which partition it concerns")
	}
	for n := int64(first - 600); n < first+10; n++ {
		if strings.Contains(wire.String(), fmt.Sprint(n)) {
			t.Errorf("%d stands in\n%s", n, &wire)
		}
	}
	if strings.Contains(wire.String(), "kZ3fQ1") || strings.Contains(wire.String(), `"from"`) {
		t.Errorf("epoch or offsets stand in\n%s", &wire)
	}
}

type noWaker struct{}

func (noWaker) Wake(uint32) {}
