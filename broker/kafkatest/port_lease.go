package kafkatest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// The ports of a lease, counted from its first.
const (
	portController = iota
	portPlaintext
	portSASL
	portSASLTLS
	portMutualTLS
	portsEach
)

// Leases lie below the ports that systems give to outgoing connections (from 32768 on
// Linux, from 49152 elsewhere). A killed broker comes back to its port, and a port from
// that range could be in use by then.
const (
	firstPort = 24000
	lastPort  = 32000
)

// portLease is where one cluster runs: a range of ports, and the directory named after
// them. A lock that ends with the process holds it. So if the directory has files when
// the lock is won, a killed test left them.
type portLease struct {
	first int // port, of portsEach
	dir   string
	lock  *os.File
}

// leasePorts finds ports that no other test on this machine uses.
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
			_ = lock.Close() // the next ports will do
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

// port is one of the lease's ports, as text.
func (l *portLease) port(offset int) string { return strconv.Itoa(l.first + offset) }

func (l *portLease) path(name string) string { return filepath.Join(l.dir, name) }

// release removes the directory and gives up the ports. The lock file stays. If it were
// removed, two processes could hold a lock of the same name.
func (l *portLease) release() {
	_ = os.RemoveAll(l.dir) // the next to come here tries again, and reports it
	_ = l.lock.Close()
}
