//go:build linux

package clients

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"sluice/cmd/sluice-bench/internal/wire"
)

// dialMore begins connects up to the window's size.
func (f *fleet) dialMore() {
	for len(f.queue) > 0 && f.dialing < max(f.plan.Window, 1) {
		i := f.queue[0]
		f.queue = f.queue[1:]
		f.dialing++
		f.clients[i].state = connecting
		if err := f.dial(i); err != nil {
			f.now.Failed[0]++
			f.now.Err = err.Error()
			f.drop(i, gone)
		}
	}
}

// dial begins client i's connect; [fleet.connected] goes on from there.
func (f *fleet) dial(i int) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	c := &f.clients[i]
	c.fd = int32(fd)
	c.res = wire.Response{}
	c.ev.Restart()
	c.ws = wire.Messages{}
	// The port is chosen at connect, when the kernel knows the whole 4-tuple:
	// each source address then has its own range of ports.
	if err := unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
		return fmt.Errorf("IP_BIND_ADDRESS_NO_PORT: %w", err)
	}
	if err := unix.Bind(fd, &f.local[i%len(f.local)]); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	err = unix.Connect(fd, &f.remote)
	if err != nil && !errors.Is(err, unix.EINPROGRESS) {
		return fmt.Errorf("connect: %w", err)
	}
	ev := unix.EpollEvent{Events: unix.EPOLLOUT, Fd: int32(i), Pad: c.gen}
	if err := unix.EpollCtl(f.epfd, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	return nil
}

// connected sends client i's request once its connect has ended, well or not.
func (f *fleet) connected(i int) {
	c := &f.clients[i]
	fd := int(c.fd)
	if code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR); err != nil || code != 0 {
		f.now.Err = fmt.Sprintf("connect: %v", unix.Errno(code))
		f.ended(i, 0)
		return
	}
	n := f.plan.First + i*max(f.plan.Stride, 1)
	req := f.plan.request(n, tokenOf(f.tokens, n), string(c.ev.Last()))
	// A fresh connection's send buffer holds a request many times over.
	if sent, err := unix.Write(fd, req); err != nil || sent != len(req) {
		f.ended(i, 0)
		return
	}
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i), Pad: c.gen}
	if err := unix.EpollCtl(f.epfd, unix.EPOLL_CTL_MOD, fd, &ev); err != nil {
		f.ended(i, 0)
		return
	}
	c.state = asking
}
