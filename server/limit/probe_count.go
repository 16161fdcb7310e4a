package limit

import "sync"

// ProbeCount counts the probes that are being answered.
type ProbeCount struct {
	mu        sync.Mutex // guards the rest; a leaf
	all       int
	byAddress map[uint64]int // as limits count addresses
}

func NewProbeCount() *ProbeCount { return &ProbeCount{byAddress: make(map[uint64]int)} }

// Begin counts a probe of an address, 0 for one without limits; why is "" where it may go
// on. Then end follows.
func (p *ProbeCount) Begin(address uint64) (why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case address != 0 && p.byAddress[address] >= ProbesPerAddress:
		return PerIPProbes
	case p.all >= ProbesAtOnce:
		return Probes
	}
	p.all++
	if address != 0 {
		p.byAddress[address]++
	}
	return ""
}

func (p *ProbeCount) End(address uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all--
	if p.byAddress[address]--; p.byAddress[address] <= 0 {
		delete(p.byAddress, address)
	}
}

const (
	// ProbesAtOnce is how many this gateway answers at a time, for all callers together.
	ProbesAtOnce = 16

	// ProbesPerAddress is how many of them one address has. sluice doctor asks for one
	// after the other, but a proxy may keep those that it left.
	ProbesPerAddress = 4
)

// Probes is why a probe waits: there are as many as may be.
const Probes = "probes"
