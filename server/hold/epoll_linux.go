package hold

import (
	"errors"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// poll is a worker's epoll. It is itself watched by the runtime's poller, so that waiting
// for it takes a parked goroutine and no thread.
type poll struct {
	fd   int
	file *os.File
	wg   sync.WaitGroup
	next chan struct{} // the last events have been handled
	quit chan struct{}
}

func newPoll() (*poll, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(fd, true); err != nil { // else os.File would not give it to the poller
		unix.Close(fd)
		return nil, err
	}
	return &poll{fd: fd, file: os.NewFile(uintptr(fd), "epoll"), next: make(chan struct{}, 1), quit: make(chan struct{})}, nil
}

// add watches a descriptor for its client's going away. Not for input, if it isn't TLS's:
// whatever the client sends stays in its receive window.
func (p *poll) add(fd int, slot, gen uint32, input bool) error {
	return p.control(unix.EPOLL_CTL_ADD, fd, slot, gen, false, input)
}

// watch asks for room in the socket and for input too, or no longer.
func (p *poll) watch(fd int, slot, gen uint32, room, input bool) {
	_ = p.control(unix.EPOLL_CTL_MOD, fd, slot, gen, room, input) // fails only for a descriptor that isn't there
}

func (p *poll) control(op, fd int, slot, gen uint32, room, input bool) error {
	e := unix.EpollEvent{Events: unix.EPOLLRDHUP, Fd: int32(slot), Pad: int32(gen)}
	if room {
		e.Events |= unix.EPOLLOUT
	}
	if input {
		e.Events |= unix.EPOLLIN
	}
	return unix.EpollCtl(p.fd, op, fd, &e)
}

// start hands events to post until close. Events are level-triggered: it
// waits until those handed on have been handled.
func (p *poll) start(post func([]event)) error {
	raw, err := p.file.SyscallConn()
	if err != nil {
		return err
	}
	p.wg.Go(func() {
		var ready [128]unix.EpollEvent
		for {
			var events []event
			err := raw.Read(func(uintptr) bool {
				n, err := unix.EpollWait(p.fd, ready[:], 0)
				if errors.Is(err, unix.EINTR) {
					return false
				}
				for _, e := range ready[:max(n, 0)] {
					events = append(events, event{slot: uint32(e.Fd), gen: uint32(e.Pad), what: e.Events})
				}
				return n > 0
			})
			if err != nil { // the file was closed
				return
			}
			post(events)
			select {
			case <-p.next:
			case <-p.quit:
				return
			}
		}
	})
	return nil
}

// seen says that the events handed on have been handled.
func (p *poll) seen() { p.next <- struct{}{} }

func (p *poll) close() {
	close(p.quit)
	p.file.Close()
	p.wg.Wait()
}
