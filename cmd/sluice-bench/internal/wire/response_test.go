package wire_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"sluice/cmd/sluice-bench/internal/wire"
)

// readAll feeds a response in pieces and returns its body.
func readAll(t *testing.T, r *wire.Response, stream string, cut func(left int) int) (string, error) {
	t.Helper()
	var body strings.Builder
	for p := []byte(stream); len(p) > 0; {
		n := cut(len(p))
		for piece := p[:n]; len(piece) > 0; {
			got, rest, err := r.Next(piece)
			if err != nil {
				return body.String(), err
			}
			body.Write(got)
			piece = rest
		}
		p = p[n:]
	}
	return body.String(), nil
}

func TestResponsesReadTheSameHoweverTheyAreCut(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	const head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	for range 500 {
		var body, coded strings.Builder
		for range rnd.IntN(6) {
			piece := strings.Repeat("data: x\n\n", 1+rnd.IntN(40))[:1+rnd.IntN(9)]
			body.WriteString(piece)
			fmt.Fprintf(&coded, "%x%s\r\n%s\r\n", len(piece), []string{"", ";ext=1", " "}[rnd.IntN(3)], piece)
		}
		chunked := head + "transfer-encoding: Chunked\r\n\r\n" + coded.String() + "0\r\n" + []string{"", "Trailer: x\r\n"}[rnd.IntN(2)] + "\r\n"
		for _, stream := range []string{chunked, head + "\r\n" + body.String()} {
			var r wire.Response
			got, err := readAll(t, &r, stream, func(left int) int { return 1 + rnd.IntN(left) })
			if err != nil || got != body.String() || r.Status != 200 {
				t.Fatalf("%q: status %d, %q, %v; want %q", stream, r.Status, got, err, body.String())
			}
			if r.Ended() != (stream == chunked) {
				t.Fatalf("%q: ended %v; only the chunked one says that it has", stream, r.Ended())
			}
		}
	}
}

func TestBrokenResponsesAreErrors(t *testing.T) {
	const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, tt := range []struct {
		name, stream string
		err          error
	}{
		{"not HTTP", "SSH-2.0-x\r\n\r\n", wire.ErrHead},
		{"no status", "HTTP/1.1 \r\n\r\n", wire.ErrHead},
		{"a head without end", "HTTP/1.1 200 OK\r\n" + strings.Repeat("x", 16<<10), wire.ErrHead},
		{"a chunk size that is none", chunked + "zz\r\n", wire.ErrChunk},
		{"a chunk size beyond bounds", chunked + strings.Repeat("f", 20), wire.ErrChunk},
		{"a chunk longer than it says", chunked + "1\r\nxy\r\n", wire.ErrChunk},
	} {
		var r wire.Response
		if _, err := readAll(t, &r, tt.stream, whole); !errors.Is(err, tt.err) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.err)
		}
	}
}
