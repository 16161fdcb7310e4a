package bench

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// A peer is a server that can stand beside sluice in a run. To add one, write
// its start function and enter it in [peers].
type peer struct {
	name   string
	about  string
	kafka  bool          // reads Kafka itself; others are fed by HTTP publishing
	only   []audience    // empty: both
	resume bool          // serves what was missed after Last-Event-ID
	protos []string      // besides protoPlain
	lacks  func() string // what must be installed first; "" or nil: nothing
	start  func(context.Context, *session, shape) (*target, error)
}

// shape is what a mode wants of the servers it starts.
type shape struct {
	topics map[audience]string // made for this server alone
	proto  string
	idle   bool // its memory is measured: nothing but what is needed may run in it
}

// peers is the table of servers. sluice itself is one of them.
var peers = []peer{
	sluicePeer,
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

const (
	self       = "sluice"
	floorName  = "floor"       // bare write(2) loop
	kafkaFloor = "floor-kafka" // bare poll loop, and bare write(2)
)

// choose finds the peers named, sluice first; "all" means every one that is
// installed.
func choose(names []string) ([]peer, []string, error) {
	var chosen []peer
	var notes []string
	for _, name := range names {
		if name == "all" {
			for _, p := range peers {
				if p.name == floorName || p.name == kafkaFloor || p.name == self {
					continue
				}
				if lack := p.missing(); lack != "" {
					notes = append(notes, fmt.Sprintf("%s is left out: %s", p.name, lack))
					continue
				}
				chosen = append(chosen, p)
			}
			continue
		}
		i := slices.IndexFunc(peers, func(p peer) bool { return p.name == name })
		if i < 0 {
			return nil, nil, fmt.Errorf("--peer %s: no such peer; there are %s, and all", name, peerNames())
		}
		if lack := peers[i].missing(); lack != "" {
			return nil, nil, fmt.Errorf("--peer %s: %s", name, lack)
		}
		chosen = append(chosen, peers[i])
	}
	return chosen, notes, nil
}

func (p *peer) missing() string {
	if p.lacks == nil {
		return ""
	}
	return p.lacks()
}

func (p *peer) serves(a audience) bool {
	return len(p.only) == 0 || a == both || slices.Contains(p.only, a)
}

func (p *peer) speaks(proto string) bool {
	return proto == protoPlain || slices.Contains(p.protos, proto)
}

func peerNames() string {
	var names []string
	for _, p := range peers {
		names = append(names, p.name)
	}
	return strings.Join(names, ", ")
}
