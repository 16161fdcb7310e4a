// Package limit counts what callers take of the gateway, and says where a request comes
// from. It knows no HTTP routes and answers nobody: it says which limit a caller is
// beyond, by name.
//
//   - limiter.go: streams open and begun, by user and address. rate.go: how often.
//   - caller_rate.go: how often each caller does something.
//   - clientip.go: the client's address, as trusted proxies tell it.
//   - evictions.go: streams that gave way to newer ones, and for how long they stay away.
//   - log_lines.go: lines of the log that anybody can cause.
//   - probe_count.go: probes of sluice doctor that are being answered.
//   - state_budget.go: memory of states that clients have not taken. turns.go: whose
//     state is copied next.
package limit

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"net/netip"
	"sync"
	"time"
)

// Limits bounds what callers can take of this gateway; 0 is no limit. An address is a /64
// with IPv6, which is what one customer of a provider gets at the least. This machine's
// own addresses have no limit of theirs: who comes from there is a proxy, or an operator.
type Limits struct {
	Connections   int  // streams at a time
	PerUser       int  // streams at a time of one user
	PerIP         int  // streams at a time of one address
	EvictOldest   bool // beyond PerUser a user's oldest stream gives way, and the new one is not refused
	Connects      Rate // streams begun
	PerIPConnects Rate // streams begun by one address

	// PerIPRequests are requests of one address, whatever they ask for. It is the first
	// thing that is looked at: before who is asking.
	PerIPRequests Rate

	// StateBytes is what states may hold that clients have not taken yet, those of polls
	// included; one caller may have a quarter of it.
	StateBytes int64

	// Streams and polls begun for which Kafka has to be asked: older than memory, or
	// from=last:N, earliest or since where memory alone doesn't tell.
	PerUserCatchups Rate // of one user
	PerIPCatchups   Rate // of one address
}

// The limits by name: reasons of sluice.unavailable and of the metric.
const (
	Connections   = "connections"
	PerUser       = "per_user"
	PerIP         = "per_ip"
	Connects      = "connects"
	PerIPConnects = "per_ip_connects"
	PerIPRequests = "per_ip_requests"
	StateBytes    = "state_bytes"

	PerIPProbes = "per_ip_probes"

	PerUserCatchups = "per_user_catchups"
	PerIPCatchups   = "per_ip_catchups"

	PublishRate  = "publish_rate"
	PublishBytes = "publish_bytes"
	PublishKeys  = "publish_keys"

	// Descriptors is the process's own limit, and only a reason of
	// sluice_sockets_turned_away_total.
	Descriptors = "descriptors"
)

// Limiter counts against the limits. Users and addresses are counted by a hash with a
// seed of this process. So a count holds no pointer and costs a session 16 bytes. Two
// that collide (one chance in 2^64 for a pair that nobody can choose) would share their
// limit, and nothing else.
type Limiter struct {
	limits Limits
	seed   maphash.Seed

	mu     sync.Mutex // guards the rest; a leaf
	open   int
	counts map[uint64]int32 // streams open, by user or address
	all    Bucket
	byIP   buckets // streams begun, by address
	caught buckets // of those, the ones that need Kafka, by user or address
}

// buckets are those that are not empty, by what they count.
type buckets struct {
	by    map[uint64]*Bucket
	sweep int // how many there may be before those that have emptied are taken out
}

// take is bucket.take of a key.
func (s *buckets) take(key uint64, r Rate, now time.Time) bool {
	b := s.by[key]
	if b == nil {
		if s.by == nil {
			s.by, s.sweep = make(map[uint64]*Bucket), minSweep
		}
		b = new(Bucket)
		s.by[key] = b
		s.forget(now)
	}
	return b.Take(r, now)
}

const minSweep = 1 << 10

func New(l Limits) *Limiter {
	return &Limiter{limits: l, seed: maphash.MakeSeed(), counts: make(map[uint64]int32)}
}

// Quota is what a stream counts for. The zero Quota is nothing.
type Quota struct {
	User uint64 // a hash; 0: it is not counted
	ip   uint64 // a hash; noAddress: it is not counted; 0: nothing is
}

// noAddress is no address's number, since those are even.
const noAddress = 1

// Connect counts an attempt to begin a stream; why is "" where it may go on. The address
// is asked first: one that knocks too often must not use up what is everybody's.
func (l *Limiter) Connect(ip netip.Addr, now time.Time) (why string) {
	if l.limits.Connects.N == 0 && l.limits.PerIPConnects.N == 0 {
		return ""
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if key := l.AddressKey(ip); key != 0 && l.limits.PerIPConnects.N > 0 && !l.byIP.take(key, l.limits.PerIPConnects, now) {
		return PerIPConnects
	}
	if l.limits.Connects.N > 0 && !l.all.Take(l.limits.Connects, now) {
		return Connects
	}
	return ""
}

// Request counts a request of an address, whatever it asks for; why is "" where it may go
// on.
func (l *Limiter) Request(ip netip.Addr, now time.Time) (why string) {
	key := l.AddressKey(ip)
	if key == 0 || l.limits.PerIPRequests.N == 0 {
		return ""
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.byIP.take(apart(key), l.limits.PerIPRequests, now) {
		return PerIPRequests
	}
	return ""
}

// apart is what a caller is counted by for something else: another number, as odd or even
// as the first.
func apart(caller uint64) uint64 { return max(2, bits.RotateLeft64(caller, 32)&^1) | caller&1 }

// forget drops the buckets that are full again, which are as good as none.
func (s *buckets) forget(now time.Time) {
	if len(s.by) < s.sweep {
		return
	}
	for key, b := range s.by {
		if b.IsEmpty(now) && !b.empties.IsZero() {
			delete(s.by, key)
		}
	}
	s.sweep = max(minSweep, 2*len(s.by))
}

// CatchUp counts a stream or poll that needs Kafka; why is "" where it may go on. The
// parameter who is its user, or what else it is counted by; "" is nobody.
func (l *Limiter) CatchUp(who string, ip netip.Addr, now time.Time) (why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if who != "" && l.limits.PerUserCatchups.N > 0 && !l.caught.take(maphash.String(l.seed, who)|1, l.limits.PerUserCatchups, now) {
		return PerUserCatchups
	}
	if key := l.AddressKey(ip); key != 0 && l.limits.PerIPCatchups.N > 0 && !l.caught.take(key, l.limits.PerIPCatchups, now) {
		return PerIPCatchups
	}
	return ""
}

// Acquire counts a stream that begins. The parameter who is its user, or what else it is
// counted by; "" is nobody.
func (l *Limiter) Acquire(who string, ip netip.Addr) (s Quota, why string) {
	return l.count(l.Callers(who, ip))
}

// AcquireState counts a state that is being sent. A caller may have as many of them as
// streams, in addition to the streams. A page that is rendered asks for the state while
// the one before still has its stream.
func (l *Limiter) AcquireState(who string, ip netip.Addr) (s Quota, why string) {
	callers := l.Callers(who, ip)
	for i, c := range callers {
		if c != 0 {
			callers[i] = apart(c)
		}
	}
	return l.count(callers)
}

// Callers are what a request is counted by: its user, an odd number, and its address; 0:
// none.
func (l *Limiter) Callers(who string, ip netip.Addr) (callers [2]uint64) {
	if who != "" {
		callers[0] = maphash.String(l.seed, who) | 1
	}
	callers[1] = l.AddressKey(ip)
	return callers
}

func (l *Limiter) count(callers [2]uint64) (s Quota, why string) {
	return l.countUpTo(callers, l.limits.PerUser)
}

// AcquireBeyond counts a stream for which another of its user is ending, which counts
// until it has.
func (l *Limiter) AcquireBeyond(callers [2]uint64) (s Quota, why string) {
	return l.countUpTo(callers, 2*l.limits.PerUser)
}

// Crowded reports whether as many streams of a user are ending as it may have.
func (l *Limiter) Crowded(user uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int(l.counts[user]) >= 2*l.limits.PerUser
}

func (l *Limiter) countUpTo(callers [2]uint64, perUser int) (s Quota, why string) {
	if l.limits.PerUser > 0 {
		s.User = callers[0]
	}
	s.ip = noAddress
	if l.limits.PerIP > 0 && callers[1] != 0 {
		s.ip = callers[1]
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case s.User != 0 && int(l.counts[s.User]) >= perUser:
		return Quota{}, PerUser
	case s.ip != noAddress && int(l.counts[s.ip]) >= l.limits.PerIP:
		return Quota{}, PerIP
	case l.limits.Connections > 0 && l.open >= l.limits.Connections:
		return Quota{}, Connections
	}
	l.open++
	for _, key := range [...]uint64{s.User, s.ip} {
		if key > noAddress {
			l.counts[key]++
		}
	}
	return s, ""
}

// Release takes a stream off the counts.
func (l *Limiter) Release(s Quota) {
	if s.ip == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	for _, key := range [...]uint64{s.User, s.ip} {
		switch {
		case key <= noAddress:
		case l.counts[key] == 1:
			delete(l.counts, key)
		default:
			l.counts[key]--
		}
	}
}

// AddressKey is what an address is counted by: an even number, as users have odd ones; 0
// for one without a limit.
func (l *Limiter) AddressKey(ip netip.Addr) uint64 {
	if !Counts(ip) {
		return 0
	}
	raw := Network(ip).As16()
	return max(2, maphash.Bytes(l.seed, binary.BigEndian.AppendUint16(raw[:], 64))&^1)
}

// Counts reports whether an address is one that counts.
func Counts(ip netip.Addr) bool { return ip.IsValid() && !ip.IsLoopback() }

// Network is the first address of what is counted as one.
func Network(ip netip.Addr) netip.Addr {
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		p, _ := ip.Prefix(64) // fails for no IPv6 address
		return p.Addr()
	}
	return ip
}

// Counted is how many users and addresses have a stream.
func (l *Limiter) Counted() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.counts)
}
