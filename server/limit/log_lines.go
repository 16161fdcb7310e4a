package limit

import (
	"sync"
	"time"
)

// DebugLines is how many lines of a kind there are on the level debug.
var DebugLines = Rate{N: 50, Per: 50 * time.Second}

// LogLines bounds how many lines of each kind go to the log, where anybody can cause
// them. Kinds are few, and none is a text that a caller chose.
type LogLines struct {
	rate Rate // of each kind

	mu    sync.Mutex // guards the rest; a leaf
	kinds map[string]*logKind
}

// logKind is what of one kind went to the log.
type logKind struct {
	lines    Bucket
	unlogged int // that did not, since the last that did
}

// NewLogLines lets each kind of line through at a rate.
func NewLogLines(each Rate) *LogLines {
	return &LogLines{rate: each, kinds: make(map[string]*logKind)}
}

// Take reports whether there is room for a line of a kind, and how many of that kind had
// none since the last that had.
func (l *LogLines) Take(kind string, now time.Time) (room bool, unlogged int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.kinds[kind]
	if k == nil {
		k = new(logKind)
		l.kinds[kind] = k
	}
	if !k.lines.Take(l.rate, now) {
		k.unlogged++
		return false, 0
	}
	unlogged, k.unlogged = k.unlogged, 0
	return true, unlogged
}
