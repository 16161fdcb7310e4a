package gateway

import (
	"errors"
	"net"
	"os"
	"strconv"
	"sync"
)

// Gateways listen below the range from which systems hand out ports to outgoing connections. A port
// from that range could be taken while its gateway is down, by a client that dials it even.
const (
	firstPort = 20000
	lastPort  = 24000
)

// ports hands out each port once, from a place that differs from one test process to the next.
var ports struct {
	sync.Mutex
	taken int
}

// twoAddresses returns two loopback addresses that nobody listens on.
func twoAddresses() (public, admin string, err error) {
	ports.Lock()
	defer ports.Unlock()
	var free []string
	for ; ports.taken < lastPort-firstPort; ports.taken++ {
		if len(free) == 2 {
			return free[0], free[1], nil
		}
		port := firstPort + (os.Getpid()*40+ports.taken)%(lastPort-firstPort)
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		if l, err := net.Listen("tcp", address); err == nil {
			free = append(free, address)
			_ = l.Close() // nothing was ever accepted
		}
	}
	return "", "", errors.New("no free ports are left for gateways")
}
