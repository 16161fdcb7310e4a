package hold

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxIovecs is the kernel's UIO_MAXIOV: more take another call.
const maxIovecs = 1024

// iovecs gather slices for one call to the kernel, without a copy.
type iovecs struct {
	bufs [][]byte
	vecs []unix.Iovec
	msg  unix.Msghdr
}

// sendFlags: the socket never blocks and a dead one raises no signal. MSG_EOR keeps the
// kernel from filling its last buffer up to 64 KB with what comes later, past every
// bound: with it a stalled client's share is about one batch.
const sendFlags = unix.MSG_EOR | unix.MSG_NOSIGNAL | unix.MSG_DONTWAIT

func (v *iovecs) reset() {
	clear(v.bufs)
	clear(v.vecs)
	v.bufs, v.vecs = v.bufs[:0], v.vecs[:0]
}

func (v *iovecs) add(b []byte) {
	if len(b) == 0 {
		return
	}
	v.bufs = append(v.bufs, b)
	v.vecs = append(v.vecs, unix.Iovec{Base: &b[0], Len: uint64(len(b))})
}

// write writes as much as the socket takes, and returns what it didn't.
func (v *iovecs) write(fd int) (left [][]byte, err error) {
	first := 0
	for first < len(v.vecs) {
		vecs := v.vecs[first:min(len(v.vecs), first+maxIovecs)]
		// Raw: the socket doesn't block, so telling the scheduler would cost more than the call
		// may take.
		v.msg.Iov = &vecs[0]
		v.msg.SetIovlen(len(vecs))
		n, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&v.msg)), sendFlags)
		switch errno {
		case 0:
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return v.left(first), nil
		default:
			return nil, errno
		}
		for n > 0 {
			if l := uintptr(v.vecs[first].Len); n >= l {
				n -= l
				first++
				continue
			}
			v.bufs[first] = v.bufs[first][n:]
			v.vecs[first].Base = &v.bufs[first][0]
			v.vecs[first].Len -= uint64(n)
			break
		}
	}
	return nil, nil
}

func (v *iovecs) left(first int) [][]byte { return append([][]byte(nil), v.bufs[first:]...) }
