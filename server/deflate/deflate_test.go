package deflate

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"weak"

	"sluice/stream"
)

const least = 600

// event is a frame of about so many bytes, with text that repeats itself as JSON does.
func event(r *rand.Rand, size int) []byte {
	b := []byte("event: order.confirmed\ndata: [")
	for len(b) < size {
		b = fmt.Appendf(b, `{"sku":"SKU-%06d","name":"Darjeeling First Flush","qty":%d},`, r.IntN(1e6), r.IntN(9))
	}
	return append(b, "]\n\n"...)
}

// noise is a frame that doesn't get smaller.
func noise(r *rand.Rand, size int) []byte {
	b := []byte("data: ")
	for len(b) < size {
		b = append(b, byte(128+r.IntN(128)))
	}
	return b
}

// received is what a batch has.
func received(b *stream.Batch) []byte { return bytes.Join(b.Bufs, nil) }

// TestStreams: a reader has all of a batch once the batch has been written, whatever is
// in it. The sums at the end are right.
func TestStreams(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var frames [][]byte
	for _, size := range []int{1, 599, 600, 700, 1024, 1025, 5000, 65_535, 65_536, 200_000, MaxFrame + 1} {
		frames = append(frames, event(r, size), noise(r, size))
	}
	shared := New(least)
	for n := range 50 {
		t.Run(fmt.Sprint(n), func(t *testing.T) { readAlong(t, rand.New(rand.NewPCG(3, uint64(n))), shared, frames) })
	}
	if s := shared.Stats(); s.Compressed > uint64(len(frames)) || s.Events < s.Compressed || s.After >= s.Before || s.Held <= 0 {
		t.Errorf("%d frames, and this was done: %+v", len(frames), s)
	}
}

func readAlong(t *testing.T, r *rand.Rand, shared *Frames, frames [][]byte) {
	from, to := io.Pipe()
	type got struct {
		*gzip.Reader
		err error
	}
	begun := make(chan got, 1)
	go func() {
		z, err := gzip.NewReader(from)
		begun <- got{z, err}
	}()
	opening := []byte("retry: 1000\n\nid: x\nevent: sluice.hello\ndata: {}\n\n")
	first, sum := Begin(opening)
	to.Write(first)
	z := <-begun
	if z.err != nil {
		t.Fatal(z.err)
	}
	z.Multistream(false) // nothing comes after it
	read := func(want []byte) {
		t.Helper()
		b := make([]byte, len(want))
		if _, err := io.ReadFull(z, b); err != nil || !bytes.Equal(b, want) {
			t.Fatalf("%.100q was read instead of %.100q, %v", b, want, err)
		}
	}
	read(opening)
	var in, out stream.Batch
	batches := r.IntN(5)
	for i := range batches + 1 {
		for range r.IntN(8) {
			in.Compose(func(dst []byte) []byte { return fmt.Appendf(dst, "id: orders@e:%d\n", r.IntN(1e6)) })
			in.AppendFrame(0, frames[r.IntN(len(frames))])
			if r.IntN(4) == 0 {
				in.Append([]byte("event: sluice.stale\ndata: {}\n\n"))
			}
		}
		want := received(&in)
		sum = shared.Write(&out, &in, sum, i == batches)
		in.Reset()
		in.Compose(func(dst []byte) []byte { return append(dst, strings.Repeat("overwritten", 100)...) })
		in.Reset()
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			if out.Bytes > 0 { // a pipe waits for a reader of nothing
				to.Write(received(&out))
			}
		}()
		if out.Bytes != len(received(&out)) {
			t.Errorf("the batch says %d bytes and has %d", out.Bytes, len(received(&out)))
		}
		read(want)
		if i == batches {
			if n, err := z.Read(make([]byte, 1)); n != 0 || err != io.EOF {
				t.Errorf("it ends with %d more, %v", n, err)
			}
		}
		<-sent
		out.Reset()
	}
}

// TestOnce: connections that are sent a frame at the same time share one compression.
func TestOnce(t *testing.T) {
	frames := New(least)
	body := event(rand.New(rand.NewPCG(1, 2)), 2000)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			var in, out stream.Batch
			in.AppendFrame(0, body)
			frames.Write(&out, &in, Sum{}, false)
			if len(out.Bufs) != 1 || out.Bytes >= len(body)/2 {
				t.Errorf("%d bytes in %d pieces", out.Bytes, len(out.Bufs))
			}
		})
	}
	all.Wait()
	if s := frames.Stats(); s.Compressed != 1 || s.Events != 20 || s.Before != 20*uint64(len(body)) {
		t.Errorf("%+v", s)
	}
}

// TestBounded: compressed frames take no more than they may, those in use stay, and what
// is kept of a frame doesn't keep the frame.
func TestBounded(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	frames := New(least)
	frames.half = 40_000
	used, late := event(r, 1000), weak.Pointer[byte]{}
	frames.of(used)
	for i := range 1000 {
		body := event(r, 1000)
		frames.of(body)
		if i == 500 {
			late = weak.Make(&body[0])
		}
		frames.of(used)
		if s := frames.Stats(); s.Held > 2*frames.half+2000 || s.Held < 0 {
			t.Fatalf("%d bytes are held", s.Held)
		}
	}
	if n := frames.Stats().Compressed; n != 1001 {
		t.Errorf("compressed %d times, want each frame once", n)
	}
	for deadline := time.Now().Add(time.Minute); late.Value() != nil; runtime.GC() {
		if time.Now().After(deadline) {
			t.Fatal("the frame is kept")
		}
	}
	runtime.KeepAlive(frames)
	runtime.KeepAlive(used)
}

// TestParts: a sum told of parts is that of the bytes.
func TestParts(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, sizes := range [][]int{{0}, {1}, {0, 1, 0}, {3, 500, 70_000}, {1 << 20, 7}} {
		var sum Sum
		var all []byte
		for i, size := range sizes {
			b := noise(r, size)
			all = append(all, b...)
			if i%2 == 0 {
				sum.addPart(partOf(b))
			} else {
				sum.add(b)
			}
		}
		if want := (Sum{crc32.ChecksumIEEE(all), uint32(len(all))}); sum != want {
			t.Errorf("%v: %x, want %x", sizes, sum, want)
		}
	}
}

// TestIndependent: what a frame is sent as depends on the frame alone, so its length
// tells nothing of another.
func TestIndependent(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	secret, guess := event(r, 1000), event(r, 1000)
	alone, after := New(least), New(least)
	after.of(secret)
	after.of(slices.Concat(secret, guess))
	if a, b := alone.of(guess).block, after.of(guess).block; !bytes.Equal(a, b) {
		t.Errorf("%d bytes alone, %d after another", len(a), len(b))
	}
}

func TestAccepts(t *testing.T) {
	for value, want := range map[string]bool{
		"":                              false,
		"gzip":                          true,
		"GZip":                          true,
		"x-gzip":                        true,
		"gzip, deflate, br, zstd":       true,
		"deflate, br":                   false,
		"identity":                      false,
		"*":                             true,
		"*;q=0":                         false,
		"gzip;q=0":                      false,
		"gzip; q=0.000":                 false,
		"gzip;q=0, *":                   false,
		"br;q=1.0, gzip;q=0.8, *;q=0.1": true,
		"identity;q=1, gzip;q=0.5":      false,
		"gzip, identity":                true,
		"gzip;q=0.5, identity;q=0.5":    true,
		"identity;q=0, gzip":            true,
		"gzip;q=2":                      false,
		"gzip;q=nan":                    false,
		"gzip;level=1":                  false,
		" , ,gzip ;Q=0.1":               true,
		"gzipped":                       false,
	} {
		if got := Accepts(http.Header{"Accept-Encoding": {value}}); got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
	if Accepts(nil) {
		t.Error("a request without the header")
	}
	if !Accepts(http.Header{"Accept-Encoding": {"br", "gzip"}}) {
		t.Error("two lines")
	}
}
