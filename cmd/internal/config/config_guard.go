package config

import (
	"net/netip"
	"time"

	"sluice/server/limit"
	"sluice/stream/cursor"
)

// Guard is what keeps the gateway from harm.
type Guard struct {
	IDs             cursor.Codec // how positions are written; nil until Load has found no fault with them
	ControlTopic    string       // of revocations; "" none
	Portal          Portal
	Limits          Limits
	PerUserAction   string // PerUserRefuse or PerUserEvict
	TrustedProxies  []netip.Prefix
	TrustedUnix     bool   // the peer of a Unix socket is a trusted proxy
	ForwardedHeader string // the one they say the client's address in
	ProxyProtocol   bool
	AdminAuth       AdminAuth

	idsText           string
	idsKeysFile       string
	trustedProxyTexts []string
}

// Portal says where developers make keys; no Topic: nowhere.
type Portal struct {
	Topic      string
	Role       string
	MaxKeys    int
	KeyAge     time.Duration
	MaxKeyAge  time.Duration
	MaxOverlap time.Duration
}

// IDsSealed is the value of the key ids that seals them.
const IDsSealed = "sealed"

// Limits bounds what callers can take; 0 is no limit.
type Limits struct {
	Connections       int
	PerUser           int
	PerIP             int
	ConnectsPerSecond int
	PerIPConnects     Rate
	PerUserCatchups   Rate
	PerIPCatchups     Rate
	HeaderBytes       Size
	PerIPRequests     Rate
	StateBytes        Size
}

// ServerLimits are the limits in the server's words, with what happens beyond per_user.
func (g *Guard) ServerLimits() limit.Limits {
	limits := g.Limits.Server()
	limits.EvictOldest = g.PerUserAction == PerUserEvict
	return limits
}

// What happens to a stream beyond PerUser.
const (
	PerUserRefuse = "refuse"
	PerUserEvict  = "evict_oldest"
)

// AdminAuth is who may use the admin address; the zero AdminAuth lets everyone who
// reaches it.
type AdminAuth struct {
	Token   Secret
	APIKeys bool
}

// Server says the limits in the server's words.
func (l Limits) Server() limit.Limits {
	return limit.Limits{
		Connections: l.Connections, PerUser: l.PerUser, PerIP: l.PerIP,
		Connects:      limit.Rate{N: l.ConnectsPerSecond, Per: rateUnits["s"]},
		PerIPConnects: limit.Rate(l.PerIPConnects),
		PerIPRequests: limit.Rate(l.PerIPRequests),
		StateBytes:    int64(l.StateBytes),

		PerUserCatchups: limit.Rate(l.PerUserCatchups),
		PerIPCatchups:   limit.Rate(l.PerIPCatchups),
	}
}

// Proxies says who is believed about a client's address.
func (g *Guard) Proxies() limit.Proxies {
	return limit.Proxies{Trusted: g.TrustedProxies, Unix: g.TrustedUnix, Header: g.ForwardedHeader}
}
