package stream

import "sync"

// hubLock is the hub's lock. Nothing may hold it for longer than it takes to do a bounded
// amount of work, whatever callers and producers send. A watch, which only tests set, is told
// how much was done in each hold, so that a test can fail above the bound.
type hubLock struct {
	mu    sync.Mutex
	watch *holdWatch // nil: nothing is counted
}

// holdWatch counts the work of one hold.
type holdWatch struct {
	work  int
	began func()         // the lock was taken; nil: not told
	ended func(work int) // it is about to be given back
}

func (l *hubLock) Lock() {
	l.mu.Lock()
	if l.watch != nil && l.watch.began != nil {
		l.watch.began()
	}
}

func (l *hubLock) Unlock() {
	if w := l.watch; w != nil {
		work := w.work
		w.work = 0
		w.ended(work)
	}
	l.mu.Unlock()
}

// did counts work of this hold: a subscriber, an entry or a partition that was touched is one
// unit each, and so is a KB that was copied.
func (l *hubLock) did(n int) {
	if l.watch != nil {
		l.watch.work += n
	}
}

// breathe gives the lock back for a moment, so that others have it between two runs of work.
func (l *hubLock) breathe() {
	l.Unlock()
	l.Lock()
}

// holdRun is how many units of work one hold of the lock does before it is given back. One call
// may exceed it by what cannot be split: the copy of one record, one vector of positions.
const holdRun = 4096

// wakeRun is how many subscribers are woken under one hold.
const wakeRun = 2048
