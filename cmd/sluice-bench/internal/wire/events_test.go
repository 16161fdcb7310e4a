package wire_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"sluice/cmd/sluice-bench/internal/load"
	"sluice/cmd/sluice-bench/internal/wire"
	"sluice/stream/ssetest"
)

// counted is what one parser or the other made of a stream.
type counted struct {
	wire.Tally
	lastID string
	data   []string // of each event counted, its first bytes
}

// judge reads a stream as the standard says.
func judge(stream string) counted {
	var c counted
	r := ssetest.NewReader(strings.NewReader(stream))
	for {
		ev, err := r.Next()
		if err != nil {
			c.lastID = r.LastEventID()
			return c
		}
		if strings.HasPrefix(ev.Name, wire.ReservedPrefix) {
			c.Reserved++
			continue
		}
		c.Events++
		if ev.HasID && ev.ID != "" {
			c.WithID++
		}
		c.data = append(c.data, ev.Data[:min(len(ev.Data), load.StampMax)])
	}
}

// count reads the same stream with events, in pieces that end where cut says.
func count(stream string, cut func(left int) int) counted {
	var c counted
	e := wire.Events{KeepID: true, KeepData: load.StampMax}
	for p := []byte(stream); len(p) > 0; {
		n := cut(len(p))
		e.Feed(p[:n], &c.Tally, func(data []byte) {
			c.data = append(c.data, string(data[:min(len(data), load.StampMax)]))
		})
		p = p[n:]
	}
	c.lastID = ssetest.DecodeUTF8(e.Last())
	return c
}

func compare(t *testing.T, stream string, got, want counted) {
	t.Helper()
	if got.Tally != want.Tally || got.lastID != want.lastID {
		t.Fatalf("%q:\n got %+v, id %q\nwant %+v, id %q", stream, got.Tally, got.lastID, want.Tally, want.lastID)
	}
	if !utf8.ValidString(stream) {
		return // data is compared as bytes here and decoded there
	}
	for i := range want.data {
		if got.data[i] != want.data[i] {
			t.Fatalf("%q: event %d begins %q, want %q", stream, i, got.data[i], want.data[i])
		}
	}
}

func whole(left int) int { return left }

func TestEventsFollowTheStandardHoweverTheyAreCut(t *testing.T) {
	parts := []string{
		"data", "data:", "data: x", "data:  two spaces", "data: " + strings.Repeat("long ", 40), "dat: x", "dataa: x", "data : x",
		"id", "id:", "id: 7", "id: a\x00b", "id:orders@kZ3fQ1:1042.998", "idx: 9",
		"event: sluice.hello", "event: sluice", "event:sluice.", "event: slu", "event: message", "event", "event:",
		"retry: 10", ":", ": comment", ":data: x", "\ufeffdata: x", "", "", "", "",
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		var b strings.Builder
		if rnd.IntN(3) == 0 {
			b.WriteString("\ufeff")
		}
		for range rnd.IntN(14) {
			b.WriteString(parts[rnd.IntN(len(parts))])
			b.WriteString([]string{"\n", "\r", "\r\n"}[rnd.IntN(3)])
		}
		if rnd.IntN(2) == 0 {
			b.WriteString("data: cut off")
		}
		stream := b.String()
		want := judge(stream)
		compare(t, stream, count(stream, whole), want)
		compare(t, stream, count(stream, func(int) int { return 1 }), want)
		compare(t, stream, count(stream, func(left int) int { return 1 + rnd.IntN(left) }), want)
	}
}

func FuzzEvents(f *testing.F) {
	f.Add("\ufeffid: 1\ndata: x\r\n\r\rdata\n\nevent: sluice.reset\ndata: y\n\n", uint64(3))
	f.Add("\xef\xbb\nd\xefata: x\n\n", uint64(1))
	f.Fuzz(func(t *testing.T, stream string, seed uint64) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		compare(t, stream, count(stream, func(left int) int { return 1 + rnd.IntN(left) }), judge(stream))
	})
}

func TestAnIdOutlivesItsConnection(t *testing.T) {
	e := wire.Events{KeepID: true}
	var n wire.Tally
	e.Feed([]byte("id: 5\ndata: x\n\nid: 6\ndata: not en"), &n, nil)
	e.Restart()
	e.Feed([]byte("data: y\n\n"), &n, nil)
	if n.Events != 2 || string(e.Last()) != "5" {
		t.Errorf("%d events, last id %q; want 2 and 5: the cut event's id must not count", n.Events, e.Last())
	}
}
