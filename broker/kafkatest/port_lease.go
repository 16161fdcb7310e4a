package kafkatest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// The ports of a place, counted from its first.
const (
	portController = iota
	portPlaintext
	portSASL
	portSASLTLS
	portMutualTLS
	portsEach
)

// Places lie below the range from which systems hand out ports to outgoing connections
// (32768 and up on Linux, 49152 elsewhere): a port from that range could be someone
// else's by the time a killed broker comes back to it.
const (
	firstPort = 24000
	lastPort  = 32000
)

// place is where one cluster lives: a run of ports, and the directory named after them. It
// is held by a lock that ends with the process, so whatever the directory still holds when
// the lock is won was left by a test that was killed.
type portLease struct {
	first int // port, of portsEach
	dir   string
	lock  *os.File
}

// takePlace finds a place that no other test on this machine holds.
func leasePorts() (*portLease, error) {
	for port := firstPort; port+portsEach <= lastPort; port += portsEach {
		dir := filepath.Join(os.TempDir(), fmt.Sprintf("sluice-kafka-%d-%d", os.Getuid(), port))
		lock, err := tryLock(dir + ".lock")
		if errors.Is(err, errLocked) {
			continue
		}
		if err != nil {
			return nil, err
		}
		l := &portLease{first: port, dir: dir, lock: lock}
		if !l.portsFree() {
			_ = lock.Close() // the next place will do
			continue
		}
		if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700)); err != nil {
			return nil, errors.Join(err, lock.Close())
		}
		return l, nil
	}
	return nil, fmt.Errorf("no %d free ports in a row from %d to %d", portsEach, firstPort, lastPort)
}

func (l *portLease) portsFree() bool {
	for offset := range portsEach {
		listener, err := net.Listen("tcp", l.address(offset))
		if err != nil {
			return false
		}
		_ = listener.Close() // nothing was ever accepted
	}
	return true
}

func (l *portLease) address(offset int) string { return net.JoinHostPort("127.0.0.1", l.port(offset)) }

// port is one of the place's ports, as text.
func (l *portLease) port(offset int) string { return strconv.Itoa(l.first + offset) }

func (l *portLease) path(name string) string { return filepath.Join(l.dir, name) }

// leave removes the directory and lets go of the place. The lock file stays: removing it
// would let two hold a lock of the same name at once.
func (l *portLease) release() {
	_ = os.RemoveAll(l.dir) // the next to come here tries again, and reports it
	_ = l.lock.Close()
}
