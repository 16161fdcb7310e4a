package arena

import (
	"bytes"
	"testing"
)

func TestQueue(t *testing.T) {
	var a Queue
	var refs []Ref
	want := func(i int) []byte { return bytes.Repeat([]byte{byte(i)}, 1+i*37%9000) }
	for i := range 2000 {
		refs = append(refs, a.Commit(append(a.Room(len(want(i))), want(i)...)))
		if i == 1000 { // longer than a chunk
			refs[i] = a.Commit(append(a.Room(3*MaxChunk), bytes.Repeat([]byte{1}, 3*MaxChunk)...))
		}
	}
	if len(a.Bytes(refs[1000])) != 3*MaxChunk {
		t.Errorf("a long string has %d bytes", len(a.Bytes(refs[1000])))
	}
	held := a.Bytes(refs[3])
	for i := range refs {
		a.Release(refs[i])
		if got := a.Bytes(refs[i]); i != 1000 && !bytes.Equal(got, want(i)) {
			t.Fatalf("string %d has changed", i)
		}
		size := int64(0)
		for _, c := range a.chunks {
			size += int64(cap(c))
		}
		if a.size != size {
			t.Fatalf("size says %d, there are %d", a.size, size)
		}
	}
	if len(a.chunks) != 1 {
		t.Errorf("%d chunks for one string", len(a.chunks))
	}
	a.Clear()
	if a.size != 0 || len(a.chunks) != 0 {
		t.Errorf("%d bytes in %d chunks after clearing", a.size, len(a.chunks))
	}
	a.first = 1<<32 - 2 // numbers of chunks wrap
	for i := range 50 {
		refs[i] = a.Commit(append(a.Room(MaxChunk), want(i)...))
	}
	for i := range 50 {
		a.Release(refs[i])
		if !bytes.Equal(a.Bytes(refs[i]), want(i)) {
			t.Fatalf("string %d has changed where numbers wrap", i)
		}
	}
	if !bytes.Equal(held, want(3)) {
		t.Error("bytes handed out have changed")
	}
}
