package arena

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// Strings of all sizes come and go in any order, and the arena is cleaned as its owners
// clean it.
func TestPool(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var p Pool
	refs, want := make([]PoolRef, 500), make([][]byte, 500)
	put := func(slot, n int) {
		want[slot] = bytes.Repeat([]byte{byte(n)}, n)
		refs[slot] = p.Commit(append(p.Room(uint32(slot), n), want[slot]...))
	}
	for step := range 50_000 {
		slot := rnd.IntN(len(refs))
		if want[slot] != nil {
			p.Release(refs[slot])
			refs[slot], want[slot] = PoolRef{}, nil
		}
		if n := rnd.IntN(2000); n < 1500 {
			put(slot, n)
		} else if n == 1500 {
			put(slot, 3*MaxChunk)
		}
		for p.Wasted() {
			p.Clean(func(slot uint32) *PoolRef { return &refs[slot] })
		}
		if step%500 == 0 {
			checkPool(t, &p, refs, want)
		}
	}
}

// checkPool compares every string, and what the pool counts of them.
func checkPool(t *testing.T, p *Pool, refs []PoolRef, want [][]byte) {
	t.Helper()
	var live int64
	for slot, text := range want {
		if text == nil {
			continue
		}
		if live += int64(header + len(text)); refs[slot].Len() != len(text) || !bytes.Equal(p.Bytes(refs[slot]), text) {
			t.Fatalf("the string of slot %d has changed", slot)
		}
	}
	if p.Used() != live || p.Allocated() > 2*live+4*MaxChunk {
		t.Fatalf("%d bytes live, and %d are kept; want %d live", p.Used(), p.Allocated(), live)
	}
}
