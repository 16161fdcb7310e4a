package hold

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestStall: a client reads nothing while tens of megabytes are sent to it, and then
// reads. It gets every byte once and in order, whether the socket cut a batch between its
// frames or within one. Meanwhile the holder keeps no more of it than one batch.
func TestStall(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Workers = 1 })
	k := key(0)
	for _, size := range []int{1500, 300_001} {
		for _, request := range []string{get11, get10} {
			k++
			c := r.begun(r.dial(k, request))
			other := r.open(k + 10)
			frames, want := numbered(30<<20/size, size)
			before := r.wrote.Load()
			r.send(k, frames...)
			r.wantBlocked(k)
			if n := r.wrote.Load() - before; n > 4<<20 {
				t.Errorf("%d bytes were taken for a client that reads nothing", n)
			}
			r.send(k+10, []byte("not held up"))
			other.want("not held up")
			r.end(k)
			got := sha256.New()
			n, err := io.Copy(got, c.resp.Body)
			if err != nil {
				t.Fatalf("after %d bytes: %v", n, err)
			}
			if !bytes.Equal(got.Sum(nil), want) {
				t.Errorf("frames of %d bytes: %d bytes arrived, and they are not those that were sent", size, n)
			}
			c.Close()
			r.wantGone(k, Ended)
		}
	}
}

// numbered returns n frames that are all different, and the hash of all of them.
func numbered(n, size int) (frames [][]byte, sum []byte) {
	all := sha256.New()
	for i := range n {
		frame := fmt.Appendf(nil, "%d\n", i)
		for len(frame) < size {
			frame = append(frame, byte(len(frame)*7+i), byte(len(frame)>>8))
		}
		frames = append(frames, frame)
		all.Write(frame)
	}
	return frames, all.Sum(nil)
}

// TestSentWhileBlocked: what is sent to a client that hasn't taken all of the last is not
// forgotten, though its waking came to nothing.
func TestSentWhileBlocked(t *testing.T) {
	r := newRig(t, nil)
	c := r.open(1)
	large := make([]byte, 8<<20)
	r.send(1, large)
	r.wantBlocked(1)
	r.send(1, []byte("and then"))
	r.onWorker(1, func(*worker[key], uint32) {}) // it has been woken
	c.want(string(large))
	c.want("and then")
}

// TestSlow: a client that takes nothing for WriteTimeout is closed, and sees that its
// stream was cut. What it may have of a frame can't be taken for a whole one.
func TestSlow(t *testing.T) {
	r := newRig(t, func(c *Config) { c.WriteTimeout = 400 * time.Millisecond })
	c := r.open(1)
	frame := bytes.Repeat([]byte("x"), 1<<20)
	for range 16 {
		r.send(1, frame)
	}
	r.wantGone(1, Slow)
	r.wantEmpty()
	if n, err := io.Copy(io.Discard, c.resp.Body); err != io.ErrUnexpectedEOF {
		t.Errorf("after %d bytes: %v, want the cut to show", n, err)
	}
}

// TestTrickle: a client that takes a little now and then is no client that takes nothing.
// The clock is the test's.
func TestTrickle(t *testing.T) {
	const timeout = 1000_000 // so much more than a loaded machine takes between two steps
	r := newRig(t, func(c *Config) { c.WriteTimeout = timeout * time.Millisecond })
	c := r.open(1)
	r.send(1, bytes.Repeat([]byte("x"), 64<<20))
	since := func() (at int64) {
		r.onWorker(1, func(w *worker[key], slot uint32) {
			if rest := w.rests[slot]; rest != nil {
				at = rest.since
			}
		})
		return at
	}
	eventually(t, "the socket was full", func() bool { return since() > 0 })
	for range 4 {
		before := since()
		r.skew.Add(timeout * 3 / 4)
		if _, err := io.CopyN(io.Discard, c.resp.Body, 8<<20); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it was seen to take something", func() bool { return since() > before })
	}
	if whys := r.whys(1); len(whys) > 0 {
		t.Fatalf("ended as %v", whys)
	}
	eventually(t, "it was given up", func() bool { // the kernels still move what there is room for, and each time it has taken something
		r.skew.Add(timeout)
		r.holder.Each(func(int64, *key) {}) // the skew is nothing that a timer hears of
		return len(r.whys(1)) > 0
	})
	r.wantGone(1, Slow)
}

// TestStalledMemory: a stalled client has little of the kernel's memory, however its
// events are sized.
func TestStalledMemory(t *testing.T) {
	r := newRig(t, nil)
	for i, size := range []int{300, 1500, 30_000, 64 << 10, 8 << 20} {
		for j, pass := range []int{1, 32 << 10} {
			k := key(10*i + j)
			r.open(k)
			r.edit(k, func(f *feed) {
				f.pass = pass
				for range 8 << 20 / size {
					f.pending = append(f.pending, make([]byte, size))
				}
			})
			r.wantBlocked(k)
			var queued uint32
			r.onWorker(k, func(w *worker[key], slot uint32) { queued = writeMemory(t, int(w.slots.at(slot).fd)) })
			most := uint32(70_000)
			if size > 64<<10 { // more than one buffer of the kernel's at once
				most = 100_000
			}
			if queued == 0 || queued > most {
				t.Errorf("events of %d bytes, %d a time: %d bytes of kernel memory, want at most %d", size, pass, queued, most)
			}
		}
	}
}

// writeMemory is what a socket's unsent and unacknowledged bytes cost (skmem w of ss):
// SK_MEMINFO_WMEM_QUEUED of SO_MEMINFO.
func writeMemory(t *testing.T, fd int) uint32 {
	var info [9]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO, uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		t.Errorf("SO_MEMINFO: %v", errno)
	}
	const queued = 5
	return info[queued]
}
