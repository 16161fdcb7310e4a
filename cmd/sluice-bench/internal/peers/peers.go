//go:build linux

package peers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sluice/cmd/sluice-bench/internal/load"
)

// A peer is a server that can be compared with sluice in a run. To add one, write
// its start function and enter it in [All].
type Peer struct {
	Name   string
	About  string
	Kafka  bool       // reads Kafka itself; others are fed by HTTP publishing
	only   []Audience // empty: both
	Resume bool       // serves what was missed after Last-Event-ID
	protos []string   // besides plain HTTP/1.1

	gateway bool          // it is sluice, with one configuration or another
	lacks   func() string // what must be installed first; "" or nil: nothing
	Start   func(context.Context, Env, Shape) (*Target, error)
}

// Env is what a peer's start may need of the run.
type Env struct {
	Dir       string   // for configurations and logs
	Brokers   []string // Kafka's; nil where nothing reads it
	Sluice    string   // sluice's program
	Heartbeat time.Duration
	UserFrom  string // where sluice finds the user of a record
	JWT       bool   // sluice asks its clients for a token
	Clients   int    // that will come, at most
}

// Shape is what a mode wants of the servers it starts.
type Shape struct {
	Topics map[Audience]string // made for this server alone
	Proto  string
	Idle   bool // its memory is measured: nothing but what is needed may run in it
}

// All is the table of servers. sluice itself is one of them.
var All = []Peer{
	sluicePeer,
	sluiceFilterPeer,
	sluiceTransformPeer,
	sluiceDropPeer,
	floorPeer,
	kafkaFloorPeer,
	nchanPeer,
	r3labsPeer,
	tmaxmaxPeer,
	netHTTPPeer,
	netHTTPBeatsPeer,
	pushpinPeer,
	kafkaSSEPeer,
}

// Servers that the modes know by name.
const (
	Sluice     = "sluice"
	Floor      = "floor"       // bare write(2) loop
	KafkaFloor = "floor-kafka" // bare poll loop, and bare write(2)
)

// Choose finds the peers named, sluice first; "all" means every one that is
// installed.
func Choose(names []string) ([]Peer, []string, error) {
	var chosen []Peer
	var notes []string
	for _, name := range names {
		if name == "all" {
			for _, p := range All {
				if p.IsFloor() || p.gateway {
					continue
				}
				if lack := p.missing(); lack != "" {
					notes = append(notes, fmt.Sprintf("%s is left out: %s", p.Name, lack))
					continue
				}
				chosen = append(chosen, p)
			}
			continue
		}
		i := slices.IndexFunc(All, func(p Peer) bool { return p.Name == name })
		if i < 0 {
			return nil, nil, fmt.Errorf("--peer %s: no such peer; there are %s, and all", name, Names())
		}
		if lack := All[i].missing(); lack != "" {
			return nil, nil, fmt.Errorf("--peer %s: %s", name, lack)
		}
		chosen = append(chosen, All[i])
	}
	return chosen, notes, nil
}

// Servers are the peers, and what they need, that are parts of this program.
var Servers = map[string]func(ctx context.Context, args []string) error{
	"floor":           runFloor,
	netHTTPName:       runNetHTTP,
	netHTTPBeats:      runNetHTTPBeats,
	r3labsName:        runR3labs,
	tmaxmaxName:       runTmaxmax,
	pushpinOriginName: runPushpinOrigin,
}

// IsFloor tells the servers that show what the machine costs.
func (p *Peer) IsFloor() bool { return p.Name == Floor || p.Name == KafkaFloor }

// IsGateway tells sluice, with whatever configuration.
func (p *Peer) IsGateway() bool { return p.gateway }

// missing says what must be installed before the peer can run; "" is nothing.
func (p *Peer) missing() string {
	if p.lacks == nil {
		return ""
	}
	return p.lacks()
}

// Serves reports whether the peer has events for that audience.
func (p *Peer) Serves(a Audience) bool {
	return len(p.only) == 0 || a == Both || slices.Contains(p.only, a)
}

// Speaks reports whether the peer can be asked by that protocol.
func (p *Peer) Speaks(proto string) bool {
	return proto == load.HTTP || slices.Contains(p.protos, proto)
}

// Names is a list of all, for people.
func Names() string {
	var names []string
	for _, p := range All {
		names = append(names, p.Name)
	}
	return strings.Join(names, ", ")
}
