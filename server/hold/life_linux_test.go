package hold

import (
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestChurn: 5,000 connections come and go in every way; no descriptor, slot or session
// is left of them.
func TestChurn(t *testing.T) {
	r := newRig(t, nil)
	r.open(1).Close() // what a first connection leaves behind permanently is the base
	r.wantGone(1, Gone)
	r.wantEmpty()
	base := descriptors(t)
	const rounds, each = 10, 500
	for round := range rounds {
		clients := make([]*client, each)
		var wg sync.WaitGroup
		for at := range 4 {
			wg.Go(func() {
				for i := at; i < each; i += 4 {
					clients[i] = r.open(key(10 + round*each + i))
				}
			})
		}
		wg.Wait()
		for i, c := range clients {
			switch k := key(10 + round*each + i); i % 4 {
			case 0:
				r.end(k)
				c.wantEnd()
			case 1:
				c.SetLinger(0)
			case 2:
				r.send(k, make([]byte, 1<<20)) // blocked when it goes
			}
			c.Close()
		}
		eventually(t, "all have ended", func() bool { return r.ended() == 1+(round+1)*each })
		r.wantEmpty()
	}
	eventually(t, "all descriptors were given back", func() bool { return descriptors(t) <= base })
	for k := range key(10 + rounds*each) {
		if n := len(r.whys(k)); n > 1 {
			t.Fatalf("connection %d ended %d times", k, n)
		}
	}
	for _, w := range r.holder.workers {
		if len(w.rests) > 0 { // all quiet: the worker touches it no more
			t.Errorf("%d rests are left", len(w.rests))
		}
	}
}

// TestDue: the wheel wakes a connection when it is due, not before, though nobody rings;
// and moves with it.
func TestDue(t *testing.T) {
	r := newRig(t, nil)
	due := r.now() + 700
	r.edit(1, func(f *feed) { f.due = due })
	r.edit(2, func(f *feed) { f.due = due + 200_000 }) // beyond the wheel's far end
	c, far := r.open(1), r.open(2)
	r.send(1, []byte("x"))
	c.want("x")
	c.wantEnd()
	if early := due - r.now(); early > wheelStep {
		t.Errorf("ended %d ms early", early)
	}
	// Each moves the other's time, as drain does: arm must find the earlier one.
	r.mu.Lock()
	r.feeds[2].due = 0
	r.mu.Unlock()
	r.holder.Each(func(int64, *key) {})
	far.wantEnd()
}

// TestIdle: while a thousand connections have nothing to say, their worker sleeps,
// however busy another holder is.
func TestIdle(t *testing.T) {
	idle := newRig(t, func(c *Config) { c.Workers = 1 })
	for k := range key(1000) {
		idle.edit(k, func(f *feed) { f.due = 3600_000 })
		idle.open(k)
	}
	var next int64
	var armed bool
	idle.onWorker(1, func(w *worker[key], _ uint32) { next, armed = w.wheel.next() })
	// The wheel's far end, 131 s from when the first of them came.
	if far := int64(wheelStep * (wheelSlots - 4)); !armed || next < far {
		t.Errorf("the worker wakes at %d, want %d or later", next, far)
	}
	// A ring that came after its mail had been taken already may cause one more pass.
	eventually(t, "the worker slept", func() bool {
		before := idle.looks.Load()
		busy := newRig(t, nil)
		busy.edit(1, func(f *feed) { f.due = busy.now() + 300 })
		c := busy.open(1)
		for range 100 {
			busy.send(1, []byte("x"))
			c.want("x")
		}
		c.wantEnd()
		return idle.looks.Load() == before
	})
}

// TestReuse: an event for the descriptor that had the slot before doesn't touch the one
// that has it now.
func TestReuse(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Workers = 1 })
	first := r.open(1)
	var gen uint32
	r.onWorker(1, func(w *worker[key], slot uint32) { gen = w.slots.at(slot).gen })
	first.Close()
	r.wantGone(1, Gone)
	r.wantEmpty()
	second := r.open(2)
	r.mu.Lock()
	reused, same := r.feeds[1].slot, r.feeds[1].slot == r.feeds[2].slot
	r.mu.Unlock()
	if !same {
		t.Fatal("the slot was not used again: the test tests nothing")
	}
	const everything = ^uint32(0)
	w := r.holder.workers[0]
	stale := event{slot: reused.Slot, gen: gen, what: everything}
	r.onWorker(2, func(*worker[key], uint32) { w.event(stale, r.now()) })
	r.send(2, []byte("alive"))
	second.want("alive")
	if whys := r.whys(2); len(whys) > 0 {
		t.Errorf("ended as %v", whys)
	}
}

// TestCloseInEveryState: Close ends who is open, blocked, about to be filled again, or
// reads its end, tells each session once, and gives every descriptor back before it
// returns.
func TestCloseInEveryState(t *testing.T) {
	base := descriptors(t)
	r := newRig(t, nil)
	const each = 50
	var clients []*client
	for i := range key(4 * each) {
		clients = append(clients, r.open(i))
		switch i % 4 {
		case 1:
			r.send(i, make([]byte, 8<<20))
		case 2:
			r.end(i)
			clients[i].wantEnd()
		case 3:
			r.edit(i, func(f *feed) {
				f.pass = 1
				for range 10_000 {
					f.pending = append(f.pending, []byte("y"))
				}
			})
		}
	}
	r.holder.Reserve() // and one that nobody comes to
	r.holder.Close()
	r.holder.Close() // again is nothing
	for k := range key(4 * each) {
		want := Gone
		if k%4 == 2 {
			want = Ended
		}
		if got := r.whys(k); len(got) != 1 || got[0] != want {
			t.Errorf("connection %d ended as %v, want [%d]", k, got, want)
		}
	}
	if n := r.holder.InUse(); n != 1 {
		t.Errorf("%d slots, want the reserved one", n)
	}
	for k, c := range clients {
		if k%4 == 2 {
			continue
		}
		if _, err := io.Copy(io.Discard, c.resp.Body); err == nil {
			t.Errorf("connection %d got a clean end though it was dropped", k)
		}
		c.Close()
	}
	late := r.dial(999, get11)
	if answer, _ := io.ReadAll(late); len(answer) > 0 {
		t.Errorf("a closed holder answered %q", answer)
	}
	for _, c := range clients {
		c.Close()
	}
	late.Close()
	// The listener is still there, and what the runtime's poller opened with the first
	// socket.
	eventually(t, "the descriptors were given back", func() bool { return descriptors(t) <= base+3 })
}

// TestEndSurvivesClose: a client that has not read its end yet still can after Close,
// even if it has sent what nobody read.
func TestEndSurvivesClose(t *testing.T) {
	r := newRig(t, nil)
	c := r.open(1)
	if _, err := c.Write([]byte("unread")); err != nil {
		t.Fatal(err)
	}
	r.send(1, []byte("the last words"))
	r.end(1)
	r.wantGone(1, Ended)
	r.holder.Close()
	c.want("the last words")
	c.wantEnd()
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("after the end: %v, want EOF", err)
	}
}

// TestLingerEnds: a client that reads its end and doesn't go away is not waited for long.
func TestLingerEnds(t *testing.T) {
	r := newRig(t, nil)
	began := time.Now()
	c := r.open(1)
	r.end(1)
	c.wantEnd()
	r.wantEmpty()
	if held := time.Since(began); held < (lingerTime-2*wheelStep)*time.Millisecond {
		t.Errorf("held for %v after its end, want about a second", held)
	}
}

// TestOutOfDescriptors: whose descriptor can't be duplicated is told with a 200 to come
// back, for only that brings an EventSource back; and once there are descriptors again it
// is held.
func TestOutOfDescriptors(t *testing.T) {
	r := newRig(t, nil)
	held := r.open(1)
	refused, later := r.dial(2, "GET /?n=2 HTTP/1.1\n"), r.dial(3, "GET /?n=3 HTTP/1.1\n") // each short of its end
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	restore := func() { unix.Setrlimit(unix.RLIMIT_NOFILE, &limit) }
	t.Cleanup(restore)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 1, Max: limit.Max}); err != nil { // no more than there are
		t.Fatal(err)
	}
	io.WriteString(refused, "Host: x\r\n\r\n")
	answer, err := io.ReadAll(refused)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.0 200 OK\r\n") || !strings.HasSuffix(string(answer), "\r\n\r\ncome back\n") {
		t.Errorf("answered %q, %v", answer, err)
	}
	r.send(1, []byte("not concerned"))
	held.want("not concerned")
	restore()
	io.WriteString(later, "Host: x\r\n\r\n")
	r.begun(later)
	if whys := r.whys(2); len(whys) > 0 {
		t.Errorf("one that was never held ended as %v", whys)
	}
}
