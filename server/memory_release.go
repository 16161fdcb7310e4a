package server

import (
	"sync"
	"time"
)

const (
	releasePause = 10 * time.Second
	releaseRush  = 500 // streams opened within a releasePause that are worth releasing after
)

// memoryReleaser gives memory back after a rush. Each request leaves some 25 KB of
// net/http's behind when its connection is taken over. After a deploy that is gigabytes.
// The collector, with the little that held connections allocate, would not look at it
// for hours. So once as many as releaseRush streams have opened and then fewer in
// releasePause, free is called.
type memoryReleaser struct {
	free func() // debug.FreeOSMemory

	mu     sync.Mutex // guards the rest, and is held while free runs, so that close waits for it
	opened int        // since the last look
	rush   bool
	timer  *time.Timer // nil: nothing has opened since the last release
	closed bool
}

// open counts a stream.
func (t *memoryReleaser) open() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.opened++
	if t.timer == nil && !t.closed {
		t.timer = time.AfterFunc(releasePause, t.look)
	}
}

func (t *memoryReleaser) look() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	calm := t.opened < releaseRush
	t.rush = t.rush || !calm
	t.opened = 0
	if !calm {
		t.timer.Reset(releasePause)
		return
	}
	t.timer = nil
	if t.rush {
		t.rush = false
		t.free()
	}
}

// close waits for what runs.
func (t *memoryReleaser) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	if t.timer != nil {
		t.timer.Stop()
	}
}
