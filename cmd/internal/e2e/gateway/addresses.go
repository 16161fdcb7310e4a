package gateway

import (
	"errors"
	"net"
	"os"
	"strconv"
	"sync"
)

// Gateways, and proxies before them, listen below the range from which systems hand out
// ports to outgoing connections. A port from that range could be taken while its server
// is down, by a client that dials it even.
const (
	firstPort = 20000
	lastPort  = 24000
)

// ports hands out each port once, from a place that differs from one test process to the
// next.
var ports struct {
	sync.Mutex
	taken int
}

// Address returns a loopback address that nobody listens on, and that is returned only
// once.
func Address() (string, error) {
	ports.Lock()
	defer ports.Unlock()
	for ports.taken < lastPort-firstPort {
		port := firstPort + (os.Getpid()*40+ports.taken)%(lastPort-firstPort)
		ports.taken++
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		if l, err := net.Listen("tcp", address); err == nil {
			_ = l.Close() // nothing was ever accepted
			return address, nil
		}
	}
	return "", errors.New("no free ports are left")
}
