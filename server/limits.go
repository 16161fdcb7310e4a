package server

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"net/http"
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
	limitConnections   = "connections"
	limitPerUser       = "per_user"
	limitPerIP         = "per_ip"
	limitConnects      = "connects"
	limitPerIPConnects = "per_ip_connects"
	limitPerIPRequests = "per_ip_requests"
	limitStateBytes    = "state_bytes"

	limitPerIPProbes = "per_ip_probes"

	limitPerUserCatchups = "per_user_catchups"
	limitPerIPCatchups   = "per_ip_catchups"

	// limitDescriptors is the process's own limit, and only a reason of
	// sluice_sockets_turned_away_total.
	limitDescriptors = "descriptors"
)

// limiter counts against the limits. Users and addresses are counted by a hash with a
// seed of this process. So a count holds no pointer and costs a session 16 bytes. Two
// that collide (one chance in 2^64 for a pair that nobody can choose) would share their
// limit, and nothing else.
type limiter struct {
	limits Limits
	seed   maphash.Seed

	mu     sync.Mutex // guards the rest; a leaf
	open   int
	counts map[uint64]int32 // streams open, by user or address
	all    bucket
	byIP   buckets // streams begun, by address
	caught buckets // of those, the ones that need Kafka, by user or address
}

// buckets are those that are not empty, by what they count.
type buckets struct {
	by    map[uint64]*bucket
	sweep int // how many there may be before those that have emptied are taken out
}

// take is bucket.take of a key.
func (s *buckets) take(key uint64, r Rate, now time.Time) bool {
	b := s.by[key]
	if b == nil {
		if s.by == nil {
			s.by, s.sweep = make(map[uint64]*bucket), minSweep
		}
		b = new(bucket)
		s.by[key] = b
		s.forget(now)
	}
	return b.take(r, now)
}

const minSweep = 1 << 10

func newLimiter(l Limits) *limiter {
	return &limiter{limits: l, seed: maphash.MakeSeed(), counts: make(map[uint64]int32)}
}

// stake is what a stream counts for; the zero stake is nothing.
type stake struct {
	user, ip uint64 // hashes; 0 is not counted
	taken    bool
}

// connect counts an attempt to begin a stream; why is "" where it may go on. The address
// is asked first: one that knocks too often must not use up what is everybody's.
func (l *limiter) connect(ip netip.Addr, now time.Time) (why string) {
	if l.limits.Connects.N == 0 && l.limits.PerIPConnects.N == 0 {
		return ""
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if key := l.address(ip); key != 0 && l.limits.PerIPConnects.N > 0 && !l.byIP.take(key, l.limits.PerIPConnects, now) {
		return limitPerIPConnects
	}
	if l.limits.Connects.N > 0 && !l.all.take(l.limits.Connects, now) {
		return limitConnects
	}
	return ""
}

// request counts a request of an address, whatever it asks for; why is "" where it may go
// on.
func (l *limiter) request(ip netip.Addr, now time.Time) (why string) {
	key := l.address(ip)
	if key == 0 || l.limits.PerIPRequests.N == 0 {
		return ""
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.byIP.take(apart(key), l.limits.PerIPRequests, now) {
		return limitPerIPRequests
	}
	return ""
}

// apart is what a caller is counted by for something else: another number, as odd or even
// as the first.
func apart(caller uint64) uint64 { return max(2, bits.RotateLeft64(caller, 32)&^1) | caller&1 }

// limitRequests has every route know the limit of requests.
func (s *Server) limitRequests(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if why := s.limits.request(s.cfg.Proxies.client(r), time.Now()); why != "" {
			s.unavailable(w, r, why)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// forget drops the buckets that are full again, which are as good as none.
func (s *buckets) forget(now time.Time) {
	if len(s.by) < s.sweep {
		return
	}
	for key, b := range s.by {
		if !b.empties.After(now) && !b.empties.IsZero() {
			delete(s.by, key)
		}
	}
	s.sweep = max(minSweep, 2*len(s.by))
}

// catchup counts a stream or poll that needs Kafka; why is "" where it may go on. The
// parameter who is its user, or what else it is counted by; "" is nobody.
func (l *limiter) catchup(who string, ip netip.Addr, now time.Time) (why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if who != "" && l.limits.PerUserCatchups.N > 0 && !l.caught.take(maphash.String(l.seed, who)|1, l.limits.PerUserCatchups, now) {
		return limitPerUserCatchups
	}
	if key := l.address(ip); key != 0 && l.limits.PerIPCatchups.N > 0 && !l.caught.take(key, l.limits.PerIPCatchups, now) {
		return limitPerIPCatchups
	}
	return ""
}

// mayCatchUp is what a request asks before it has Kafka asked.
func (s *Server) mayCatchUp(who string, ip netip.Addr) func() error {
	return func() error {
		if why := s.limits.catchup(who, ip, time.Now()); why != "" {
			return overLimit{why}
		}
		return nil
	}
}

// take counts a stream that begins. The parameter who is its user, or what else it is
// counted by; "" is nobody.
func (l *limiter) take(who string, ip netip.Addr) (s stake, why string) {
	return l.count(l.callers(who, ip))
}

// takeState counts a state that is being sent. A caller may have as many of them as
// streams, in addition to the streams. A page that is rendered asks for the state while
// the one before still has its stream.
func (l *limiter) takeState(who string, ip netip.Addr) (s stake, why string) {
	callers := l.callers(who, ip)
	for i, c := range callers {
		if c != 0 {
			callers[i] = apart(c)
		}
	}
	return l.count(callers)
}

// callers are what a request is counted by: its user, an odd number, and its address; 0:
// none.
func (l *limiter) callers(who string, ip netip.Addr) (callers [2]uint64) {
	if who != "" {
		callers[0] = maphash.String(l.seed, who) | 1
	}
	callers[1] = l.address(ip)
	return callers
}

func (l *limiter) count(callers [2]uint64) (s stake, why string) {
	return l.countUpTo(callers, l.limits.PerUser)
}

// countBeyond counts a stream for which another of its user is ending, which counts until
// it has.
func (l *limiter) countBeyond(callers [2]uint64) (s stake, why string) {
	return l.countUpTo(callers, 2*l.limits.PerUser)
}

// crowded reports whether as many streams of a user are ending as it may have.
func (l *limiter) crowded(user uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int(l.counts[user]) >= 2*l.limits.PerUser
}

func (l *limiter) countUpTo(callers [2]uint64, perUser int) (s stake, why string) {
	if l.limits.PerUser > 0 {
		s.user = callers[0]
	}
	if l.limits.PerIP > 0 {
		s.ip = callers[1]
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case s.user != 0 && int(l.counts[s.user]) >= perUser:
		return stake{}, limitPerUser
	case s.ip != 0 && int(l.counts[s.ip]) >= l.limits.PerIP:
		return stake{}, limitPerIP
	case l.limits.Connections > 0 && l.open >= l.limits.Connections:
		return stake{}, limitConnections
	}
	s.taken = true
	l.open++
	for _, key := range [...]uint64{s.user, s.ip} {
		if key != 0 {
			l.counts[key]++
		}
	}
	return s, ""
}

// give takes a stream off the counts.
func (l *limiter) give(s stake) {
	if !s.taken {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	for _, key := range [...]uint64{s.user, s.ip} {
		switch {
		case key == 0:
		case l.counts[key] == 1:
			delete(l.counts, key)
		default:
			l.counts[key]--
		}
	}
}

// address is what an address is counted by: an even number, as users have odd ones; 0 for
// one without a limit.
func (l *limiter) address(ip netip.Addr) uint64 {
	if !limited(ip) {
		return 0
	}
	raw := block(ip).As16()
	return max(2, maphash.Bytes(l.seed, binary.BigEndian.AppendUint16(raw[:], 64))&^1)
}

// limited reports whether an address is one that counts.
func limited(ip netip.Addr) bool { return ip.IsValid() && !ip.IsLoopback() }

// block is the first address of what is counted as one.
func block(ip netip.Addr) netip.Addr {
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		p, _ := ip.Prefix(64) // fails for no IPv6 address
		return p.Addr()
	}
	return ip
}

// limitStatus is what a caller that takes no event stream is answered.
var limitStatus = map[string]int{
	limitConnections:   http.StatusServiceUnavailable,
	limitConnects:      http.StatusServiceUnavailable,
	limitPerUser:       http.StatusTooManyRequests,
	limitPerIP:         http.StatusTooManyRequests,
	limitPerIPConnects: http.StatusTooManyRequests,
	limitPerIPRequests: http.StatusTooManyRequests,
	limitStateBytes:    http.StatusServiceUnavailable,

	limitPerIPProbes: http.StatusTooManyRequests,

	limitPerUserCatchups: http.StatusTooManyRequests,
	limitPerIPCatchups:   http.StatusTooManyRequests,
}
