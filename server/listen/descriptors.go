package listen

import (
	"errors"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"
)

// Descriptors says how many of the process's file descriptors connections may take.
// Without this bound the gateway would meet the system's: then it could neither accept a
// connection, nor open one to Kafka, nor a file.
type Descriptors struct {
	Limit   int // RLIMIT_NOFILE of the process; 0: unknown, or none
	Reserve int // of it, for everything else: Kafka, files, epoll, connections that change hands
	Admin   int // of it, for the admin address, so that probes are answered while the public one is full
}

// maxAdminSockets is how many connections the admin address takes at most.
const maxAdminSockets = 256

// ShareDescriptors divides a limit. A process with very few leaves half of them to
// connections.
func ShareDescriptors(limit int) Descriptors {
	if limit <= 0 {
		return Descriptors{Admin: maxAdminSockets}
	}
	return Descriptors{Limit: limit, Reserve: min(limit*3/8, 64+limit/32, 1024), Admin: max(1, min(limit/8, maxAdminSockets))}
}

// Public is how many connections fit on the public address; 0: any number.
func (d Descriptors) Public() int {
	if d.Limit == 0 {
		return 0
	}
	return max(1, d.Limit-d.Reserve-d.Admin)
}

// acceptLog logs once a minute that no descriptors are left to accept a connection with.
// It comes as often as somebody connects.
type acceptLog struct {
	mu   sync.Mutex // guards the rest; a leaf
	last time.Time
	more int // failures since that were not logged
}

// accepts is of all listeners: the descriptors are the process's.
var accepts acceptLog

// acceptLogEvery is how often it says so at most.
const acceptLogEvery = time.Minute

func (a *acceptLog) failed(logger *slog.Logger, err error, address net.Addr, now time.Time) {
	if logger == nil || !errors.Is(err, syscall.EMFILE) && !errors.Is(err, syscall.ENFILE) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.last.IsZero() && now.Sub(a.last) < acceptLogEvery {
		a.more++
		return
	}
	logger.Error("no descriptor is left to accept a connection; raise the limit (ulimit -n, or LimitNOFILE of systemd), or lower limits.connections",
		"error", err, "address", address.String(), "not_logged", a.more)
	a.last, a.more = now, 0
}
