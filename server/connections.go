package server

import (
	"net/netip"
	"sync"
	"time"

	"sluice/server/operators"
	"sluice/stream"
)

// connections knows of each open subscription what operators are told and nobody else
// needs: since when it is there, from which address, and what carries it. It stands in
// chunks by the subscription's slot in the hub, without pointers: 20 bytes a
// connection.
type connections struct {
	began time.Time

	mu     sync.Mutex // guards chunks; a leaf
	chunks [][]connectionInfo
}

const connectionChunk = 1 << 10

// connectionInfo is how a subscription came. An address takes 8 bytes, since of an IPv6
// address the first half is what tells who it is, as the limits have it.
type connectionInfo struct {
	gen   uint32 // of the subscription: another one of the same slot has another
	since uint32 // tenths of a second after the server began
	ip    [8]byte
	form  addressForm
	by    carrierKind
}

type addressForm uint8

const (
	noAddress addressForm = iota
	ip4
	ip6
	loopback6
)

// add notes a subscription that has just been opened. What it says of an earlier one in
// the same slot is forgotten.
func (r *connections) add(sub stream.Sub, ip netip.Addr, by carrierKind) {
	a := connectionInfo{gen: uint32(sub.Key() >> 32), since: uint32(time.Since(r.began) / (100 * time.Millisecond)), by: by}
	if ip = ip.Unmap(); ip.Is4() {
		raw := ip.As4()
		a.form = ip4
		copy(a.ip[:], raw[:])
	} else if ip == netip.IPv6Loopback() {
		a.form = loopback6
	} else if ip.Is6() {
		raw := ip.As16()
		a.form = ip6
		copy(a.ip[:], raw[:])
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	id := uint32(sub.Key())
	for int(id/connectionChunk) >= len(r.chunks) {
		r.chunks = append(r.chunks, make([]connectionInfo, connectionChunk))
	}
	r.chunks[id/connectionChunk][id%connectionChunk] = a
}

// find returns how the subscription of a key came; false: that isn't known yet.
func (r *connections) find(key uint64) (connectionInfo, bool) {
	id, gen := uint32(key), uint32(key>>32)
	r.mu.Lock()
	defer r.mu.Unlock()
	if int(id/connectionChunk) >= len(r.chunks) {
		return connectionInfo{}, false
	}
	a := r.chunks[id/connectionChunk][id%connectionChunk]
	return a, a.gen == gen
}

// came is how the subscription of a key came, as operators are told.
func (r *connections) came(key uint64) (operators.Connection, bool) {
	a, known := r.find(key)
	return operators.Connection{Since: r.began.Add(time.Duration(a.since) * 100 * time.Millisecond), Address: a.address(), Carrier: a.by.String()}, known
}

// address is as the limits count it: of IPv6 the /64. "" is none.
func (a connectionInfo) address() string {
	switch a.form {
	case ip4:
		return netip.AddrFrom4([4]byte(a.ip[:4])).String()
	case loopback6:
		return netip.IPv6Loopback().String()
	case ip6:
		var raw [16]byte
		copy(raw[:], a.ip[:])
		return netip.PrefixFrom(netip.AddrFrom16(raw), 64).String()
	}
	return ""
}
